from __future__ import annotations

from pcapaudit.flows.numbering import numbering_of
from pcapaudit.model.addresses import is_public, parse_ip
from tests.support.scene import scan_frames, traffic_of

SCRIPT = "0.0 dev:50000 > cloud:4321 CONNECT\n1.0 pc:50001 > cloud:80 SYN\n2.0 gw > dev PING"


def test_the_ends_of_every_flow_are_named_by_number() -> None:
    traffic = traffic_of(SCRIPT)
    found = numbering_of(traffic)

    for flow in range(len(traffic.result.flows)):
        a, _, b, _, _ = traffic.ends(flow)
        assert (found.addresses[found.a[flow]], found.addresses[found.b[flow]]) == (a, b)
    assert numbering_of(traffic) is found


def test_a_question_is_put_to_each_address_once() -> None:
    found = numbering_of(traffic_of(SCRIPT))

    assert [a for a, holds in zip(found.addresses, found.which(is_public), strict=True) if holds] == [
        parse_ip("54.229.203.190")
    ]


def test_an_address_without_flows_has_no_number() -> None:
    found = numbering_of(traffic_of(SCRIPT))

    assert found.number(parse_ip("192.0.2.1")) == -1
    assert found.numbers([parse_ip("192.0.2.1"), parse_ip("10.0.0.5")]) == {found.number(parse_ip("10.0.0.5"))}


def test_a_capture_without_flows_numbers_nothing() -> None:
    assert numbering_of(scan_frames([])).addresses == []
