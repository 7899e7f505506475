"""Days on a mirror port, compressed in time: what is said does not change by itself, and nothing grows."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcapaudit.engine.live import LiveAudit, Look
from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.frames import Blind, CaptureNotes, FileNote, Item
from pcapaudit.watch.events import Event
from pcapaudit.watch.state import Watch
from tests.support.endless import NS, Endless

SITE = Path(__file__).resolve().parents[2] / "samples" / "site-sensorist-tek-broken.pcapng"
HOUR_S = 3600.0
DAY_NS = 86_400 * NS


pytestmark = pytest.mark.usefixtures("without_copies")


class Days:
    """A watch of a site with five devices, two of which are cut off, for some days.

    Args:
        days: How long.
        look_s: From look to look, on the wire's clock.
        window_s: How far back is judged.
        steps: Turn -> by how many seconds the clock is set then.
        gaps: Turns that nobody watches.
    """

    def __init__(
        self,
        days: float,
        look_s: float,
        window_s: float,
        *,
        steps: dict[int, float] | None = None,
        gaps: range = range(0),
    ) -> None:
        self._endless = Endless(SITE, pause_s=20.0)
        self._turns = round(days * DAY_NS / self._endless.turn_ns)
        self._steps, self._gaps = steps or {}, gaps
        self._passed_s = 0.0
        self._notes = CaptureNotes(files=[FileNote("eth1", "pcapng", 1)], link_types=[1])
        watched = LiveAudit(
            (item for item in self._items()),
            AuditOptions(),
            self._notes,
            window_s=window_s,
            clock=lambda: self._passed_s,
            look_s=look_s,
        )
        self.events: list[Event] = []
        self.looks: list[Look] = []
        self.resident_mb: list[float] = []
        watch = Watch()
        for news in watched.news():
            if isinstance(news, Look):
                self.events += watch.note(news.now_ns, news.devices, heard=news.heard, dropped=news.dropped)
                self.looks.append(news)
                self.resident_mb.append(_resident_mb())
            elif isinstance(news, Blind):
                self.events += watch.note_blind(news.from_ns, news.why) + watch.note_sight(news.to_ns)

    def _items(self) -> Iterator[Item]:
        set_ns, newest_ns = 0, 0
        for turn in range(self._turns):
            set_ns += round(self._steps.get(turn, 0.0) * NS)
            self._passed_s = turn * self._endless.turn_ns / NS
            if turn in self._gaps:
                continue
            batch = self._endless.turn(turn, self._notes.files[-1].next_frame, set_ns=set_ns)
            if turn - 1 in self._gaps:
                yield Blind(newest_ns, batch.time_ns[0], "the interface is down")
            newest_ns = batch.time_ns[-1]
            self._notes.files[-1].frames += len(batch)
            yield batch

    def told(self) -> Counter[str]:
        """Kind of event -> how often."""
        return Counter(event.kind.value for event in self.events)


def _resident_mb() -> float:
    """Memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


def test_hours_in_which_nothing_changes_are_told_once_and_nothing_grows() -> None:
    days = Days(days=0.4, look_s=HOUR_S / 2, window_s=HOUR_S / 4)

    assert days.told() == {"seen": 3, "lost": 2}
    rows = [sum(look.tables.values()) for look in days.looks]
    half = len(rows) // 2
    # Windows have come and gone many times in each half.
    assert half > 7
    assert max(rows[half:]) <= max(rows[:half])
    assert max(days.resident_mb[half:]) - max(days.resident_mb[:half]) < 40


@pytest.mark.parametrize("step_s", [-HOUR_S / 2, -3 * HOUR_S, 40 * 365 * 86_400.0])
def test_a_clock_that_is_set_is_no_news_of_any_device(step_s: float) -> None:
    days = Days(days=0.15, look_s=HOUR_S / 4, window_s=HOUR_S / 4, steps={60: step_s})
    assert days.told() == {"seen": 3, "lost": 2}


def test_what_nobody_watched_is_told_and_no_device_is_accused_of_it() -> None:
    days = Days(days=0.15, look_s=HOUR_S / 4, window_s=HOUR_S / 4, gaps=range(60, 80))
    assert days.told() == {"seen": 3, "lost": 2, "blind": 1, "sighted": 1}
