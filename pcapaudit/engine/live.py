"""The loop of a live capture: feed what comes, and now and then look at what is known, aside, while feeding goes on.

The report at the end is the one that a file with the same frames gives.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing

import numpy as np

from pcapaudit.diagnose.analysis import analyse
from pcapaudit.engine.aside import Aside
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import assemble, collector_paused, make_auditor, make_request
from pcapaudit.flows.packets import packed_mac
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import mac_text
from pcapaudit.model.frames import CaptureNotes, FrameBatch, Tick
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import CaptureInfo, DeviceReport, Report

LOOK_S = 3.0
"""Seconds between two looks at least."""
SHARE = 4.0
"""After a look there is none for so many times what it took: a fifth of one processor at most goes into looking."""
BEAT_S = 1.0
"""Seconds between two counts of what came."""


@dataclass(frozen=True, slots=True)
class Count:
    """What came so far, as a number."""

    frames: int
    octets: int
    dropped: int
    """Frames that the capturing side says it lost, as far as it said so."""
    look_s: float
    """Seconds that the newest look took."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is known at one moment. Everything in it is provisional: the capture goes on."""

    now_ns: int
    """The wire's clock."""
    devices: tuple[DeviceReport, ...]
    info: CaptureInfo | None
    """The capture itself; None where nothing came."""
    heard: Mapping[str, int]
    """MAC -> time of its newest IP packet, ns."""
    dropped: int
    took_s: float
    """Seconds that it took."""


class LiveAudit:
    """One live capture on its way to a report.

    Args:
        items: What a source yields.
        options: As for an audit; ``since_ns`` and ``until_ns`` mean nothing here.
        notes: What the source learns while it reads.
        clock: Seconds; the time between two looks.
        look_s: Seconds between two looks at least.

    Raises:
        SignatureError, UsageError: As for an audit.
    """

    def __init__(
        self,
        items: Generator[FrameBatch | Tick, None, None],
        options: AuditOptions,
        notes: CaptureNotes,
        *,
        clock: Callable[[], float] = time.monotonic,
        look_s: float = LOOK_S,
    ) -> None:
        self._request = make_request(options)
        self._auditor = make_auditor(self._request, notes, options)
        self._items = items
        self._notes = notes
        self._clock = clock
        self._look_s = look_s
        self._aside = Aside[Look]()
        self._look_at = clock() + look_s
        self._frames = self._octets = 0
        self._now_ns = 0
        self._took_s = 0.0

    def news(self) -> Iterator[Count | Look]:
        """Feed until the source ends; give a count each second that something came or ticked, and looks when due.

        A look that is under way when the source ends is given up; ``conclude`` tells all. As long as no frame has come
        there is none.

        Raises:
            CaptureError: As the source does.
        """
        beat_at = 0.0
        with closing(self._items), self._aside:
            for item in self._items:
                self._feed(item)
                now = self._clock()
                if now >= beat_at:
                    beat_at = now + BEAT_S
                    yield self.count()
                yield from self._look_when_due(now)

    def count(self) -> Count:
        """What came so far."""
        return Count(self._frames, self._octets, self._notes.dropped, self._took_s)

    def conclude(self) -> tuple[Look, Report]:
        """The last look and the report of the whole capture; nothing can be fed any more.

        A capture of which nothing came is not in the report, and there is no device in the look.
        """
        with collector_paused():
            analyses = [self._auditor.conclude()] if self._notes.files else []
        devices = tuple(device for analysis in analyses for device in analysis.devices)
        report = assemble(analyses, self._request, [], is_partial=False)
        info = analyses[0].info if analyses else None
        return Look(self._now_ns, devices, info, {}, self._notes.dropped, self._took_s), report

    def _look_when_due(self, now: float) -> Iterator[Look]:
        """Begin a look when it is time, give it when it is ready."""
        if now >= self._look_at and self._frames and not self._aside.is_busy:
            self._aside.begin(self._look)
        was_busy = self._aside.is_busy
        look = self._aside.fetch()
        if look is None and was_busy and not self._aside.is_busy:
            # The copy died. If that was a fault of ours, it is found here, and not passed over for months.
            look = self._look()
        if look is not None:
            self._took_s = look.took_s
            self._look_at = self._clock() + max(self._look_s, SHARE * self._took_s)
            yield look

    def _look(self) -> Look:
        begun = self._clock()
        with collector_paused():
            traffic = self._auditor.traffic()
            analysis = analyse(traffic, self._request, 0)
        took_s = self._clock() - begun
        heard = _find_heard(traffic)
        return Look(traffic.end_ns, analysis.devices, analysis.info, heard, self._notes.dropped, took_s)

    def _feed(self, item: FrameBatch | Tick) -> None:
        self._auditor.feed(item)
        if isinstance(item, Tick):
            self._now_ns = max(self._now_ns, item.now_ns)
        elif len(item):
            self._now_ns = max(self._now_ns, int(np.frombuffer(item.time_ns, np.int64).max()))
            self._frames += len(item)
            self._octets += int(np.frombuffer(item.wire, np.uint32).sum(dtype=np.int64))


def _find_heard(traffic: Traffic) -> dict[str, int]:
    """When each MAC sent its newest IP packet."""
    table = traffic.result.bindings
    heard: dict[str, int] = {}
    for mac, last_ns in zip(table["smac"].tolist(), table["last_ns"].tolist(), strict=True):
        packed = packed_mac(mac)
        if packed is not None:
            text = mac_text(packed)
            heard[text] = max(last_ns, heard.get(text, 0))
    return heard
