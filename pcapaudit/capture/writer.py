"""Write small captures: evidence cut out of a large one, samples, the material of tests.

A time or length that a format cannot say is written as the nearest it can.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from pcapaudit.model.errors import UsageError
from pcapaudit.model.frames import FrameBatch

Frame = tuple[int, bytes, int | None]
"""Time in ns since the epoch, the bytes captured, bytes on the wire (None: as many as captured)."""

Target = str | Path | BinaryIO

SNAPLEN = 1 << 18
"""Stated in every file; a longer frame is cut, since readers take it for damage."""

_AROUND_PACKET = 32
"""Bytes of a packet's block beside the packet itself."""
_MOST_32 = (1 << 32) - 1
_SECOND_NS = 1_000_000_000


def write_pcap(target: Target, frames: Iterable[Frame], *, link: int = 1, nanoseconds: bool = False) -> int:
    """Write a little-endian pcap file and give the number of its frames.

    Args:
        target: A path, or a binary stream, which stays open.
        frames: The frames in file order.
        link: Link type number of all frames.
        nanoseconds: Keep the whole time stamp; otherwise parts of a microsecond are cut off.

    Raises:
        UsageError: The path cannot be written.

    Source: draft-ietf-opsawg-pcap, sections 4 and 5.
    """
    magic, unit = (0xA1B23C4D, 1) if nanoseconds else (0xA1B2C3D4, 1000)
    count = 0
    with _open_target(target) as out:
        out.write(struct.pack("<IHHiIII", magic, 2, 4, 0, 0, SNAPLEN, link))
        for time_ns, data, wire in frames:
            seconds, fraction = divmod(min(max(time_ns, 0), (_MOST_32 + 1) * _SECOND_NS - 1), _SECOND_NS)
            kept = data[:SNAPLEN]
            out.write(struct.pack("<4I", seconds, fraction // unit, len(kept), _wire_length(data, wire)) + kept)
            count += 1
    return count


def write_pcapng(
    target: Target,
    frames: Iterable[Frame],
    *,
    link: int = 1,
    links: Mapping[int, int] | None = None,
    comments: Mapping[int, str] | None = None,
) -> int:
    """Write a little-endian pcapng file with nanosecond time stamps and give the number of its frames.

    Args:
        target: A path, or a binary stream, which stays open.
        frames: The frames in file order.
        link: Link type number of the frames.
        links: Frame number, from 1, -> link type, for frames that have another; each type gets its interface.
        comments: Frame number, from 1, -> comment.

    Raises:
        UsageError: The path cannot be written.

    Source: draft-ietf-opsawg-pcapng, sections 4.1 to 4.3.
    """
    links, comments = links or {}, comments or {}
    interfaces = {link: 0}
    count = 0
    with _open_target(target) as out:
        out.write(_section_block())
        out.write(_interface_block(link))
        for count, frame in enumerate(frames, start=1):
            kind = links.get(count, link)
            if kind not in interfaces:
                interfaces[kind] = len(interfaces)
                out.write(_interface_block(kind))
            out.write(_packet_block(frame, interfaces[kind], comments.get(count)))
    return count


def open_section(link: int, snaplen: int = SNAPLEN) -> bytes:
    """What a pcapng section begins with: its header, and one interface, whose time stamps are nanoseconds."""
    return _section_block() + _interface_block(link, snaplen)


def packet_blocks(batch: FrameBatch, places: npt.NDArray[np.int64]) -> bytes:
    """Frames of a batch, by their places in it, as blocks of a section that ``open_section`` began.

    Source: draft-ietf-opsawg-pcapng, section 4.3.
    """
    offset, times = (np.frombuffer(column, np.int64)[places] for column in (batch.offset, batch.time_ns))
    captured, wire = (
        np.frombuffer(column, np.uint32)[places].astype(np.int64) for column in (batch.captured, batch.wire)
    )
    times = times.clip(0)
    totals = _AROUND_PACKET + ((captured + 3) & ~3)
    begins = totals.cumsum() - totals
    out = bytearray(int(totals.sum()))
    words = np.frombuffer(out, "<u4")
    for number, column in enumerate((6, totals, 0, times >> 32, times & _MOST_32, captured, wire)):
        words[begins // 4 + number] = column
    words[(begins + totals) // 4 - 1] = totals
    for begin, start, size in zip((begins + 28).tolist(), offset.tolist(), captured.tolist(), strict=True):
        out[begin : begin + size] = batch.data[start : start + size]
    return bytes(out)


def statistics_section(link: int, watched_until_ns: int | None, lost: int) -> bytes:
    """A pcapng section without frames, to follow those that have some: what the capturing side knows besides.

    Args:
        link: Link type number of its interface.
        watched_until_ns: When the wire was watched last, ns since the epoch; None if nobody knows.
        lost: Frames that were lost while capturing.

    Source: draft-ietf-opsawg-pcapng, sections 4.1, 4.2 and 4.6.
    """
    end_ns = watched_until_ns or 0
    stamp = struct.pack("<II", *divmod(min(max(end_ns, 0), (1 << 64) - 1), 1 << 32))
    end = b"" if watched_until_ns is None else _option(3, stamp)
    dropped = _option(5, struct.pack("<Q", lost)) if lost else b""
    statistics = _block(5, struct.pack("<I", 0) + stamp + end + dropped + _option(0, b""))
    return open_section(link) + statistics


def _section_block() -> bytes:
    return _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))


def _interface_block(link: int, snaplen: int = SNAPLEN) -> bytes:
    resolution = _option(9, b"\x09")
    return _block(1, struct.pack("<HHI", link, 0, snaplen) + resolution + _option(0, b""))


def _packet_block(frame: Frame, interface: int, comment: str | None) -> bytes:
    time_ns, data, wire = frame
    high, low = divmod(min(max(time_ns, 0), (1 << 64) - 1), 1 << 32)
    kept = data[:SNAPLEN]
    head = struct.pack("<5I", interface, high, low, len(kept), _wire_length(data, wire))
    options = _option(1, comment.encode()[:0xFFFF]) + _option(0, b"") if comment else b""
    return _block(6, head + _pad(kept) + options)


def _wire_length(data: bytes, wire: int | None) -> int:
    return min(len(data) if wire is None else wire, _MOST_32)


def _block(kind: int, body: bytes) -> bytes:
    total = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + total + body + total


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _pad(value)


def _pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


@contextlib.contextmanager
def _open_target(target: Target) -> Iterator[BinaryIO]:
    if not isinstance(target, str | Path):
        yield target
        return
    with contextlib.ExitStack() as stack:
        try:
            out = stack.enter_context(Path(target).open("wb"))
        except OSError as error:
            raise UsageError(f"{target}: cannot be written ({error.strerror})") from error
        yield out
