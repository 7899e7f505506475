"""The frames of a span of time out of a ring that is still being written, as a capture of their own.

The capture is pcapng. Blocks of such a ring are copied as they lie there, with what they need before them, so that
nothing of what the capturing program said is lost: its filter, its snap length, its comments. Records of pcap become
blocks with the same bytes. What can only be said later stands in a last section without frames: how long the wire was
watched, how many frames were lost.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pcapaudit.capture import open_capture
from pcapaudit.capture.ring import list_ring
from pcapaudit.capture.sources import OVERLAP_NS
from pcapaudit.capture.writer import open_section, packet_blocks, statistics_section
from pcapaudit.model.errors import CaptureError
from pcapaudit.model.frames import CaptureNotes, FrameBatch
from pcapaudit.model.records import dataclass

Inside = npt.NDArray[np.bool_]
"""Which frames of a batch lie inside of the window."""

_GLANCE_BYTES = 1 << 16
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_PACKETS = frozenset({2, 3, 6})
"""Types of the pcapng blocks that hold a frame each (draft-ietf-opsawg-pcapng, sections 4.3, 4.4 and appendix A)."""
_SNAPLEN_AT = 16
"""Of a pcap file's header (draft-ietf-opsawg-pcap, section 4)."""
_LITTLE_PCAP = (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1")
_ORDER_END = 12


@dataclass(frozen=True, slots=True)
class RingFile:
    """One file of a ring, and the time of its first frame, ns."""

    path: Path
    first_ns: int


def look_into_ring(folder: Path) -> list[RingFile]:
    """The files of a ring that hold frames, oldest first; those that go meanwhile are left out.

    Raises:
        OSError: The folder cannot be read.
    """
    files = []
    for path in list_ring(folder):
        first_ns = _find_first(path)
        if first_ns is not None:
            files.append(RingFile(path, first_ns))
    return files


def _find_first(path: Path) -> int | None:
    """The time of a file's first frame; None where there is none yet, or the file has gone."""
    try:
        for batch in open_capture(path, notes=CaptureNotes(), batch_bytes=_GLANCE_BYTES):
            return int(batch.time_ns[0])
    except CaptureError:
        # The newest file may hold nothing yet, the oldest may go at any moment.
        return None
    return None


class WindowCut:
    """Cuts the frames from ``from_ns`` up to and without ``to_ns`` out of a ring, once.

    Args:
        files: As ``look_into_ring`` gives them.
        from_ns: Where the window begins.
        to_ns: Where it ends.
        lost: Frames that were lost in the window while capturing, as far as somebody knows; the ring may tell of more.
        watched_until_ns: Until when the wire was watched for certain; None if nobody knows.
    """

    def __init__(
        self,
        files: Sequence[RingFile],
        from_ns: int,
        to_ns: int,
        *,
        lost: int = 0,
        watched_until_ns: int | None = None,
    ) -> None:
        self._files = files
        self._span = (from_ns, to_ns)
        self._lost = lost
        self._watched_until_ns = watched_until_ns
        self._notes = CaptureNotes()
        self._newest = (b"", b"")
        self._in_effect: bytes | None = None
        self._is_written = False
        self._told_losses = self._new_losses = self._written_losses = 0
        self.frames = 0
        """Frames that were cut out so far."""

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the capture, in order; empty ones in between while nothing is found.

        A file that goes meanwhile, and a record that is not whole yet, are left out.
        """
        for file in self._choose():
            try:
                yield from self._cut(file.path)
            except CaptureError:
                # The oldest file goes when a new one begins.
                yield b""
        if self.frames:
            yield self._close()

    def _choose(self) -> list[RingFile]:
        """The files that may hold frames of the window."""
        from_ns, to_ns = self._span
        ends = [file.first_ns for file in self._files[1:]]
        chosen = []
        for at, file in enumerate(self._files):
            # Where the clock was set back between two files, the first one's end says nothing.
            is_before = at < len(ends) and file.first_ns <= ends[at] < from_ns - OVERLAP_NS
            if not is_before and file.first_ns < to_ns + OVERLAP_NS:
                chosen.append(file)
        return chosen

    def _cut(self, path: Path) -> Iterator[bytes]:
        self._in_effect, self._is_written = None, False
        for batch in open_capture(path, notes=self._notes, keep=self._note):
            yield self._take(batch)

    def _note(self, records: memoryview, header: bytes) -> None:
        """Keep the records of the batch that comes next, if they hold frames at all."""
        if self._is_written:
            self._in_effect, self._is_written = header, False
        self._newest = (bytes(records), header)
        self._new_losses = self._notes.dropped - self._told_losses
        self._told_losses = self._notes.dropped

    def _take(self, batch: FrameBatch) -> bytes:
        """What the window takes of a batch."""
        from_ns, to_ns = self._span
        times = np.frombuffer(batch.time_ns, np.int64)
        is_inside = (times >= from_ns) & (times < to_ns)
        if not is_inside.any():
            return b""
        records, header = self._newest
        lead, kept = (_keep_blocks if _is_pcapng(records, header) else _convert)(records, header, batch, is_inside)
        if header == self._in_effect:
            lead = b""
        self.frames += int(is_inside.sum())
        self._is_written = True
        self._written_losses += self._new_losses
        return lead + kept

    def _close(self) -> bytes:
        """A section without frames: what is known of the window beyond them."""
        lost = max(0, max(self._lost, self._notes.dropped) - self._written_losses)
        return statistics_section(self._notes.link_types[0], self._watched_until_ns, lost)


def _is_pcapng(records: bytes, header: bytes) -> bool:
    return (header or records).startswith(_PCAPNG)


def _keep_blocks(records: bytes, header: bytes, _batch: FrameBatch, is_inside: Inside) -> tuple[bytes, bytes]:
    """Whole blocks of pcapng without the frames that lie outside, and what a file needs before them."""
    return header, records if is_inside.all() else b"".join(_choose_blocks(records, header, is_inside.tolist()))


def _convert(records: bytes, header: bytes, batch: FrameBatch, is_inside: Inside) -> tuple[bytes, bytes]:
    """The same of pcap, as pcapng: a section with one interface, and a block for each frame."""
    start = header or records
    order = "<" if start.startswith(_LITTLE_PCAP) else ">"
    (snaplen,) = struct.unpack_from(f"{order}I", start, _SNAPLEN_AT)
    return open_section(batch.link[0], snaplen), packet_blocks(batch, np.flatnonzero(is_inside))


def _choose_blocks(records: bytes, header: bytes, is_inside: Sequence[bool]) -> Iterator[bytes]:
    """All blocks but those of frames that lie outside. Each frame has one block, in the same order.

    The reader has taken all of them, so each length is right.
    """
    order, at, frames = _order_of(header), 0, iter(is_inside)
    while at < len(records):
        if records.startswith(_PCAPNG, at):
            order = _order_of(records[at : at + _ORDER_END])
        kind, size = struct.unpack_from(f"{order}II", records, at)
        if kind not in _PACKETS or next(frames):
            yield records[at : at + size]
        at += size


def _order_of(section: bytes) -> str:
    """The byte order of a section, by its header's magic (draft-ietf-opsawg-pcapng, section 4.1)."""
    return ">" if section[8:_ORDER_END] == b"\x1a\x2b\x3c\x4d" else "<"
