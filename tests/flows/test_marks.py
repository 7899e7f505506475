from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pcapaudit.flows.flow import ACK, RST, SYN, TCP, Flow
from pcapaudit.flows.marks import LARGE, LAST
from pcapaudit.flows.streams import distance
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import Packet
from tests.support.player import Frame
from tests.support.scene import read_capture, traffic_of

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.pcapng"))
every_sample = pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)


def flows_of(traffic: Traffic) -> list[Flow]:
    return [traffic.flow(index) for index in range(len(traffic.result.flows))]


def is_shut(packet: Packet) -> bool:
    return packet.flags & (ACK | RST | SYN) == ACK and packet.window == 0


@every_sample
def test_a_flow_is_marked_when_its_packets_say_so(path: Path) -> None:
    traffic = read_capture(path)

    for flow in flows_of(traffic):
        if flow.proto == TCP:
            assert traffic.marks.reset[flow.index] == any(p.flags & RST for p in flow.packets)
            assert traffic.marks.shut[flow.index] == any(map(is_shut, flow.packets))
            assert traffic.marks.repeating[flow.index] or not flow.retransmissions(flow.sent_data)


MOVES = "0.0 dev:50000 > cloud:4321 CONNECT\n1.0 dev > cloud DATA 9\n"


def test_a_side_whose_mac_changes_moves() -> None:
    def change(frames: list[Frame]) -> list[Frame]:
        last = frames[-1]
        return [*frames[:-1], replace(last, data=last.data[:6] + bytes.fromhex("020000000099") + last.data[12:])]

    assert not traffic_of(MOVES).marks.moving[0]
    assert traffic_of(MOVES, change).marks.moving[0]


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

    assert bool(traffic.marks.outrun[0]) is expected


@every_sample
def test_no_flow_is_kept_back_whose_server_is_ahead(path: Path) -> None:
    traffic = read_capture(path)

    for flow in flows_of(traffic):
        acks = [p.ack for p in flow.sent if p.flags & ACK and not p.flags & (SYN | RST)]
        ends = [(p.seq + p.payload_len) % (1 << 32) for p in flow.received_data]
        if flow.proto == TCP and acks and any(distance(end, acks[-1]) > LARGE for end in ends):
            assert traffic.marks.outrun[flow.index]


def test_who_sends_its_syn_again_insists() -> None:
    traffic = traffic_of("0.0 dev:50000 > cloud:4321 SYN\n1.0 dev > cloud SYN\n2.0 dev:50001 > cloud:4321 SYN")

    assert traffic.marks.insisting.tolist() == [True, False]


def test_a_flow_is_refused_by_its_responder_alone() -> None:
    traffic = traffic_of(
        "0.0 dev:50000 > cloud:4321 SYN\n0.1 cloud > dev RST\n1.0 dev:50001 > cloud:4321 CONNECT\n2.0 dev > cloud RST"
    )

    assert traffic.marks.refusing.tolist() == [True, False]
    assert traffic.marks.reset.tolist() == [True, True]


@every_sample
def test_what_is_not_marked_needs_no_look_at_its_end(path: Path) -> None:
    traffic = read_capture(path)
    marks = traffic.marks

    for flow in (f for f in flows_of(traffic) if f.proto == TCP):
        sides = [any(p.flags & RST for p in side) for side in (flow.sent, flow.received)]
        assert marks.reset_by_both[flow.index] == all(sides)
        assert marks.unheard[flow.index] or max(len(flow.unheard), len(flow.seen_from(flow.resp[0]).unheard)) < LAST
        if not marks.ill_ended[flow.index]:
            assert flow.closed_at is not None
            assert flow.last_answer is not None
            assert flow.is_from_orig(flow.closed_at)
            assert flow.sent_data[-1].frame < min(flow.last_answer.frame, flow.closed_at.frame)


SAID = "0.0 dev:50000 > cloud:4321 CONNECT\n1.0 dev > cloud DATA 9\n1.1 cloud > dev DATA 9\n"
ENDS = {
    "it goes on": ("", False, True),
    "the device closes behind the answer": ("1.2 dev > cloud ACK\n2.0 dev > cloud FIN", False, False),
    "the device resets behind the answer": ("1.2 dev > cloud ACK\n2.0 dev > cloud RST", False, False),
    "the server closes": ("1.2 dev > cloud ACK\n2.0 cloud > dev FIN", False, True),
    "the last words stay without an answer": ("1.2 dev > cloud DATA 9\n2.0 dev > cloud FIN", False, True),
    "the device repeats to the end": (
        "2.0 dev > cloud DATA 9\n2.2 repeat 3 every 1:\n  0.0 dev > cloud AGAIN",
        True,
        True,
    ),
}


@pytest.mark.parametrize(("script", "is_unheard", "is_ill"), ENDS.values(), ids=ENDS)
def test_an_end_is_marked(script: str, is_unheard: bool, is_ill: bool) -> None:
    marks = traffic_of(SAID + script).marks

    assert (marks.unheard[0], marks.ill_ended[0]) == (is_unheard, is_ill)
