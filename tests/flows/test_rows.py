from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pcapaudit.flows import rows
from pcapaudit.flows.flow import ACK, RST, SYN, TCP, Flow
from pcapaudit.flows.streams import distance
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import Packet
from tests.support.player import Frame
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

    last = frames_at(traffic, rows.last_rows_sent(traffic, flows, 2))

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


# --- flags: no flow may be kept back that its packets say is worth reading -------------------------


def is_shut(packet: Packet) -> bool:
    return packet.flags & (ACK | RST | SYN) == ACK and packet.window == 0


@every_sample
def test_a_flow_is_marked_when_its_packets_say_so(path: Path) -> None:
    traffic = read_capture(path)

    for flow in flows_of(traffic):
        if flow.proto == TCP:
            assert rows.reset_flows(traffic)[flow.index] == any(p.flags & RST for p in flow.packets)
            assert rows.closed_windows(traffic)[flow.index] == any(map(is_shut, flow.packets))
            assert rows.repeating_flows(traffic)[flow.index] or not flow.retransmissions(flow.sent_data)


MOVES = "0.0 dev:50000 > cloud:4321 CONNECT\n1.0 dev > cloud DATA 9\n"


def test_a_side_whose_mac_changes_moves() -> None:
    def change(frames: list[Frame]) -> list[Frame]:
        last = frames[-1]
        return [*frames[:-1], replace(last, data=last.data[:6] + bytes.fromhex("020000000099") + last.data[12:])]

    assert not rows.moving_flows(traffic_of(MOVES))[0]
    assert rows.moving_flows(traffic_of(MOVES, change))[0]


AHEAD = {
    "all is acknowledged": ("1.0 cloud > dev DATA 1400\n1.1 dev > cloud ACK", False),
    "a large segment is not": ("1.0 cloud > dev DATA 1400\n", True),
    "what is not is small": ("1.0 cloud > dev DATA 900\n", False),
    "the device is ahead, not the server": ("1.0 dev > cloud DATA 1400\n", False),
    "a reset acknowledges it": ("1.0 cloud > dev DATA 1400\n1.1 dev > cloud RST", True),
}


@pytest.mark.parametrize(("script", "expected"), AHEAD.values(), ids=AHEAD)
def test_a_server_is_ahead_by_a_large_segment(script: str, expected: bool) -> None:
    traffic = traffic_of("0.0 dev:50000 > cloud:4321 CONNECT\n" + script)

    assert bool(rows.outrun_flows(traffic)[0]) is expected


@every_sample
def test_no_flow_is_kept_back_whose_server_is_ahead(path: Path) -> None:
    traffic = read_capture(path)

    for flow in flows_of(traffic):
        acks = [p.ack for p in flow.sent if p.flags & ACK and not p.flags & (SYN | RST)]
        ends = [(p.seq + p.payload_len) % (1 << 32) for p in flow.received_data]
        if flow.proto == TCP and acks and any(distance(end, acks[-1]) > rows.LARGE for end in ends):
            assert rows.outrun_flows(traffic)[flow.index]


def test_flags_are_found_once() -> None:
    traffic = traffic_of(MOVES)

    assert rows.closed_windows(traffic) is rows.closed_windows(traffic)
    assert rows.closed_windows(traffic).dtype == np.bool_
