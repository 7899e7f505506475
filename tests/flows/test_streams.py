from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.flows.packets import PacketLog
from pcapaudit.flows.streams import MAX_BEYOND, Segment, Streams, assemble, distance
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import Packet
from tests.support.player import Frame
from tests.support.scene import traffic_of

ISN = 0xFFFFFFF0
SYN, ACK = 2, 16
WORDS = b"GET / HTTP/1.1\r\nHost: gk.sensorist.com\r\n\r\n"


def segment(seq: int, data: bytes, *, frame: int = 1, size: int | None = None, flags: int = ACK) -> Segment:
    length = len(data) if size is None else size
    at = Packet(
        frame, frame, b"\x0a\0\0\5", 50000, b"\x36\0\0\1", 80, 6, seq=seq % 2**32, payload_len=length, flags=flags
    )
    return Segment(at, data)


def cut_up(data: bytes, bounds: list[int]) -> list[tuple[int, bytes]]:
    """The data in pieces: offset and bytes."""
    edges = sorted({0, len(data), *(b % (len(data) + 1) for b in bounds)})
    return [(low, data[low:high]) for low, high in pairwise(edges)]


@given(
    data=st.binary(min_size=1, max_size=200),
    bounds=st.lists(st.integers(0, 400), max_size=8),
    overlaps=st.lists(st.tuples(st.integers(0, 199), st.integers(1, 60)), max_size=6),
    isn=st.one_of(st.just(ISN), st.integers(0, 2**32 - 1)),
    order=st.randoms(use_true_random=False),
)
def test_any_order_copy_and_overlap_of_the_segments_gives_the_same_bytes(
    data: bytes, bounds: list[int], overlaps: list[tuple[int, int]], isn: int, order: object
) -> None:
    pieces = cut_up(data, bounds)
    pieces += [(low, data[low : low + size]) for low, size in overlaps if low < len(data)]
    order.shuffle(pieces)  # type: ignore[attr-defined]
    segments = [segment(isn + 1 + low, part, frame=n) for n, (low, part) in enumerate(pieces, start=1)]

    stream = assemble(segments, isn)

    assert stream.data == data
    assert stream.is_from_start
    assert stream.is_complete


@given(
    data=st.binary(min_size=2, max_size=100),
    bounds=st.lists(st.integers(0, 200), max_size=5),
    first=st.integers(0, 2**32 - 1),
)
def test_without_a_syn_the_stream_begins_at_the_lowest_number_seen(data: bytes, bounds: list[int], first: int) -> None:
    pieces = cut_up(data, bounds)

    stream = assemble([segment(first + low, part, frame=n) for n, (low, part) in enumerate(reversed(pieces), 1)], None)

    assert stream.data == data
    assert not stream.is_from_start


@given(data=st.binary(min_size=3, max_size=100), hole=st.integers(1, 98))
def test_a_gap_ends_the_stream(data: bytes, hole: int) -> None:
    at = hole % (len(data) - 2) + 1

    stream = assemble([segment(ISN + 1, data[:at], frame=1), segment(ISN + 2 + at, data[at + 1 :], frame=2)], ISN)

    assert stream.data == data[:at]
    assert not stream.is_complete


def test_a_packet_that_the_snap_length_cut_ends_the_stream() -> None:
    stream = assemble([segment(1, b"head", size=100), segment(101, b"tail", frame=2)], 0)

    assert stream.data == b"head"
    assert not stream.is_complete


def test_what_lies_behind_a_gap_or_a_cut_is_handed_on_with_its_place() -> None:
    parts = [
        segment(1, b"head", size=10),
        segment(11, b"next", frame=2),
        segment(11, b"next", frame=3),
        segment(40, b"late", frame=4),
        segment(15, b"", size=5, frame=5),
    ]

    stream = assemble(parts, 0)

    assert [(offset, data, at.frame) for offset, data, at in stream.beyond] == [(10, b"next", 2), (39, b"late", 4)]
    assert stream.after(4).beyond[0][0] == 6


def test_a_whole_stream_has_nothing_beyond_and_a_broken_one_not_more_than_a_bound() -> None:
    broken = [segment(1 + 10 * n, b"x", frame=n + 1) for n in range(MAX_BEYOND + 9)]

    assert assemble([segment(1, b"abc")], 0).beyond == ()
    assert len(assemble(broken, 0).beyond) == MAX_BEYOND


def test_a_cut_copy_of_what_is_there_already_does_no_harm() -> None:
    stream = assemble([segment(1, b"abcd"), segment(2, b"b", size=3, frame=2), segment(5, b"ef", frame=3)], 0)

    assert stream.data == b"abcdef"
    assert stream.is_complete


def test_data_in_the_syn_comes_after_the_number_that_the_syn_takes() -> None:
    opening = segment(1000, WORDS[:10], flags=SYN)

    assert assemble([opening, segment(1011, WORDS[10:], frame=2)], 1000).data == WORDS


def test_data_that_begins_at_the_number_of_the_syn_is_whole() -> None:
    # Seen in a capture that a program wrote: its SYN takes no number. tshark reads the request, too.
    assert assemble([segment(0, WORDS[:20]), segment(20, WORDS[20:], frame=2)], 0).data == WORDS


def test_a_keep_alive_probe_before_the_first_byte_is_no_data() -> None:
    assert assemble([segment(1000, b"\0"), segment(1001, WORDS, frame=2)], 1000).data == WORDS


