"""The auditor: fed with batches and ticks, it can say at any time what it knows.

It opens nothing, sleeps never and knows no clock but the frames' and the ticks'.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pcapaudit.diagnose.analysis import CaptureAnalysis, GoOn, Request, Tell, analyse, judge, survey
from pcapaudit.engine.pair import in_two
from pcapaudit.flows.spoken import WANTED
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.frames import CaptureNotes, FrameBatch, Tick
from pcapaudit.scan import Bounds, Scanner, ScanResult

MANY = 5000
"""Conversations from which on a diagnosis is worth a second processor."""


class Auditor:
    """One capture on its way to a diagnosis.

    Args:
        request: What is asked of the capture: signatures, device, thresholds, what the engineer saw.
        notes: What the reader learns of the capture while it reads.
        since_ns, until_ns: Frames outside are left out, their numbers kept.
        bounds: How much of a capture is kept.
    """

    def __init__(
        self,
        request: Request,
        notes: CaptureNotes,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self._request = request
        self._notes = notes
        self._since_ns = since_ns
        self._until_ns = until_ns
        self._scanner = Scanner(bounds=bounds, wanted=WANTED)
        self._now_ns: int | None = None

    def feed(self, item: FrameBatch | Tick) -> None:
        """Take the next frames, or the news that time has passed in silence."""
        if isinstance(item, Tick):
            self._now_ns = item.now_ns
            return
        if self._until_ns is not None and len(item):
            # Frames behind the window are not looked at, but show that the wire was watched until then.
            self._now_ns = max(self._now_ns or 0, int(_times(item).max()))
        for part in self._inside(item):
            self._scanner.feed(part)

    def traffic(self) -> Traffic:
        """What was on the wire so far."""
        return self._read(self._scanner.result())

    def last_traffic(self) -> Traffic:
        """What was on the wire; nothing can be fed any more, and the memory is given back that the scan would need."""
        result = self._scanner.conclude()
        del self._scanner
        return self._read(result)

    def _read(self, result: ScanResult) -> Traffic:
        return Traffic(result, self._notes, now_ns=self._now_ns, until_ns=self._until_ns)

    def snapshot(self, capture: int = 0, go_on: GoOn | None = None) -> CaptureAnalysis:
        """The diagnosis of what was fed so far; feeding may go on after it.

        Args:
            capture: Index of this capture in the report.
            go_on: Asked before each device whether to judge it, see ``analyse``.
        """
        return analyse(self.traffic(), self._request, capture, go_on)

    def conclude(self, capture: int = 0, go_on: GoOn | None = None, tell: Tell | None = None) -> CaptureAnalysis:
        """The last diagnosis; nothing can be fed any more.

        Args:
            capture: Index of this capture in the report.
            go_on: Asked before each device whether to judge it, see ``analyse``.
            tell: Told each device as it is judged.
        """
        surveyed = survey(self.last_traffic(), self._request)
        if len(surveyed.traffic.result.flows) < MANY:
            return judge(surveyed, self._request, capture, go_on, tell)
        surveyed.look_ahead()
        return in_two(lambda crew: judge(surveyed, self._request, capture, go_on, tell, crew))

    def _inside(self, batch: FrameBatch) -> Iterator[FrameBatch]:
        """The runs of frames inside the time window."""
        if self._since_ns is None and self._until_ns is None:
            yield batch
            return
        low = self._since_ns if self._since_ns is not None else -(1 << 63)
        high = self._until_ns if self._until_ns is not None else (1 << 63) - 1
        times = _times(batch)
        is_inside = np.concatenate(([False], (times >= low) & (times <= high), [False]))
        edges = np.flatnonzero(is_inside[1:] != is_inside[:-1]).tolist()
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            yield batch.part(start, stop)


def _times(batch: FrameBatch) -> npt.NDArray[np.int64]:
    return np.frombuffer(batch.time_ns, np.int64) if len(batch) else np.zeros(0, np.int64)
