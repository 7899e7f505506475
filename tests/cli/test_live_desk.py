from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from pcapaudit.capture import open_capture
from pcapaudit.capture.live import LiveSource
from pcapaudit.cli.live_desk import Desk
from pcapaudit.cli.live_shows import Silence
from pcapaudit.engine.interrupt import Interrupt
from pcapaudit.engine.live import LiveAudit
from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.frames import Blind, CaptureNotes, Item
from pcapaudit.station.alerts import Alerts
from pcapaudit.station.memory import Memory
from pcapaudit.watch.events import Event
from pcapaudit.watch.state import Watch
from pcapaudit.watch.status import Status

BROKEN = Path(__file__).resolve().parents[2] / "samples" / "sensorist-blinking-red.pcapng"


class Receiver(Silence):
    """Stands for the show and for those who are told."""

    def __init__(self, *, breaks: bool = False) -> None:
        self.events: list[Event] = []
        self.statuses: list[Status] = []
        self.lines: list[dict[str, Any]] = []
        self._breaks = breaks

    def tell(self, events: Sequence[Any]) -> None:
        if events and isinstance(events[0], dict):
            self.lines += events
        elif self._breaks:
            raise BrokenPipeError
        else:
            self.events += events

    def stand(self, status: Status) -> None:
        self.statuses.append(status)


class Source:
    """A source whose sight is lost for a moment after the first frame."""

    name, lag_s = "eth1", 0.0

    def __init__(self) -> None:
        self.blind_why: str | None = None
        self.notes = CaptureNotes()

    def items(self) -> Iterator[Item]:
        (batch,) = open_capture(BROKEN, notes=self.notes)
        yield batch.part(0, 1)
        self.blind_why = "the interface is down"
        yield batch.part(1, 1)
        self.blind_why = None
        yield Blind(batch.time_ns[0], batch.time_ns[0] + 1000, "the interface is down")
        yield batch.part(1, len(batch))


def desk(show: Receiver, alerts: Receiver, memory: Memory | None = None) -> Desk:
    source = Source()
    clock = itertools.count(0.0, 2.0).__next__
    audit = LiveAudit((item for item in source.items()), AuditOptions(), source.notes, clock=clock)
    return Desk(cast("LiveSource", source), audit, Watch(), show, cast("Alerts", alerts), memory)


def test_news_are_shown_told_and_remembered(tmp_path: Path) -> None:
    show, alerts = Receiver(), Receiver()
    with closing(Memory(tmp_path / "watch.sqlite", tell=print)) as memory:
        report = desk(show, alerts, memory).run(Interrupt())
        assert [event.kind.value for event in show.events] == ["blind", "sighted", "lost"]
        assert [line["event"] for line in alerts.lines if line["event"] != "status"] == ["blind", "sighted", "lost"]
        assert [event["event"] for event in memory.events()] == ["lost", "sighted", "blind"]
        record = memory.read()
    assert record is not None
    assert [device.report.mac for device in record.devices] == [report.devices[0].mac]
    assert alerts.lines[-1] == json.loads(json.dumps(show.statuses[-1].as_dict()))
    assert show.statuses[-1].as_dict()["verdicts"]["failed"] == 1


def test_a_reader_that_has_gone_ends_the_watch_and_keeps_nothing_from_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pcapaudit.cli.live_desk.silence_stdout", lambda: None)
    alerts, interrupt = Receiver(), Interrupt()
    report = desk(Receiver(breaks=True), alerts).run(interrupt)
    assert interrupt.is_noted
    assert [device.verdict.value for device in report.devices] == ["failed"]
    assert "lost" in [line["event"] for line in alerts.lines]
