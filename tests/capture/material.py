"""Capture files written byte by byte for tests, from the format drafts and with none of the program's own code."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field

from pcapaudit.capture import open_capture
from pcapaudit.model.frames import CaptureNotes

PCAP_MAGIC = 0xA1B2C3D4
NANO_MAGIC = 0xA1B23C4D


def pcap_header(
    order: str = "<",
    *,
    magic: int = PCAP_MAGIC,
    version: tuple[int, int] = (2, 4),
    snaplen: int = 65535,
    network: int = 1,
) -> bytes:
    return struct.pack(f"{order}IHHiIII", magic, *version, 0, 0, snaplen, network)


def record(
    order: str, seconds: int, fraction: int, data: bytes, wire: int | None = None, *, extra: bytes = b""
) -> bytes:
    lengths = len(data), len(data) if wire is None else wire
    return struct.pack(f"{order}4I", seconds, fraction, *lengths) + extra + data


def pad(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(f"{order}HH", code, len(value)) + pad(value)


def block(order: str, kind: int, body: bytes) -> bytes:
    total = 12 + len(body)
    return struct.pack(f"{order}II", kind, total) + body + struct.pack(f"{order}I", total)


def section(order: str = "<", *, version: tuple[int, int] = (1, 0), length: int = -1, options: bytes = b"") -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, *version, length) + options)


def interface(order: str = "<", *, link: int = 1, snaplen: int = 0, options: bytes = b"") -> bytes:
    return block(order, 1, struct.pack(f"{order}HHI", link, 0, snaplen) + options)


def packet(
    order: str, count: int, data: bytes, *, wire: int | None = None, number: int = 0, options: bytes = b""
) -> bytes:
    lengths = len(data), len(data) if wire is None else wire
    head = struct.pack(f"{order}5I", number, count >> 32, count & 0xFFFFFFFF, *lengths)
    return block(order, 6, head + pad(data) + options)


def simple_packet(order: str, data: bytes, *, wire: int | None = None) -> bytes:
    return block(order, 3, struct.pack(f"{order}I", len(data) if wire is None else wire) + pad(data))


def old_packet(order: str, count: int, data: bytes, *, number: int = 0) -> bytes:
    head = struct.pack(f"{order}HH4I", number, 0xFFFF, count >> 32, count & 0xFFFFFFFF, len(data), len(data))
    return block(order, 2, head + pad(data))


def statistics(order: str, *, number: int = 0, options: bytes = b"") -> bytes:
    return block(order, 5, struct.pack(f"{order}III", number, 0, 0) + options)


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame as it came out of the reader."""

    number: int
    time_ns: int
    data: bytes
    wire: int
    link: int


@dataclass(slots=True)
class Read:
    """All that came out of the reader."""

    frames: list[Seen] = field(default_factory=list)
    notes: CaptureNotes = field(default_factory=CaptureNotes)

    @property
    def times(self) -> list[int]:
        return [frame.time_ns for frame in self.frames]

    @property
    def payloads(self) -> list[bytes]:
        return [frame.data for frame in self.frames]


def read(content: bytes, *, batch_bytes: int = 4 << 20, first_frame: int = 1) -> Read:
    """Read a capture that lies in memory."""
    result = Read()
    batches = open_capture(
        io.BytesIO(content), name="memory", notes=result.notes, batch_bytes=batch_bytes, first_frame=first_frame
    )
    for batch in batches:
        columns = zip(batch.offset, batch.captured, batch.wire, batch.time_ns, batch.link, strict=True)
        for place, (offset, captured, wire, time_ns, link) in enumerate(columns):
            data = bytes(batch.data[offset : offset + captured])
            result.frames.append(Seen(batch.first_frame + place, time_ns, data, wire, link))
    return result
