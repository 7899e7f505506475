from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.dissect import conversation
from pcapaudit.engine.run import batch_of
from pcapaudit.flows.packets import PacketLog
from pcapaudit.flows.spoken import WANTED, Spoken
from pcapaudit.flows.streams import Streams
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import HttpRequest, HttpResponse
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.scan import Scanner
from pcapaudit.scan.columns import NOT_KEPT
from tests.dissect.tls_material import client_hello, record, server_name
from tests.support import wire
from tests.support.player import Frame
from tests.support.scene import scan_frames, traffic_of

MACS = (bytes.fromhex("02000a000005"), bytes.fromhex("02000a000001"))
ENDS = (bytes([10, 0, 0, 5]), bytes([54, 229, 203, 190]))
SYN, ACK = 2, 16
NOISE = bytes(range(130, 250))
WORDS = (
    b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
    b"X HTTP/1.1\r\n\r\n",
    b"CONNECT gk.sensorist.com:443 HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    record(22, client_hello(server_name(b"gk.sensorist.com"))),
    record(23, bytes(40)),
    bytes.fromhex("802e0103010015"),
    bytes.fromhex("0000000804d2162f"),
    b"220 ready\r\n",
    b"USER anonymous\r\n",
    NOISE,
    b"\n",
)
PARTS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(-4, 60),
        st.builds(bytes.__add__, st.sampled_from([b"", b"\1", b"\1\2"]), st.sampled_from(WORDS)),
    ),
    min_size=1,
    max_size=6,
)
"""Side, offset in its stream, bytes: pieces overlap, leave gaps, and may begin before the first byte."""


def capture(parts: Sequence[tuple[int, int, bytes]], syns: Sequence[int] = (), port: int = 4321) -> Traffic:
    """One connection of these segments; ``syns`` are the sides whose SYN was seen."""
    return scan_frames(frames_of(parts, syns, port))


def kept_of(parts: Sequence[tuple[int, int, bytes]], syns: Sequence[int], port: int = 4321) -> Traffic:
    """The same, with no more bytes of it than an audit keeps."""
    scanner = Scanner(wanted=WANTED)
    scanner.feed(batch_of(((f.time_ns, f.data, f.wire_len) for f in frames_of(parts, syns, port)), 1))
    return Traffic(scanner.result(), CaptureNotes())


def frames_of(parts: Sequence[tuple[int, int, bytes]], syns: Sequence[int], port: int) -> list[Frame]:
    """The frames of one connection."""
    segments = [(side, 999, b"", SYN | (ACK if side else 0)) for side in syns]
    segments += [(side, 1000 + offset, body, ACK) for side, offset, body in parts]
    frames = []
    for number, (side, seq, body, flags) in enumerate(segments, start=1):
        ports = (50000, port) if side == 0 else (port, 50000)
        src, dst = ENDS[side], ENDS[1 - side]
        segment = wire.tcp(src, dst, ports, body, seq=seq, ack=1000, flags=flags)
        packet = wire.ip(src, dst, 6, segment, ip_id=number)
        data = wire.ethernet(MACS[1 - side], MACS[side], 0x0800, packet)
        frames.append(Frame(number * 10_000_000, data, len(data), "", 0))
    return frames


@given(PARTS, st.sampled_from([(), (0,), (1,), (0, 1)]), st.sampled_from([4321, 443, 21, 53, 5432]))
def test_what_is_kept_back_says_nothing_when_it_is_read(
    parts: Sequence[tuple[int, int, bytes]], syns: Sequence[int], port: int
) -> None:
    traffic = capture(parts, syns, port)
    spoken = Spoken(traffic.result)
    streams = Streams(traffic.result, np.ones(len(traffic.result.flows), np.bool_), PacketLog(traffic.result))

    for index in range(len(traffic.result.flows)):
        orig, resp, its_port = streams.of(index)
        events = conversation.read(orig, resp, port=its_port)
        assert spoken.known[index] or not events
        assert spoken.http[index] or not any(isinstance(e, HttpRequest | HttpResponse) for e in events)


