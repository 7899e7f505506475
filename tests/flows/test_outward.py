from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pcapaudit.flows.flow import TCP
from pcapaudit.flows.hosts import find_hosts
from pcapaudit.flows.outward import Outward
from pcapaudit.flows.owned import opened_flows, owned_flows
from pcapaudit.model.addresses import is_public
from tests.support.scene import read_capture, traffic_of
from tests.support.world import START_NS

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.pcapng"))
CLOUD, SECOND = bytes([54, 229, 203, 190]), 1_000_000_000
TALK = """
0.0  dev:50001 > cloud:4321 CONNECT
1.0  dev:50001 > cloud:4321 DATA 100
2.0  dev:50002 > cloud:4322 SYN
3.0  dev:50003 > pc:80 SYN
"""
every_sample = pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)


def all_outward(path: Path) -> Iterator[Outward]:
    traffic = read_capture(path)
    for host in find_hosts(traffic):
        yield opened_flows(traffic, host.addresses, owned_flows(traffic, host.addresses, host.mac))


@every_sample
def test_the_columns_say_what_the_flows_say(path: Path) -> None:
    for outward in all_outward(path):
        flows = list(outward)
        assert outward.first_ns.tolist() == [f.first_ns for f in flows]
        assert outward.last_ns.tolist() == [f.last_ns for f in flows]
        assert outward.protocols.tolist() == [f.proto for f in flows]
        assert outward.ports.tolist() == [f.resp[1] for f in flows]
        assert outward.has_sent.tolist() == [bool(f.sent) for f in flows]
        assert outward.is_answered.tolist() == [bool(f.received) for f in flows]
        assert outward.has_opening.tolist() == [f.has_opening for f in flows]
        assert outward.is_established.tolist() == [f.is_established for f in flows]
        assert outward.is_accepted.tolist() == [bool(f.syn_acks) for f in flows]
        connected = [f for f in flows if f.proto == TCP and f.is_established and f.has_opening]
        assert list(outward.seen_to_connect) == connected
        assert outward.last_sent_ns.tolist() == [f.sent[-1].time_ns if f.sent else 0 for f in flows]


@every_sample
def test_where_they_lead_is_where_the_flows_lead(path: Path) -> None:
    for outward in all_outward(path):
        flows = list(outward)
        assert outward.far == {f.resp[0] for f in flows}
        assert outward.targets == [f.resp for f in flows]
        ports = Counter(address for address, _ in {f.resp for f in flows})
        assert outward.has_several_ports.tolist() == [ports[f.resp[0]] > 1 for f in flows]
        assert outward.leads_to(is_public).tolist() == [is_public(f.resp[0]) for f in flows]


@every_sample
def test_to_whom_was_sent_last_is_what_the_packets_say(path: Path) -> None:
    for outward in all_outward(path):
        last = sorted((p for f in outward for p in f.sent[-2:]), key=lambda p: p.time_ns)
        assert outward.last_sent_to_mac(2) == {int.from_bytes(p.dmac, "big"): p.time_ns for p in last if p.dmac}
        sent = {f.resp[0]: max(p.time_ns for g in outward if g.resp[0] == f.resp[0] for p in g.sent) for f in outward}
        assert outward.last_sent_to_address() == sent


def test_they_are_a_sequence_of_flows() -> None:
    traffic = traffic_of(TALK)
    outward = Outward(traffic, np.arange(3))

    assert [outward[0], outward[-1]] == [traffic.flow(0), traffic.flow(2)]
    assert list(reversed(outward[1:])) == [traffic.flow(2), traffic.flow(1)]
    assert list(outward.where(outward.is_answered)) == [traffic.flow(0)]
    assert list(outward.where(outward.leads_to(CLOUD.__eq__))) == [traffic.flow(0), traffic.flow(1)]


def test_of_several_flows_to_an_address_the_latest_counts() -> None:
    traffic = traffic_of(TALK)

    assert Outward(traffic, np.arange(3)).last_sent_to_address()[CLOUD] == START_NS + 2 * SECOND


def test_none_at_all_lead_nowhere() -> None:
    nothing = Outward(traffic_of(TALK), np.arange(0))

    assert not nothing
    assert not nothing.far
    assert nothing.has_several_ports.tolist() == []
    assert nothing.leads_to(is_public).tolist() == []
    assert not nothing.last_sent_to_address()
    assert not nothing.last_sent_to_mac(3)
