"""Where the news of a live capture come together, and whom they go to."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from contextlib import suppress

from pcapaudit.capture.live import LiveSource
from pcapaudit.capture.ring import Ring
from pcapaudit.cli.live_shows import Show
from pcapaudit.cli.output import silence_stdout
from pcapaudit.engine.interrupt import Interrupt
from pcapaudit.engine.live import Count, LiveAudit, Look
from pcapaudit.model.frames import Blind
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import Report
from pcapaudit.model.times import rfc3339
from pcapaudit.station.alerts import Alerts
from pcapaudit.station.memory import Memory
from pcapaudit.watch.events import Event
from pcapaudit.watch.state import Watch
from pcapaudit.watch.status import RingStatus, Status


@dataclass(slots=True)
class Desk:
    """One watch and its surroundings.

    Attributes:
        source: Where the frames come from.
        audit: What judges them.
        watch: What compares the looks.
        show: Where the news are shown.
        alerts: Who is told besides.
        memory: What outlives a restart; None if nothing shall.
        ring: What keeps the frames; None if nobody does.
    """

    source: LiveSource
    audit: LiveAudit
    watch: Watch
    show: Show
    alerts: Alerts
    memory: Memory | None = None
    ring: Ring | None = None
    look: Look | None = None
    """The newest one."""

    def run(self, interrupt: Interrupt) -> Report:
        """Pass the news on until the capture ends; the report at its end."""
        # A watch runs for long: what Python leaves lying in circles is looked for, unlike in an audit.
        gc.enable()
        for news in self.audit.news():
            try:
                self._take(news)
            except BrokenPipeError:
                # Nobody reads any more: the capture is ended in an orderly way.
                silence_stdout()
                interrupt.is_noted = True
        self.look, report = self.audit.conclude()
        look, count = self.look, self.audit.count()
        events: list[Event] = []
        if count.frames:
            # Without a frame there is no clock, either: what is remembered stays as it is.
            events = self.watch.conclude(look.now_ns, look.devices, dropped=look.dropped)
        with suppress(BrokenPipeError):
            self._pass_on(events)
            self._pass_on([], self._status(count))
        return report

    def _take(self, news: Count | Look | Blind) -> None:
        if isinstance(news, Count):
            why = self.source.blind_why
            events = self.watch.note_blind(news.now_ns, why) if why is not None and news.frames else []
            self._pass_on(events, self._status(news))
        elif isinstance(news, Look):
            self.look = news
            heard, dropped = news.heard, news.dropped
            self._pass_on(self.watch.note(news.now_ns, news.devices, heard=heard, dropped=dropped))
        else:
            self._pass_on([*self.watch.note_blind(news.from_ns, news.why), *self.watch.note_sight(news.to_ns)])

    def _pass_on(self, events: Sequence[Event], status: Status | None = None) -> None:
        """Keep it first, then tell, then show: a terminal that has gone must not keep anything from anybody."""
        if self.memory is not None and (events or status is None):
            self.memory.save(self.watch.record(), events)
        lines = [event.as_dict() for event in events]
        self.alerts.tell([*lines, status.as_dict()] if status else lines)
        self.show.tell(events)
        if status is not None:
            self.show.stand(status)

    def _status(self, count: Count) -> Status:
        return Status(
            source=self.source.name,
            count=count,
            look=self.look,
            rows=self.watch.rows(),
            lag_s=self.source.lag_s,
            is_blind=self.source.blind_why is not None,
            ring=_show_ring(self.ring) if self.ring else None,
        )


def _show_ring(ring: Ring) -> RingStatus:
    state = ring.state()
    begun = None if state.begun is None else rfc3339(round(state.begun.timestamp()) * 10**9)
    return RingStatus(str(ring.folder), state.files, state.octets, begun, ring.fault)
