"""Frames on their way from a clean capture to a worse one, and the files they end in."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pcapaudit.capture import open_capture
from pcapaudit.model.frames import CaptureNotes

ETHERNET, RAW_IP, SLL2 = 1, 101, 276
"""Link types (LINKTYPE_*)."""

Mac = bytes


class Frame(NamedTuple):
    """One frame: its time in nanoseconds UTC, what was kept of it, and its length on the wire."""

    time_ns: int
    data: bytes
    wire: int


@dataclass(frozen=True, slots=True)
class Tape:
    """Frames of one interface in file order."""

    frames: tuple[Frame, ...]
    link: int = ETHERNET

    def where(self, keeps: Callable[[Frame], bool]) -> Tape:
        """Give the tape with those frames only that ``keeps`` says yes to."""
        return Tape(tuple(frame for frame in self.frames if keeps(frame)), self.link)

    def each(self, change: Callable[[Frame], Frame]) -> Tape:
        """Give the tape with every frame changed."""
        return Tape(tuple(map(change, self.frames)), self.link)

    def between(self, start_ns: int, end_ns: int) -> Tape:
        """Give the frames of a stretch of time, both ends included."""
        return self.where(lambda frame: start_ns <= frame.time_ns <= end_ns)


def read_tape(path: Path) -> Tape:
    """Read a capture with one link type, compressed or not."""
    frames: list[Frame] = []
    notes = CaptureNotes()
    for batch in open_capture(str(path), notes=notes):
        for start, length, wire, time_ns in zip(batch.offset, batch.captured, batch.wire, batch.time_ns, strict=True):
            frames.append(Frame(time_ns, bytes(batch.data[start : start + length]), wire))
    return Tape(tuple(frames), notes.link_types[0] if notes.link_types else ETHERNET)


def in_time_order(*tapes: Iterable[Frame]) -> tuple[Frame, ...]:
    """Merge frames as a capture would have seen them; equal times keep their order."""
    return tuple(sorted((frame for tape in tapes for frame in tape), key=lambda frame: frame.time_ns))


def pcap_bytes(tape: Tape, *, snaplen: int = 262_144) -> bytes:
    """Give a classic capture file, little-endian with nanosecond times."""
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snaplen, tape.link)]
    for time_ns, data, wire in tape.frames:
        parts += [struct.pack("<IIII", *divmod(time_ns, 10**9), len(data), wire), data]
    return b"".join(parts)


def pcapng_bytes(tapes: Sequence[Tape], *, digits: Sequence[int] = (9, 6)) -> bytes:
    """Give a pcapng file with an interface for each tape, frames merged in time order.

    Args:
        digits: For each interface, its time resolution as a negative power of ten.

    Source: draft-ietf-opsawg-pcapng, sections 4.1, 4.2 and 4.3.
    """
    parts = [_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    for tape, places in zip(tapes, digits, strict=False):
        parts.append(_block(1, struct.pack("<HHI", tape.link, 0, 262_144) + struct.pack("<HHB7x", 9, 1, places)))
    numbered = [(frame, number) for number, tape in enumerate(tapes) for frame in tape.frames]
    for (time_ns, data, wire), number in sorted(numbered, key=lambda pair: pair[0].time_ns):
        ticks = time_ns // 10 ** (9 - digits[number])
        head = struct.pack("<IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), wire)
        parts.append(_block(6, head + data + bytes(-len(data) % 4)))
    return b"".join(parts)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length
