"""A window that slides: of a capture without an end, what came in the last hours is judged, at a size that stays.

Two auditors are fed at a time, one begun a window later than the other. The older one is asked; when the younger one
reaches back far enough, the older one goes and a third begins. So nothing has to be taken out of any table, and what is
judged is at any moment a capture of its own: the frames from one moment on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np

from pcapaudit.diagnose.analysis import CaptureAnalysis
from pcapaudit.engine.auditor import Auditor
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.frames import Blind, CaptureNotes, FrameBatch, Item, Tick
from pcapaudit.model.records import dataclass
from pcapaudit.model.times import NS

WINDOW_S = 6 * 3600.0
"""Long enough for the third attempt of a device that reports once an hour."""
MOST_FRAMES = 1 << 30
"""A window is over after so many frames, too, and one that begins beyond that number has its frames numbered from 1 on:
the scan's tables have 32 bits for a number, which a thousand frames a second use up in seven weeks."""


@dataclass(slots=True)
class _Part:
    """The capture from one frame on."""

    auditor: Auditor
    notes: CaptureNotes
    first_frame: int
    begun_ns: int
    dropped_before: int
    age_ns: int = 0

    @property
    def unnumbered(self) -> int:
        """Frames that came before the one that is number 1 here."""
        return self.first_frame - 1 if self.first_frame > MOST_FRAMES else 0


class SlidingWindow:
    """What is judged of a live capture.

    Args:
        make: Makes an auditor, given the notes of what it will be fed.
        notes: What the source learns while it reads.
        window_s: What is judged reaches back at least so far, once so much came, and at most twice. Counted in time
            that passed on the wire's clock; where that was set, the leap does not count.
    """

    def __init__(self, make: Callable[[CaptureNotes], Auditor], notes: CaptureNotes, window_s: float) -> None:
        self._make = make
        self._notes = notes
        self._window_ns = round(window_s * NS)
        self._parts: list[_Part] = []
        self._is_cut = False
        self._last_ns = 0

    @property
    def begun_ns(self) -> int | None:
        """Time of the first frame that is judged; None as long as none has come."""
        return self._parts[0].begun_ns if self._parts else None

    def feed(self, item: Item) -> None:
        """Take what a source gives.

        What came before the wire was out of sight is judged no more as soon as more comes: whatever a device did
        meanwhile would look like a fault.
        """
        if isinstance(item, Blind):
            self._is_cut = True
        elif isinstance(item, Tick):
            if not self._is_cut:
                self._feed_all(item)
        elif len(item):
            self._slide(item)
            self._feed_all(item)

    def traffic(self) -> Traffic:
        """What was on the wire in the window. Raises IndexError as long as nothing was."""
        self._note()
        return self._parts[0].auditor.traffic()

    def conclude(self) -> CaptureAnalysis:
        """The last diagnosis; nothing can be fed any more."""
        if not self._parts:
            return self._make(self._notes).conclude()
        self._note()
        del self._parts[1:]
        return self._parts.pop().auditor.conclude()

    def _feed_all(self, item: FrameBatch | Tick) -> None:
        for part in self._parts:
            if isinstance(item, FrameBatch) and part.unnumbered:
                part.auditor.feed(replace(item, first_frame=item.first_frame - part.unnumbered))
            else:
                part.auditor.feed(item)

    def _slide(self, batch: FrameBatch) -> None:
        """Begin and end parts, as it is time, before this batch."""
        latest_ns = int(np.frombuffer(batch.time_ns, np.int64).max())
        passed_ns = min(max(0, latest_ns - self._last_ns), self._window_ns)
        self._last_ns = latest_ns
        if self._is_cut:
            self._is_cut = False
            self._parts.clear()
        for part in self._parts:
            part.age_ns += passed_ns
        if not self._parts or self._is_over(self._parts[-1], batch.first_frame):
            self._begin(batch)

    def _is_over(self, part: _Part, next_frame: int) -> bool:
        return part.age_ns >= self._window_ns or next_frame - part.first_frame >= MOST_FRAMES

    def _begin(self, batch: FrameBatch) -> None:
        del self._parts[:-1]
        notes = CaptureNotes()
        begun_ns = int(batch.time_ns[0])
        self._parts.append(_Part(self._make(notes), notes, batch.first_frame, begun_ns, self._notes.dropped))
        self._forget_files()

    def _forget_files(self) -> None:
        """A capture that was begun anew very often has as many files; those of which nothing is judged go."""
        first = self._parts[0].first_frame
        self._notes.files[:] = [file for file in self._notes.files if file.next_frame > first] or self._notes.files[-1:]

    def _note(self) -> None:
        """Carry over to the part that is asked what the source has learnt, as far as it is about its frames."""
        part = self._parts[0]
        for field in fields(CaptureNotes):
            setattr(part.notes, field.name, getattr(self._notes, field.name))
        part.notes.dropped = self._notes.dropped - part.dropped_before
        part.notes.drop_frames = [
            frame - part.unnumbered for frame in self._notes.drop_frames if frame >= part.first_frame
        ]
        part.notes.files = []
        for file in self._notes.files:
            skipped = max(0, part.first_frame - file.first_frame)
            if not skipped or skipped < file.frames:
                first = file.first_frame + skipped - part.unnumbered
                part.notes.files.append(replace(file, first_frame=first, frames=file.frames - skipped))
