"""The little of the websocket protocol that both ends of the lab need (RFC 6455)."""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from typing import Protocol

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Stream(Protocol):
    """What a plain and a TLS socket have in common."""

    def recv(self, size: int, /) -> bytes:
        """Give up to ``size`` bytes, none at the end of the stream."""

    def sendall(self, data: bytes, /) -> None:
        """Send all bytes."""


class EndedError(Exception):
    """The other side closed the stream."""


def receive_exactly(stream: Stream, size: int) -> bytes:
    """Give exactly ``size`` bytes.

    Raises:
        EndedError: The stream ends before.
    """
    data = b""
    while len(data) < size:
        piece = stream.recv(size - len(data))
        if not piece:
            raise EndedError
        data += piece
    return data


def accept_key(key: bytes) -> bytes:
    """Give the server's proof for a client's key (RFC 6455, section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _GUID).digest())


def upgrade_request(host: str, path: str) -> bytes:
    """Give the client's opening request with a fresh key."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def send_message(stream: Stream, opcode: int, data: bytes, *, is_client: bool) -> None:
    """Send one unfragmented frame of less than 64 KiB; a client masks it (section 5.3)."""
    mask_bit = 0x80 if is_client else 0
    short = len(data) < 126
    length = bytes([mask_bit | len(data)]) if short else bytes([mask_bit | 126]) + struct.pack(">H", len(data))
    mask = os.urandom(4) if is_client else b""
    stream.sendall(bytes([0x80 | opcode]) + length + mask + _masked(data, mask))


def receive_message(stream: Stream) -> tuple[int, bytes]:
    """Give opcode and data of the next frame, unmasked.

    Raises:
        EndedError: The stream ends.
    """
    first, second = receive_exactly(stream, 2)
    length = second & 0x7F
    if length == 126:
        length = struct.unpack(">H", receive_exactly(stream, 2))[0]
    mask = receive_exactly(stream, 4) if second & 0x80 else b""
    return first & 0x0F, _masked(receive_exactly(stream, length), mask)


def _masked(data: bytes, mask: bytes) -> bytes:
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)) if mask else data
