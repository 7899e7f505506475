from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from pcapaudit.flows import rows
from pcapaudit.flows.flow import ACK, RST, SYN, Flow
from pcapaudit.flows.traffic import Traffic
from tests.support.scene import read_capture, traffic_of

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.pcapng"))
DEV, CLOUD = bytes([10, 0, 0, 5]), bytes([54, 229, 203, 190])
MILLISECOND = 1_000_000
every_sample = pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)


def flows_of(traffic: Traffic) -> list[Flow]:
    return [traffic.flow(index) for index in range(len(traffic.result.flows))]


def frames_at(traffic: Traffic, places: Iterable[int]) -> list[int]:
    return [traffic.packet(place).frame for place in places]


@every_sample
def test_what_an_address_sent_are_the_packets_with_that_source(path: Path) -> None:
    traffic = read_capture(path)

    for address, flows in traffic.flows_by_address.items():
        sent = [p.frame for i in flows for p in traffic.packets(i) if p.src == address]
        assert frames_at(traffic, rows.rows_from(traffic, address, flows)) == sent


@every_sample
def test_what_a_flow_received_are_its_received_packets(path: Path) -> None:
    traffic = read_capture(path)

    for flow in flows_of(traffic):
        assert frames_at(traffic, rows.rows_received(traffic, flow)) == [p.frame for p in flow.received]


@every_sample
def test_the_last_rows_of_some_flows_are_their_last_sent_packets(path: Path) -> None:
    traffic = read_capture(path)
    flows = flows_of(traffic)

    last = frames_at(traffic, rows.last_rows_sent(traffic, range(len(flows)), 2))

    assert last == [p.frame for flow in flows for p in list(flow.sent)[-2:]]


def test_an_address_that_talks_to_itself_sent_both_sides() -> None:
    traffic = traffic_of("0.0 dev:50000 > dev:4321 UDP 10\n0.1 dev:4321 > dev:50000 UDP 20")

    assert frames_at(traffic, rows.rows_from(traffic, DEV, [0])) == [1, 2]


def test_of_no_flows_there_are_no_rows() -> None:
    traffic = traffic_of("0.0 dev:50000 > cloud:4321 CONNECT")

    assert not len(rows.rows_from(traffic, CLOUD, []))
    assert not len(rows.last_rows_sent(traffic, [], 3))
    assert not len(rows.opening_times(traffic, CLOUD, []))


@every_sample
def test_the_data_of_some_flows_stand_in_order_of_time(path: Path) -> None:
    traffic = read_capture(path)
    flows = flows_of(traffic)
    sent = sorted((p for flow in flows for p in flow.sent_data), key=lambda p: p.time_ns)

    assert [traffic.packet(place).time_ns for place in rows.rows_of_data(traffic, flows)] == [p.time_ns for p in sent]


def test_the_time_of_an_opening_goes_from_the_one_syn_to_its_answer() -> None:
    traffic = traffic_of(
        "0.0 dev:50000 > cloud:4321 SYN\n0.03 cloud > dev SYN-ACK\n"
        "1.0 dev:50001 > cloud:4321 SYN\n2.0 dev:50001 > cloud:4321 SYN\n2.02 cloud > dev SYN-ACK\n"
        "3.0 dev:50002 > cloud:4321 SYN"
    )

    assert rows.opening_times(traffic, CLOUD, [0, 1, 2]).tolist() == [30 * MILLISECOND]
    assert rows.opening_times(traffic, DEV, [0, 1, 2]).tolist() == []


def test_the_ttls_of_an_address_lie_as_far_apart_as_its_packets() -> None:
    traffic = traffic_of("0.0 dev:50000 > cloud:80 UDP 9\n0.1 cloud > dev UDP 9 ttl=54\n0.2 cloud > dev UDP 9 ttl=40")

    assert rows.ttl_spans(traffic) == {DEV: 0, CLOUD: 14}


def test_a_full_table_of_addresses_tells_of_no_ttl() -> None:
    traffic = traffic_of("0.0 dev:50000 > cloud:80 UDP 9")
    traffic.result = replace(traffic.result, tables_full={"bindings": True})

    assert rows.ttl_spans(traffic) is None


@every_sample
def test_the_sides_of_a_flow_are_what_its_two_ends_sent(path: Path) -> None:
    traffic = read_capture(path)

    for flow in flows_of(traffic):
        from_a, from_b = rows.sides_of(traffic, flow.index)
        sides = (flow.sent, flow.received) if flow.orig == traffic.ends(flow.index)[:2] else (flow.received, flow.sent)
        assert (from_a["frame"].tolist(), from_b["frame"].tolist()) == tuple([p.frame for p in s] for s in sides)


@every_sample
def test_the_last_packets_sent_stand_at_the_end_of_what_was_sent(path: Path) -> None:
    traffic = read_capture(path)
    flows = flows_of(traffic)

    last = [p.frame for flow in flows for p in flow.sent[-3:]]
    assert frames_at(traffic, rows.last_rows_sent(traffic, range(len(flows)), 3)) == last


@every_sample
def test_the_first_acknowledgments_are_those_of_the_packets(path: Path) -> None:
    traffic = read_capture(path)
    by_a, by_b = rows.first_acks(traffic)

    for flow in flows_of(traffic):
        acks = [p for p in flow.packets if p.flags & ACK and not p.flags & (SYN | RST)]
        for sender, found in (traffic.ends(flow.index)[:2], by_a), (traffic.ends(flow.index)[2:4], by_b):
            first = next((p.frame for p in acks if (p.src, p.sport) == sender), None)
            assert (traffic.packet(found[flow.index]).frame if found[flow.index] >= 0 else None) == first


@every_sample
def test_the_first_syn_acks_are_those_of_the_flows(path: Path) -> None:
    traffic = read_capture(path)
    accepted = [flow for flow in flows_of(traffic) if flow.syn_acks]

    flows, answers = rows.first_syn_acks(traffic)
    assert flows.tolist() == [flow.index for flow in accepted]
    assert frames_at(traffic, answers) == [flow.syn_acks[0].frame for flow in accepted]
