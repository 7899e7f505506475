"""Write a pcapng file that says nothing about the machine that made it."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

Frame = tuple[int, bytes]
"""Time in nanoseconds UTC, bytes of the Ethernet frame."""


def write_pcapng(path: Path, frames: Iterable[Frame], *, snaplen: int = 262144) -> None:
    """Write Ethernet frames with nanosecond times; one section, one interface without a name.

    Source: draft-ietf-opsawg-pcapng, sections 4.1, 4.2 and 4.3.
    """
    with path.open("wb") as out:
        out.write(_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        out.write(_block(1, struct.pack("<HHI", 1, 0, snaplen) + _option(9, b"\x09") + _option(0, b"")))
        for time_ns, frame in frames:
            head = struct.pack("<IIIII", 0, time_ns >> 32, time_ns & 0xFFFFFFFF, len(frame), len(frame))
            out.write(_block(6, head + _padded(frame)))


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
