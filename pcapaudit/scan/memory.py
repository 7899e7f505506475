"""What the scan's loop stands on: growing arrays, a batch's columns as arrays, the capture's clock."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pcapaudit.model.frames import FrameBatch
from pcapaudit.model.records import dataclass
from pcapaudit.scan import layout
from pcapaudit.scan.result import Bounds, Hop, Seen
from pcapaudit.scan.wanted import EVERYTHING, Wanted

Words: TypeAlias = npt.NDArray[Any]
"""One table's raw words."""

_BACK_NS: Final = 1_000_000_000
_AHEAD_NS: Final = 300_000_000_000
"""From here on a step of the time stamps counts as a hop."""
_ROUNDED_NS: Final = 1_000_000
"""More than a step may seem to be longer than it is, where times are reckoned with as floating point numbers."""
_MOST_BACK: Final = 100
_MOST_AHEAD: Final = 1000


@dataclass(frozen=True, slots=True)
class Columns:
    """A batch's bytes and columns as one-dimensional arrays that share its memory."""

    data: npt.NDArray[np.uint8]
    offset: npt.NDArray[np.int64]
    captured: npt.NDArray[np.uint32]
    wire: npt.NDArray[np.uint32]
    time_ns: npt.NDArray[np.int64]
    link: npt.NDArray[np.uint16]


def view_columns(batch: FrameBatch) -> Columns:
    """View a batch that holds at least one frame as arrays, checked so that no read can leave them.

    Raises:
        ValueError: Columns of different length, or frames outside ``data``.
    """
    columns = Columns(
        data=np.frombuffer(batch.data, np.uint8) if len(batch.data) else np.zeros(1, np.uint8),
        offset=np.frombuffer(batch.offset, np.int64),
        captured=np.frombuffer(batch.captured, np.uint32),
        wire=np.frombuffer(batch.wire, np.uint32),
        time_ns=np.frombuffer(batch.time_ns, np.int64),
        link=np.frombuffer(batch.link, np.uint16),
    )
    lengths = {len(columns.offset), len(columns.captured), len(columns.wire), len(columns.time_ns), len(columns.link)}
    if len(lengths) != 1:
        raise ValueError("the columns of a batch differ in length")
    ends = columns.offset + columns.captured
    if columns.offset.min() < 0 or ends.max() > len(batch.data):
        raise ValueError("a frame lies outside its batch")
    return columns


def make_arrays(bounds: Bounds, wanted: Wanted = EVERYTHING) -> dict[str, Words]:
    """Make the loop's arrays, all 0 but what it looks up; those that grow hold one entry at first."""
    ports = np.zeros(1 << 16, np.uint8)
    ports[list(wanted.ports)] = 1
    return {
        "octets": np.ascontiguousarray(wanted.octets, np.uint32).reshape(-1),
        "ports": ports,
        "rows": np.zeros(layout.ROW8, np.uint64),
        "handed": np.zeros(layout.HANDED8, np.uint64),
        "marks": np.zeros(1, np.uint8),
        "tails": np.zeros(layout.TAIL8, np.uint64),
        "blob": np.zeros(1, np.uint8),
        "flow8": np.zeros(layout.FLOW8, np.int64),
        "flow4": np.zeros(layout.FLOW4, np.uint32),
        "arps": np.zeros(layout.ARP8, np.int64),
        "pairs": np.zeros(layout.PAIR8, np.int64),
        "bindings": np.zeros(layout.BINDING8, np.int64),
        "ring": np.zeros(layout.RING * layout.RING8, np.int64),
        "buckets": np.zeros(layout.BUCKETS, np.uint32),
        "seen": np.zeros((layout.SEEN_OVERSIZE + 1) * layout.SEEN8, np.int64),
        "copies": np.zeros(3 * layout.COPY8, np.int64),
        "links": np.zeros(layout.MAX_SMALL * layout.LINK8, np.int64),
        "outer": np.zeros(layout.MAX_SMALL * layout.OUTER8, np.int64),
        "tunnels": np.zeros(8, np.int64),
        "flow_slots": np.zeros(slots_for(1), np.uint32),
        "pair_slots": np.zeros(slots_for(bounds.max_pairs), np.uint32),
        "binding_slots": np.zeros(slots_for(bounds.max_bindings), np.uint32),
    }


