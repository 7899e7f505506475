"""WebSocket frames after the upgrade (RFC 6455, section 5.2)."""

from __future__ import annotations

from pcapaudit.dissect.cursor import Cursor, CutError
from pcapaudit.dissect.stream import Stream, in_order
from pcapaudit.model.events import Event, Malformed, WebsocketFrame

_OPCODES = frozenset((0, 1, 2, 8, 9, 10))
_CLOSE = 8
_MAX_CONTROL = 125
_LENGTH_SIZES = {126: 2, 127: 8}
MAX_FRAMES = 10_000
"""Frames reported of one direction."""


def read(orig: Stream, resp: Stream) -> list[Event | Malformed]:
    """The frames of both directions, by packet. The originator is the client.

    Only heads are reported, no content. A head whose content is cut still counts and ends its direction.
    """
    return in_order(_read_direction(orig, from_client=True) + _read_direction(resp, from_client=False))


def _read_direction(stream: Stream, *, from_client: bool) -> list[Event | Malformed]:
    found: list[Event | Malformed] = []
    cursor = Cursor(stream.data)
    while cursor.left() and len(found) < MAX_FRAMES:
        start = cursor.pos
        try:
            frame = _read_frame(stream, cursor, from_client=from_client)
        except CutError:
            break
        if frame is None:
            found.append(Malformed(stream.at(start), "websocket", "no frame where one should begin"))
            break
        found.append(frame)
    return found


def _read_frame(stream: Stream, cursor: Cursor, *, from_client: bool) -> WebsocketFrame | None:
    start = cursor.pos
    opcode = cursor.uint(1) & 0x0F
    second = cursor.uint(1)
    is_masked, size = bool(second & 0x80), second & 0x7F
    if opcode not in _OPCODES or (opcode >= _CLOSE and size > _MAX_CONTROL):
        return None
    if size in _LENGTH_SIZES:
        size = cursor.uint(_LENGTH_SIZES[size])
    mask = cursor.take(4) if is_masked else bytes(4)
    content = cursor.data[cursor.pos : cursor.pos + 2] if opcode == _CLOSE and size >= 2 else b""
    cursor.pos = min(cursor.end, cursor.pos + size)
    code = (content[0] ^ mask[0]) << 8 | (content[1] ^ mask[1]) if len(content) == 2 else None
    return WebsocketFrame(stream.completed_at(start, cursor.pos), from_client, opcode, is_masked, size, code)
