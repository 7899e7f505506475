from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.dissect import conversation
from pcapaudit.flows.spoken import Spoken
from pcapaudit.flows.streams import Streams
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import HttpRequest, HttpResponse
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
    return scan_frames(frames)


@given(PARTS, st.sampled_from([(), (0,), (1,), (0, 1)]), st.sampled_from([4321, 443, 21, 53, 5432]))
def test_what_is_kept_back_says_nothing_when_it_is_read(
    parts: Sequence[tuple[int, int, bytes]], syns: Sequence[int], port: int
) -> None:
    traffic = capture(parts, syns, port)
    spoken = Spoken(traffic.result)
    streams = Streams(traffic.result, np.ones(len(traffic.result.flows), np.bool_), traffic.packet)

    for index in range(len(traffic.result.flows)):
        flow = traffic.flow(index)
        opener = int(flow.orig != traffic.ends(index)[:2])
        orig, resp = streams.of(index, opener, flow.orig_isn), streams.of(index, 1 - opener, flow.resp_isn)
        events = conversation.read(orig, resp, port=flow.resp[1])
        assert spoken.known[index] or not events
        assert spoken.http[index] or not any(isinstance(e, HttpRequest | HttpResponse) for e in events)


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


def test_it_does_not_matter_how_many_bytes_are_looked_at_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    talk = "\n".join(f"{n}.0 dev:{50000 + n} > cloud:80 HTTP GET / host=h{n}.example" for n in range(5))
    noise = "\n".join(f"{n}.5 dev:{51000 + n} > cloud:4321 DATA 90" for n in range(5))
    result = traffic_of(f"{talk}\n{noise}").result
    whole = Spoken(result)
    monkeypatch.setattr("pcapaudit.flows.spoken.WINDOW", 100)
    parts = Spoken(result)

    assert whole.http.tolist() == parts.http.tolist() == [True, False] * 5


def test_only_web_traffic_may_hold_a_web_request() -> None:
    tls = Spoken(capture([(0, 0, WORDS[4])], (0, 1)).result)
    web = Spoken(capture([(0, 0, WORDS[0])], (0, 1)).result)

    assert (tls.known.tolist(), tls.http.tolist()) == ([True], [False])
    assert (web.known.tolist(), web.http.tolist()) == ([True], [True])


def test_a_capture_without_connections_says_nothing() -> None:
    spoken = Spoken(traffic_of("0.0 dev > gw DNS? a.example A").result)

    assert (spoken.known.tolist(), spoken.http.tolist()) == ([False], [False])
    assert Spoken(scan_frames([]).result).known.tolist() == []
