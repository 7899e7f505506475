from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.flows.hosts import find_hosts
from pcapaudit.flows.owned import opened_flows, owned_flows
from pcapaudit.model.addresses import is_unicast
from tests.support.scene import read_capture, traffic_of

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.pcapng"))
DEV, MAC = bytes([10, 0, 0, 5]), bytes.fromhex("02000a000005")
TWIN = bytes.fromhex("020000000066")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_opened_flows_are_those_whose_originator_is_the_host(path: Path) -> None:
    traffic = read_capture(path)
    everything = [traffic.flow(i) for i in range(len(traffic.result.flows))]

    for host in find_hosts(traffic):
        flows = owned_flows(traffic, host.addresses, host.mac)
        assert list(opened_flows(traffic, host.addresses, flows)) == [
            f
            for f in everything
            if f.index in flows
            and f.orig[0] in host.addresses
            and f.proto in (6, 17)
            and f.resp[1] not in (67, 68)
            and is_unicast(f.resp[0])
        ]


def test_flows_of_one_address_are_told_apart_by_the_mac_that_used_it() -> None:
    world = {"cloud": "54.229.203.190", "twin": {"ip": "10.0.0.5", "mac": "02:00:00:00:00:66"}}
    traffic = traffic_of("0.0 dev:50001 > cloud:4321 SYN\n1.0 twin:50002 > cloud:4321 SYN", hosts=world)

    assert owned_flows(traffic, [DEV], MAC) == [0]
    assert owned_flows(traffic, [DEV], TWIN) == [1]
    assert owned_flows(traffic, [DEV], None) == [0, 1]


def test_a_flow_of_which_the_host_sent_nothing_is_its_own() -> None:
    traffic = traffic_of("0.0 cloud:4321 > dev:50001 UDP 10")

    assert owned_flows(traffic, [DEV], TWIN) == [0]


def test_what_others_open_and_what_goes_to_many_is_not_opened() -> None:
    traffic = traffic_of(
        "0.0 pc:50001 > dev:80 SYN\n1.0 dev:5353 > 224.0.0.251:5353 UDP 20\n2.0 dev:50002 > cloud:4321 SYN"
    )
    flows = owned_flows(traffic, [DEV], MAC)

    assert flows == [0, 1, 2]
    assert opened_flows(traffic, [DEV], flows).places.tolist() == [2]


def test_a_host_without_flows_owns_none() -> None:
    traffic = traffic_of("0.0 pc:50001 > cloud:80 SYN")

    assert owned_flows(traffic, [DEV], MAC) == []
    assert not opened_flows(traffic, [DEV], [])
