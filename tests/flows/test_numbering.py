from __future__ import annotations

import numpy as np

from pcapaudit.flows.numbering import Numbering, ends_of, is_one_of, numbering_of, roles_of
from pcapaudit.model.addresses import is_public, parse_ip
from pcapaudit.scan.columns import FLOW_DTYPE
from tests.support.scene import scan_frames, traffic_of

SCRIPT = "0.0 dev:50000 > cloud:4321 CONNECT\n1.0 pc:50001 > cloud:80 SYN\n2.0 gw > dev PING"


def test_the_ends_of_every_flow_are_named_by_number() -> None:
    traffic = traffic_of(SCRIPT)
    found = numbering_of(traffic)

    for flow in range(len(traffic.result.flows)):
        a, _, b, _, _ = traffic.ends(flow)
        assert (found.addresses[found.a[flow]], found.addresses[found.b[flow]]) == (a, b)
    assert numbering_of(traffic) is found
    flows = np.arange(len(traffic.result.flows))[::-1]
    assert list(ends_of(traffic, flows)) == [traffic.ends(flow) for flow in flows.tolist()]


def test_the_roles_are_those_of_each_flow() -> None:
    traffic = traffic_of("0.0 cloud:4321 > dev:50000 SYN-ACK\n1.0 pc:50001 > cloud:80 SYN\n2.0 gw > dev PING")
    found, addresses = roles_of(traffic), numbering_of(traffic).addresses

    for index in range(len(traffic.result.flows)):
        flow = traffic.flow(index)
        assert addresses[found.originators[index]] == flow.orig[0]
        assert (addresses[found.responders[index]], found.ports[index]) == flow.resp
    assert {p: int((found.ports == p).sum()) for p in (4321, 80)} == {4321: 1, 80: 1}
    assert roles_of(traffic) is found


def test_a_question_is_put_to_each_address_once() -> None:
    found = numbering_of(traffic_of(SCRIPT))

    assert [a for a, holds in zip(found.addresses, found.which(is_public), strict=True) if holds] == [
        parse_ip("54.229.203.190")
    ]


def test_an_address_without_flows_has_no_number() -> None:
    found = numbering_of(traffic_of(SCRIPT))

    assert found.number(parse_ip("192.0.2.1")) == -1
    assert found.numbers([parse_ip("192.0.2.1"), parse_ip("10.0.0.5")]) == {found.number(parse_ip("10.0.0.5"))}


def test_a_flow_involves_the_address_at_either_end() -> None:
    found, flows = numbering_of(traffic_of(SCRIPT)), np.arange(2)

    assert found.involves([parse_ip("10.0.0.5"), parse_ip("192.0.2.1")], flows).tolist() == [True, False]
    assert found.involves([parse_ip("54.229.203.190")], flows).tolist() == [True, True]
    assert found.involves([], flows).tolist() == [False, False]


def test_a_capture_without_flows_numbers_nothing() -> None:
    assert numbering_of(scan_frames([])).addresses == []


def test_addresses_are_numbered_in_order_of_their_first_flow() -> None:
    traffic = traffic_of("0.0 dev:50000 > cloud:4321 SYN\n1.0 pc:50001 > dev:80 SYN")

    assert traffic.numbering.addresses == list(map(parse_ip, ("10.0.0.5", "54.229.203.190", "10.0.0.9")))
    assert (traffic.numbering.a.tolist(), traffic.numbering.b.tolist()) == ([0, 2], [1, 0])


def test_ipv6_addresses_that_share_a_half_are_different_and_no_ipv4_address_is_one_of_them() -> None:
    flows = np.zeros(4, FLOW_DTYPE)
    flows["family"] = [6, 6, 4, 6]
    flows["a_hi"], flows["a_lo"] = [1, 1, 0, 2], [7, 8, 7, 7]
    flows["b_hi"], flows["b_lo"] = [2, 0, 0, 1], [7, 7, 0, 7]

    found = Numbering(flows)

    assert found.a.tolist() == [0, 2, 4, 1]
    assert found.b.tolist() == [1, 3, 5, 0]
    assert found.addresses[4:] == [b"\0\0\0\7", bytes(4)]


def test_an_entry_is_one_of_some_values() -> None:
    ports = np.array([80, 443, 80, 53], np.uint16)

    assert is_one_of(ports, {80, 53, 70_000}).tolist() == [True, False, True, True]
    assert not is_one_of(ports, ()).any()