def slots_for(entries: int) -> int:
    """Give the size of a slot table: a power of two, at least twice the entries."""
    return max(1024, 1 << (2 * entries).bit_length())


def address(array: Words) -> int:
    """Give the machine address of an array's first element."""
    where: int = array.__array_interface__["data"][0]
    return where


def grow(arrays: dict[str, Words], name: str, wanted: int, used: int, width: int = 1) -> bool:
    """Let a table hold ``wanted`` entries of ``width`` words; it at least doubles. Says whether it moved.

    Only the ``used`` entries are copied: the others are 0, and memory that nobody touched costs nothing. The old array
    stays alive as long as a result looks at it.
    """
    old = arrays[name]
    if wanted * width <= len(old):
        return False
    arrays[name] = moved(old, max(wanted * width, 2 * len(old)), used * width)
    return True


def moved(old: Words, size: int, used: int) -> Words:
    """An array of ``size`` words that begins with the ``used`` ones of another."""
    new = np.zeros(size, old.dtype)
    new[:used] = old[:used]
    return new


class Clock:
    """Watch the time stamps in file order: span, steps back, long steps ahead, cut frames, sizes."""

    def __init__(self) -> None:
        self.first_ns: int | None = None
        self.last_ns: int | None = None
        self.captured = 0
        self.wire = 0
        self.cut = 0
        self.backward = Seen()
        self.backward_over_1ms = 0
        self.largest_back_ns = 0
        self._back: list[Hop] = []
        self._ahead: list[Hop] = []
        self._latest: int | None = None

    def note(self, first_frame: int, columns: Columns) -> None:
        """Take the next frames, the first of them numbered ``first_frame``."""
        times = columns.time_ns
        self.captured += int(columns.captured.sum(dtype=np.int64))
        self.wire += int(columns.wire.sum(dtype=np.int64))
        self.cut += int((columns.captured < columns.wire).sum())
        low, high = int(times.min()), int(times.max())
        self.first_ns = low if self.first_ns is None else min(self.first_ns, low)
        self.last_ns = high if self.last_ns is None else max(self.last_ns, high)
        before = np.empty_like(times)
        before[0] = times[0] if self._latest is None else self._latest
        before[1:] = times[:-1]
        low = min(low, int(before[0]))
        self._latest = int(times[-1])
        at = np.flatnonzero(times < before)
        if len(at):
            self._note_back(first_frame, at, times, before)
        # Most frames follow each other in order and soon, and nothing lies further ahead than the last from the first.
        if len(at) or high - low >= _AHEAD_NS - _ROUNDED_NS:
            self._note_hops(first_frame, times, before)

    def _note_back(
        self,
        first_frame: int,
        at: npt.NDArray[np.intp],
        times: npt.NDArray[np.int64],
        before: npt.NDArray[np.int64],
    ) -> None:
        # Through Python's numbers: hostile time stamps may lie further apart than 64 bits hold.
        steps = [int(before[i]) - int(times[i]) for i in at]
        self.backward = _add_seen(self.backward, first_frame, at)
        self.largest_back_ns = max(self.largest_back_ns, *steps)
        self.backward_over_1ms += sum(step > 1_000_000 for step in steps)

    @property
    def hops(self) -> tuple[Hop, ...]:
        """The first of those hops that are no ordinary pause or disorder, in frame order."""
        return tuple(sorted([*self._back, *self._ahead], key=lambda hop: hop.frame))

    def _note_hops(self, first_frame: int, times: npt.NDArray[np.int64], before: npt.NDArray[np.int64]) -> None:
        # As floating point, because hostile time stamps may lie further apart than 64 bits hold.
        passed = times.astype(np.float64) - before.astype(np.float64)
        for hops, most, is_hop in (
            (self._back, _MOST_BACK, passed < -_BACK_NS),
            (self._ahead, _MOST_AHEAD, passed > _AHEAD_NS),
        ):
            for i in np.flatnonzero(is_hop)[: most - len(hops)].tolist():
                hops.append(Hop(first_frame + i, int(before[i]), int(times[i])))


def _add_seen(seen: Seen, first_frame: int, at: npt.NDArray[np.intp]) -> Seen:
    room = 5 - len(seen.frames)
    frames = tuple(first_frame + int(i) for i in at[:room])
    return Seen(seen.count + len(at), seen.frames + frames)
