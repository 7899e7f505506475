"""The loop of a live capture: feed what comes, and now and then look at what is known, aside, while feeding goes on.

The report at the end is the one that a file with the same frames gives.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing

import numpy as np

from pcapaudit.diagnose.analysis import analyse
from pcapaudit.engine.aside import Aside
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import assemble, collector_paused, make_auditor, make_request
from pcapaudit.engine.sliding import WINDOW_S, SlidingWindow
from pcapaudit.flows.packets import packed_address, packed_mac
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text, mac_text
from pcapaudit.model.frames import Blind, CaptureNotes, FrameBatch, Item, Tick
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import CaptureInfo, DeviceReport, Report
from pcapaudit.model.times import go_on

LOOK_S = 3.0
"""Seconds between two looks at least."""
SHARE = 4.0
"""After a look there is none for so many times what it took: a fifth of one processor at most goes into looking."""
BEAT_S = 1.0
"""Seconds between two counts of what came."""
_BEATS = 6
"""Counts that a rate is taken over."""


@dataclass(frozen=True, slots=True)
class Count:
    """What came so far, as a number."""

    frames: int
    octets: int
    dropped: int
    """Frames that the capturing side says it lost, as far as it said so."""
    look_s: float
    """Seconds that the newest look took."""
    now_ns: int
    """The wire's clock."""
    frames_per_s: float
    """Of the last seconds."""
    bits_per_s: float
    """Of the last seconds."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is known at one moment. Everything in it is provisional: the capture goes on."""

    now_ns: int
    """The wire's clock."""
    begun_ns: int
    """The first frame that is judged."""
    devices: tuple[DeviceReport, ...]
    info: CaptureInfo | None
    """The capture itself; None where nothing came."""
    heard: Mapping[str, int]
    """MAC, or the address of a device without one -> time of its newest IP packet, ns."""
    dropped: int
    tables: Mapping[str, int]
    """Table -> how many rows it has."""
    took_s: float
    """Seconds that it took."""


class LiveAudit:
    """One live capture on its way to a report.

    Args:
        items: What a source yields.
        options: As for an audit; ``since_ns`` and ``until_ns`` mean nothing here.
        notes: What the source learns while it reads.
        window_s: How far back is judged at least, once so much came; at most twice.
        clock: Seconds; the time between two looks.
        look_s: Seconds between two looks at least.

    Raises:
        SignatureError, UsageError: As for an audit.
    """

    def __init__(
        self,
        items: Generator[Item, None, None],
        options: AuditOptions,
        notes: CaptureNotes,
        *,
        window_s: float = WINDOW_S,
        clock: Callable[[], float] = time.monotonic,
        look_s: float = LOOK_S,
    ) -> None:
        self._request = request = make_request(options)
        self._window = SlidingWindow(lambda part: make_auditor(request, part, options), notes, window_s)
        self._items = items
        self._notes = notes
        self._clock = clock
        self._look_s = look_s
        self._aside = Aside[Look]()
        self._look_at = clock() + look_s
        self._frames = self._octets = 0
        self._now_ns = 0
        self._took_s = 0.0
        self._beats = deque([(clock(), 0, 0)], maxlen=_BEATS)

    def news(self) -> Iterator[Count | Look | Blind]:
        """Feed until the source ends; give a count each second that something came or ticked, and looks when due.

        What was not watched is given on. A look that is under way when the source ends is given up; ``conclude``
        tells all. As long as no frame has come there is none.

        Raises:
            CaptureError: As the source does.
        """
        beat_at = 0.0
        with closing(self._items), self._aside:
            for item in self._items:
                self._feed(item)
                if isinstance(item, Blind):
                    yield item
                now = self._clock()
                if now >= beat_at:
                    beat_at = now + BEAT_S
                    self._beats.append((now, self._frames, self._octets))
                    yield self.count()
                yield from self._look_when_due(now)

    def count(self) -> Count:
        """What came so far."""
        (first_s, frames, octets), (last_s, *_) = self._beats[0], self._beats[-1]
        span_s = max(last_s - first_s, BEAT_S)
        return Count(
            frames=self._frames,
            octets=self._octets,
            dropped=self._notes.dropped,
            look_s=self._took_s,
            now_ns=self._now_ns,
            frames_per_s=(self._frames - frames) / span_s,
            bits_per_s=8 * (self._octets - octets) / span_s,
        )

    def conclude(self) -> tuple[Look, Report]:
        """The last look and the report of the whole capture; nothing can be fed any more.

        A capture of which nothing came is not in the report, and there is no device in the look.
        """
        begun_ns = self._window.begun_ns or 0
        with collector_paused():
            analyses = [self._window.conclude()] if self._notes.files else []
        devices = tuple(device for analysis in analyses for device in analysis.devices)
        report = assemble(analyses, self._request, [], is_partial=False)
        info = analyses[0].info if analyses else None
        look = Look(self._now_ns, begun_ns, devices, info, {}, self._notes.dropped, {}, self._took_s)
        return look, report

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
            traffic = self._window.traffic()
            analysis = analyse(traffic, self._request, 0)
        return Look(
            now_ns=self._now_ns,
            begun_ns=traffic.start_ns,
            devices=analysis.devices,
            info=analysis.info,
            heard=_find_heard(traffic, analysis.devices),
            dropped=self._notes.dropped,
            tables=traffic.result.sizes(),
            took_s=self._clock() - begun,
        )

    def _feed(self, item: Item) -> None:
        self._window.feed(item)
        if isinstance(item, Tick):
            self._now_ns = go_on(self._now_ns, item.now_ns)
        elif isinstance(item, FrameBatch) and len(item):
            self._now_ns = go_on(self._now_ns, int(np.frombuffer(item.time_ns, np.int64).max()))
            self._frames += len(item)
            self._octets += int(np.frombuffer(item.wire, np.uint32).sum(dtype=np.int64))


def _find_heard(traffic: Traffic, devices: Sequence[DeviceReport]) -> dict[str, int]:
    """When each MAC, and each of the addresses that stand for a device, sent its newest IP packet."""
    table = traffic.result.bindings
    bare = {address for device in devices if device.mac is None for address in device.addresses[:1]}
    heard: dict[str, int] = {}
    # The newest is that of the last frame: the clock may have been set back since another.
    newest_last = table[np.argsort(table["last_frame"])]
    for mac, family, high, low, last_ns in newest_last[["smac", "family", "hi", "lo", "last_ns"]].tolist():
        packed = packed_mac(mac)
        names = [mac_text(packed)] if packed is not None else []
        if bare:
            names.append(ip_text(packed_address(family, high, low)))
        for name in names:
            heard[name] = last_ns
    return heard
