from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings

from pcapaudit.dissect import websocket
from pcapaudit.dissect.stream import Stream
from pcapaudit.model.events import WebsocketFrame
from tests.dissect.material import EMPTY, hostile_streams, kinds, stream

MASK = b"\x11\x22\x33\x44"


def _frame(opcode: int, content: bytes, *, masked: bool = False) -> bytes:
    size = len(content)
    head = bytes([size]) if size < 126 else b"\x7e" + struct.pack("!H", size)
    if masked:
        content = bytes(octet ^ MASK[i % 4] for i, octet in enumerate(content))
        return bytes([0x80 | opcode, head[0] | 0x80]) + head[1:] + MASK + content
    return bytes([0x80 | opcode]) + head + content


def _heads(events: object) -> list[tuple[int, bool, int, int | None]]:
    assert isinstance(events, list)
    return [(e.opcode, e.is_masked, e.size, e.close_code) for e in events if isinstance(e, WebsocketFrame)]


def test_frames_of_both_directions_come_by_packet() -> None:
    ours = stream(_frame(1, b"hello", masked=True) + _frame(9, b"", masked=True), frames=[3])
    theirs = stream(_frame(2, bytes(200)), _frame(10, b""), frames=[2, 4])
    events = websocket.read(ours, theirs)
    assert _heads(events) == [(2, False, 200, None), (1, True, 5, None), (9, True, 0, None), (10, False, 0, None)]
    assert [e.from_client for e in events if isinstance(e, WebsocketFrame)] == [False, True, True, False]


@pytest.mark.parametrize("masked", [True, False])
def test_a_close_tells_its_code_masked_or_not(*, masked: bool) -> None:
    closing = stream(_frame(8, struct.pack("!H", 1011) + b"sorry", masked=masked))
    assert _heads(websocket.read(closing, EMPTY)) == [(8, masked, 7, 1011)]


def test_a_close_without_a_code_has_none() -> None:
    assert _heads(websocket.read(EMPTY, stream(_frame(8, b"")))) == [(8, False, 0, None)]


def test_a_frame_with_a_64_bit_length_is_counted_though_its_content_is_cut() -> None:
    data = b"\x82\x7f" + struct.pack("!Q", 1 << 40) + b"abc"
    assert _heads(websocket.read(EMPTY, stream(data))) == [(2, False, 1 << 40, None)]


@pytest.mark.parametrize(
    "data", [b"\x83\x00", b"\x8f\x00", b"\x89\x7e\x01\x00"], ids=["opcode 3", "opcode 15", "long ping"]
)
def test_what_rfc_6455_forbids_ends_the_direction(data: bytes) -> None:
    assert kinds(websocket.read(EMPTY, stream(data + _frame(1, b"x")))) == ["Malformed"]


def test_a_head_that_is_cut_gives_nothing() -> None:
    assert websocket.read(stream(b"\x81"), stream(b"\x82\x7e\x01")) == []


def test_the_content_is_not_kept() -> None:
    assert "s3cret" not in repr(websocket.read(stream(_frame(1, b"s3cret")), EMPTY))


@settings(deadline=None)
@given(
    hostile_streams(_frame(1, b"hello", masked=True)), hostile_streams(_frame(8, b"\x03\xe8"), _frame(2, bytes(130)))
)
def test_no_bytes_make_it_raise(ours: Stream, theirs: Stream) -> None:
    assert isinstance(websocket.read(ours, theirs), list)