@given(PARTS, st.sampled_from([(), (0,), (1,), (0, 1)]), st.sampled_from([4321, 443, 21, 53, 5432]))
def test_what_is_not_kept_would_say_nothing(
    parts: Sequence[tuple[int, int, bytes]], syns: Sequence[int], port: int
) -> None:
    # No side sends again, in other words, what stands before its first byte.
    sent = [(side, max(0, offset), body) for side, offset, body in parts]
    whole, kept = capture(sent, syns, port), kept_of(sent, syns, port)

    assert Spoken(kept.result).known.tolist() == Spoken(whole.result).known.tolist()
    for index in range(len(whole.result.flows)):
        assert kept.conversation(index) == whole.conversation(index)
    assert kept.malformed == whole.malformed


def test_a_connection_is_not_kept_once_both_sides_began_in_words_that_nobody_reads() -> None:
    parts = [(0, 0, NOISE), (0, 120, WORDS[0]), (1, 0, NOISE), (0, 300, NOISE), (1, 120, WORDS[3])]
    result = kept_of(parts, (0, 1)).result

    assert (result.handed["start"] == NOT_KEPT).tolist() == [False, False, False, True, True]
    assert [result.payload(n) for n in range(5)] == [NOISE, WORDS[0], NOISE, b"", b""]
    assert result.handed["length"].tolist() == [len(body) for _, _, body in parts]
    assert (Spoken(result).known.tolist(), Spoken(result).read.tolist()) == ([True], [False])


@pytest.mark.parametrize("port", [21, 53, 5432])
def test_a_connection_on_a_port_that_is_always_read_is_kept(port: int) -> None:
    result = kept_of([(side, 120 * n, NOISE) for n in range(3) for side in (0, 1)], (0, 1), port).result

    assert NOT_KEPT not in result.handed["start"]


@pytest.mark.parametrize("syns", [(), (0,), (1,)])
def test_a_connection_whose_beginning_was_not_seen_is_kept(syns: Sequence[int]) -> None:
    result = kept_of([(side, 120 * n, NOISE) for n in range(3) for side in (0, 1)], syns).result

    assert NOT_KEPT not in result.handed["start"]


@pytest.mark.parametrize("words", WORDS[:9])
def test_a_connection_that_begins_like_a_known_protocol_is_read(words: bytes) -> None:
    assert Spoken(capture([(0, 0, words)], (0, 1)).result).known.tolist() == [True]


@pytest.mark.parametrize("words", [NOISE, b"\x16\x04\x01\0\x05hello", b"\0\0\0\x40\0\5", b"aardvark", b"{}" * 9])
def test_a_connection_that_begins_like_none_is_not_read(words: bytes) -> None:
    assert Spoken(capture([(0, 0, words), (1, 0, words)], (0, 1)).result).known.tolist() == [words == b"aardvark"]


def test_words_that_begin_within_a_segment_are_found() -> None:
    early = capture([(0, -2, b"\1\2" + WORDS[0])], (0, 1))
    resent = capture([(0, 0, WORDS[0][:1]), (0, -2, b"\1\2" + WORDS[0])])

    assert [type(e) for e in early.conversation(0)] == [HttpRequest]
    assert [bool(Spoken(c.result).http[0]) for c in (early, resent)] == [True, True]


def test_only_web_traffic_may_hold_a_web_request() -> None:
    tls = Spoken(capture([(0, 0, WORDS[4])], (0, 1)).result)
    web = Spoken(capture([(0, 0, WORDS[0])], (0, 1)).result)

    assert (tls.known.tolist(), tls.http.tolist()) == ([True], [False])
    assert (web.known.tolist(), web.http.tolist()) == ([True], [True])


def test_a_capture_without_connections_says_nothing() -> None:
    spoken = Spoken(traffic_of("0.0 dev > gw DNS? a.example A").result)

    assert (spoken.known.tolist(), spoken.http.tolist()) == ([False], [False])
    assert Spoken(scan_frames([]).result).known.tolist() == []
