"""Single frames out of a capture, with the numbers they have in it, and what a dissector must see before them."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from pcapaudit.capture import expand, group, read_ring
from pcapaudit.capture.writer import Target, write_pcapng
from pcapaudit.engine.glance import TCP, UDP, Ends, RawFrame, find_ends, find_tunnels
from pcapaudit.model.errors import UsageError
from pcapaudit.model.frames import CaptureNotes, FrameBatch
from pcapaudit.model.records import dataclass

MAX_WANTED = 200
"""Frames that are taken at one time."""
FIRST_FRAMES = 16
LAST_FRAMES = 2000
"""Of the frames of a flow before the wanted one, the first (its handshake) and the last are kept."""
MAX_BYTES = 16 << 20
"""Bytes of the last frames that are kept, of each flow."""
_MAX_FLOWS = 16
"""Flows whose earlier frames are looked for; each costs two searches through the capture."""
_IN_PIECES = -1


@dataclass(frozen=True, slots=True)
class Cut:
    """Frames out of a capture.

    Attributes:
        frames: Ascending; the wanted ones and those around them.
        wanted: Numbers of the wanted ones.
        is_whole: No earlier frame of their flows is missing.
    """

    frames: tuple[RawFrame, ...]
    wanted: frozenset[int]
    is_whole: bool


def take_frames(sources: Sequence[str], numbers: Iterable[int], *, separate: bool = False) -> list[RawFrame]:
    """The frames of these numbers, ascending. The capture is read up to the last of them.

    Args:
        sources: One capture: a file, the files of one ring, or a folder with them.
        numbers: Frame numbers from 1, at most ``MAX_WANTED``.
        separate: Every file is a capture of its own, never part of a ring.

    Raises:
        CaptureError: The capture cannot be read.
        UsageError: Several captures, standard input, too many numbers, or one that is not in the capture.
    """
    ring = find_ring(sources, separate=separate)
    wanted = sorted(set(numbers))
    if len(wanted) > MAX_WANTED:
        raise UsageError(f"{len(wanted)} frames are too many at one time: at most {MAX_WANTED}")
    found = list(_take(ring, wanted))
    if len(found) < len(wanted):
        raise UsageError(f"there is no frame {wanted[len(found)]} in {', '.join(sources)}")
    return found


def add_context(sources: Sequence[str], wanted: Sequence[RawFrame], *, separate: bool = False) -> Cut:
    """Some frames with what a dissector must have seen before them, to put streams together and to count right.

    That is, of all frames before: those of the same flows and, as they may speak of it, between the same two
    addresses; the capture's first frame and the one right before, from which times are counted. Bounded by
    ``FIRST_FRAMES``, ``LAST_FRAMES`` and ``MAX_BYTES``. Reads the capture once more, up to the last wanted frame.

    Args:
        sources: The capture the frames were taken of.
        wanted: As ``take_frames`` gives them.
        separate: As there.
    """
    end = max(frame.number for frame in wanted)
    beside = {1} | {frame.number - 1 for frame in wanted}
    trails = _make_trails(wanted)
    followed = trails[:_MAX_FLOWS]
    kept = {frame.number: frame for frame in wanted}
    for batch in read_ring(find_ring(sources, separate=separate), CaptureNotes()):
        if batch.first_frame >= end:
            break
        kept |= {n: _copy(batch, n - batch.first_frame) for n in beside if 0 <= n - batch.first_frame < len(batch)}
        data = bytes(batch.data)
        for trail in followed:
            trail.follow(batch, data)
    for trail in followed:
        kept |= {frame.number: frame for frame in trail.frames()}
    numbers = sorted(number for number in kept if number <= end)
    is_whole = len(followed) == len(trails) and not any(trail.left_out for trail in followed)
    return Cut(tuple(kept[n] for n in numbers), frozenset(f.number for f in wanted), is_whole)


def write_frames(
    target: Target, frames: Sequence[RawFrame], *, has_comments: bool = True, notes: Mapping[int, str] | None = None
) -> int:
    """Write frames as pcapng, each with its number in the capture it came from as a comment; their count.

    Args:
        target: A path or a binary stream.
        frames: At least one.
        has_comments: False writes the frames alone.
        notes: What else to say of a frame, by its number in the capture.

    Raises:
        UsageError: The path cannot be written.
    """
    links = {place: frame.link for place, frame in enumerate(frames, start=1)}
    said = notes or {}
    comments = {
        place: "\n".join(filter(None, (f"frame {frame.number} of the capture", said.get(frame.number))))
        for place, frame in enumerate(frames, start=1)
    }
    rows = [(frame.time_ns, frame.data, frame.wire) for frame in frames]
    return write_pcapng(target, rows, link=links[1], links=links, comments=comments if has_comments else None)


def find_ring(sources: Sequence[str], *, separate: bool = False) -> list[str]:
    """The files of the one capture that is meant, in order. Raises UsageError when it is none, or several."""
    if "-" in sources:
        raise UsageError("the capture is read more than once: give a file, not standard input")
    found = group(expand(sources), separate=separate)
    if len(found) != 1:
        raise UsageError(f"these are {len(found)} captures; give one of them at a time")
    return found[0]


def _take(ring: Sequence[str], wanted: Sequence[int]) -> Iterator[RawFrame]:
    """The wanted frames as far as the capture has them; reading stops behind the last."""
    done = 0
    for batch in read_ring(ring, CaptureNotes()):
        end = batch.first_frame + len(batch)
        while done < len(wanted) and batch.first_frame <= wanted[done] < end:
            yield _copy(batch, wanted[done] - batch.first_frame)
            done += 1
        if done == len(wanted):
            return


def _copy(batch: FrameBatch, at: int) -> RawFrame:
    start = batch.offset[at]
    data = bytes(batch.data[start : start + batch.captured[at]])
    return RawFrame(batch.first_frame + at, batch.time_ns[at], data, batch.wire[at], batch.link[at])


def _make_trails(wanted: Sequence[RawFrame]) -> list[_Trail]:
    """One trail for each flow of the wanted frames, and for each tunnel around one, up to the last of its frames."""
    trails: dict[frozenset[tuple[bytes, int]], _Trail] = {}
    for frame in wanted:
        inner = find_ends(frame)
        tunnels = (Ends(source, 0, target, 0, _IN_PIECES) for source, target in find_tunnels(frame))
        for ends in (inner, *tunnels) if inner else tunnels:
            key = frozenset({(ends.source, ends.source_port), (ends.target, ends.target_port)})
            trails.setdefault(key, _Trail(ends)).end = frame.number
    return list(trails.values())


class _Trail:
    """Collects what two ends sent each other before a frame.

    An IP header holds both addresses side by side, whatever stands before it, so the bytes of a batch are searched for
    the two; what only quotes them does no harm here.

    Args:
        ends: The two ends; for the protocol ``_IN_PIECES`` only later fragments are collected, which of a tunnelled
            packet do not show what is in it.
    """

    def __init__(self, ends: Ends) -> None:
        self.end = 0
        """Number of the frame before which is collected."""
        self.left_out = 0
        self._needles = sorted({ends.source + ends.target, ends.target + ends.source})
        there, back = (ends.source_port, ends.target_port), (ends.target_port, ends.source_port)
        self._ports = {struct.pack(">HH", *pair) for pair in (there, back)} if ends.proto in (TCP, UDP) else None
        self._is_in_pieces = ends.proto == _IN_PIECES
        if self._is_in_pieces:
            self._ports = set()
        self._first: list[RawFrame] = []
        self._last: deque[RawFrame] = deque()
        self._last_bytes = 0
        self._others: deque[RawFrame] = deque(maxlen=FIRST_FRAMES * 4)

    def follow(self, batch: FrameBatch, data: bytes) -> None:
        """Keep what a batch has of this trail; ``data`` is its bytes."""
        if batch.first_frame >= self.end:
            return
        for at, behind in self._find(batch, data):
            if batch.first_frame + at >= self.end:
                return
            if self._is_of_flow(data, behind):
                self._keep(_copy(batch, at))
            elif not self._is_in_pieces:
                self._others.append(_copy(batch, at))

    def frames(self) -> Iterator[RawFrame]:
        """What was kept."""
        yield from self._others
        yield from self._first
        yield from self._last

    def _find(self, batch: FrameBatch, data: bytes) -> Iterator[tuple[int, int]]:
        """Place of each frame with both addresses in it, and where the bytes behind them begin; ascending."""
        hits = sorted(hit for needle in self._needles for hit in _find_all(data, needle))
        if not hits:
            return
        offsets = np.frombuffer(batch.offset, np.int64)
        places = (np.searchsorted(offsets, np.asarray(hits), side="right") - 1).tolist()
        size = len(self._needles[0])
        before = -1
        for place, hit in zip(places, hits, strict=True):
            is_inside = place >= 0 and hit + size <= batch.offset[place] + batch.captured[place]
            if is_inside and place != before:
                before = place
                yield place, hit + size

    def _is_of_flow(self, data: bytes, behind: int) -> bool:
        """Whether the ports are those of the trail, too; a later fragment has none and may belong to it."""
        if self._ports is None:
            return True
        if len(self._needles[0]) > 8:
            return data[behind : behind + 4] in self._ports or data[behind - 34 : behind - 33] not in (b"\x06", b"\x11")
        start = behind - 20
        is_later_fragment = bool(int.from_bytes(data[start + 6 : start + 8], "big") & 0x1FFF)
        ports = start + (data[start] & 15) * 4 if start >= 0 else behind
        return is_later_fragment or data[ports : ports + 4] in self._ports

    def _keep(self, frame: RawFrame) -> None:
        if len(self._first) < FIRST_FRAMES:
            self._first.append(frame)
            return
        self._last.append(frame)
        self._last_bytes += len(frame.data)
        while len(self._last) > LAST_FRAMES or self._last_bytes > MAX_BYTES:
            self._last_bytes -= len(self._last.popleft().data)
            self.left_out += 1


def _find_all(data: bytes, needle: bytes) -> Iterator[int]:
    at = data.find(needle)
    while at >= 0:
        yield at
        at = data.find(needle, at + 1)