def test_at_the_same_beginning_the_first_packet_is_kept() -> None:
    assert assemble([segment(2, b"new", frame=9), segment(2, b"old", frame=3)], 1).data == b"old"


def test_each_byte_has_the_packet_that_brought_each_byte() -> None:
    stream = assemble([segment(11, b"wor", frame=7), segment(6, b"hello", frame=4), segment(10, b"oworld", frame=9)], 5)

    assert stream.data == b"helloworld"[:5] + b"wor" + b"ld"
    assert list(zip(stream.offsets, (p.frame for p in stream.packets), strict=True)) == [(0, 4), (5, 9)]


def streams_of(traffic: Traffic) -> Streams:
    return Streams(traffic.result, np.ones(len(traffic.result.flows), np.bool_), PacketLog(traffic.result))


TALK = """
0.0  dev:50000 > cloud:80 CONNECT
0.5  dev:50001 > cloud:80 CONNECT
1.0  dev:50000 > cloud:80 HTTP GET /first host=a.example
1.5  dev:50001 > cloud:80 HTTP GET /other host=b.example
2.0  dev:50000 > cloud:80 HTTP GET /second host=a.example
3.0  cloud:80 > dev:50000 HTTP 200
"""


def test_the_sides_of_each_flow_are_put_together_from_its_own_payloads() -> None:
    traffic = traffic_of(TALK)
    streams = streams_of(traffic)

    first, answer, port = streams.of(0)
    other, nothing, _ = streams.of(1)

    assert [line for line in first.data.split(b"\r\n") if line.startswith(b"GET")] == [
        b"GET /first HTTP/1.1",
        b"GET /second HTTP/1.1",
    ]
    assert other.data.startswith(b"GET /other")
    assert answer.data.startswith(b"HTTP/1.1 200")
    assert (nothing.data, list(nothing.packets), port) == (b"", [], 80)
    assert [first.at(offset).frame for offset in first.offsets] == [p.frame for p in traffic.flow(0).sent_data]
    assert (first.is_from_start, first.is_complete) == (True, True)


@pytest.mark.parametrize(
    "change",
    [
        lambda frames: frames,
        lambda frames: [*frames[:6], frames[8], *frames[6:8], *frames[9:]],
        lambda frames: [f for n, f in enumerate(frames) if n != 6],
        lambda frames: [replace(f, data=f.data[:90]) for f in frames],
        lambda frames: frames[6:],
    ],
    ids=["whole", "out of order", "one lost", "cut", "from the middle"],
)
def test_what_is_put_together_quickly_is_what_the_segments_give(change: Callable[[list[Frame]], list[Frame]]) -> None:
    traffic = traffic_of(TALK, change)
    *sides, _ = streams_of(traffic).of(0)
    blob, handed = traffic.result.blob, traffic.result.handed

    flow = traffic.flow(0)
    for found, end, isn in zip(sides, (flow.orig, flow.resp), (flow.orig_isn, flow.resp_isn), strict=True):
        packets = [(traffic.packet(entry["row"]), entry) for entry in handed]
        segments = [
            Segment(at, bytes(blob[entry["start"] :][: entry["length"]]))
            for at, entry in packets
            if (at.src, at.sport) == end and traffic.result.rows[entry["row"]]["flow"] == 0
        ]
        expected = assemble(segments, isn)
        for name in ("data", "is_from_start", "is_complete", "beyond"):
            assert getattr(found, name) == getattr(expected, name), name
        for name in ("offsets", "frames", "packets"):
            assert list(getattr(found, name)) == list(getattr(expected, name)), name


@pytest.mark.parametrize("near", [0, 60, 4096])
def test_payloads_are_the_same_however_many_are_fetched_at_once(near: int, monkeypatch: pytest.MonkeyPatch) -> None:
    traffic = traffic_of(TALK)
    known = [traffic.result.payload(n) for n in range(len(traffic.result.handed))]

    monkeypatch.setattr("pcapaudit.flows.streams.NEAR", near)
    streams = streams_of(traffic)

    assert [side.data for flow in (0, 1) for side in streams.of(flow)[:2]] == [
        known[0] + known[2], known[3], known[1], b""
    ]  # fmt: skip


def test_flows_that_nobody_wants_have_no_streams() -> None:
    traffic = traffic_of(TALK)
    streams = Streams(traffic.result, np.array([False, True]), PacketLog(traffic.result))

    assert streams.of(1)[0].data.startswith(b"GET /other")
    assert sum(map(len, (side.data for side in streams.of(1)[:2]))) == traffic.result.handed["length"][1]


def test_a_capture_without_payloads_has_no_streams() -> None:
    traffic = traffic_of("0.0 dev > gw DNS? a.example A")

    Streams(traffic.result, np.zeros(1, np.bool_), PacketLog(traffic.result))


@pytest.mark.parametrize("isn", [None, 7])
def test_no_segment_is_an_empty_stream(isn: int | None) -> None:
    stream = assemble([], isn)

    assert (stream.data, list(stream.packets), stream.is_from_start) == (b"", [], isn is not None)


@pytest.mark.parametrize(
    ("later", "earlier", "expected"),
    [(5, 3, 2), (3, 5, -2), (2, 0xFFFFFFFE, 4), (0xFFFFFFFE, 2, -4), (7, 7, 0), (0x80000000, 0, -(2**31))],
)
def test_distances_go_around_the_end_of_the_numbers(later: int, earlier: int, expected: int) -> None:
    assert distance(later, earlier) == expected
