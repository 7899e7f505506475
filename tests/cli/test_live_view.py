from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pcapaudit.capture import open_capture
from pcapaudit.cli.live_view import Screen, say_verdict, write_line
from pcapaudit.engine.live import Count, LiveAudit, Look
from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.model.report import DeviceReport
from pcapaudit.model.words import Verdict
from pcapaudit.report.escape import make_visible
from pcapaudit.watch.events import Event, Kind
from pcapaudit.watch.record import Standing
from pcapaudit.watch.state import Row
from pcapaudit.watch.status import RingStatus, Status

SITE = Path(__file__).resolve().parents[2] / "samples" / "site-sensorist-tek-broken.pcapng"
NOON_NS = 1_767_268_800 * 10**9
ANSWERED = "2026-01-01T11:58:07Z"


@pytest.fixture(scope="module")
def look() -> Look:
    """All that the site's capture tells: five devices, two of them cut off."""
    notes = CaptureNotes()
    items = (batch for batch in open_capture(SITE, notes=notes))
    made = LiveAudit(items, AuditOptions(), notes)
    list(made.news())
    return made.conclude()[0]


def rows_of(look: Look) -> list[Row]:
    return [row_of(report) for report in look.devices]


def row_of(report: DeviceReport, *, is_provisional: bool = False, is_flapping: bool = False) -> Row:
    root = report.root_cause
    standing = Standing(report.verdict, root.stage if root else None, root.rule if root else None)
    return Row(report, standing, is_provisional, is_flapping, None, is_silent=False, answered=ANSWERED)


def status_of(look: Look | None, rows: list[Row], **more: Any) -> Status:
    count = Count(2000, 250_000, 0, 0.0, NOON_NS, 1000.0, 1_000_000.0)
    given = {"lag_s": 0.0, "is_blind": False, "ring": None, "count": count} | more
    return Status(source="eth1", look=look, rows=rows, **given)


def drawn(status: Status | None, events: list[Event], *, width: int = 120, height: int = 40) -> str:
    """What the terminal shows at last."""
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, force_terminal=False)
    with Screen("eth1", make_visible, console) as screen:
        screen.tell(events)
        if status is not None:
            screen.stand(status)
    return out.getvalue()


def test_the_head_tells_rate_losses_and_directions(look: Look) -> None:
    text = drawn(status_of(look, rows_of(look)), [], width=160)
    assert "eth1 · 1,000 frames/s · 1.0 Mbit/s · 2,000 frames · none known to be lost" in text
    assert "both directions seen" in text


def test_each_device_is_a_row_with_verdict_stage_lamp_and_times(look: Look) -> None:
    text = drawn(status_of(look, rows_of(look)), [])
    sensorist = next(line for line in text.splitlines() if line.startswith("Sensorist"))
    assert sensorist.split()[-6:-2] == ["failed", "connect", "blinking", "red"]
    assert sum(line.count("healthy") for line in text.splitlines()) == 3


def test_more_devices_than_fit_are_counted(look: Look) -> None:
    text = drawn(status_of(look, rows_of(look) * 4), [], height=30)
    assert "and 8 more" in text


def test_a_screen_without_a_device_says_so() -> None:
    assert "no device recognised yet" in drawn(None, [])


def test_nothing_of_the_wire_steers_the_terminal(look: Look) -> None:
    report = replace(look.devices[0], title="\x1b[2J[red]evil", addresses=("\u202e10.0.0.5",))
    event = Event(Kind.LOST, look.now_ns, device="\x1b]0;evil\x07", summary="[bold]no\r\n")
    text = drawn(status_of(look, [row_of(report)]), [event])
    assert not {"\x1b", "\u202e", "\x07", "\r"} & set(text)
    assert "\\x1b[2J[red]evil" in text
    assert "[bold]no\\x0d\\x0a" in text


def test_the_newest_event_stands_first(look: Look) -> None:
    events = [Event(kind, look.now_ns) for kind in (Kind.SEEN, Kind.BACK)]
    text = drawn(status_of(look, []), events)
    assert text.index("is heard again") < text.index("is there")


def test_a_verdict_that_the_newest_look_doubts_is_marked(look: Look) -> None:
    report = replace(look.devices[0], verdict=Verdict.HEALTHY)
    assert say_verdict(row_of(report)) == "healthy"
    assert say_verdict(row_of(report, is_provisional=True)) == "healthy?"
    assert say_verdict(row_of(report, is_flapping=True)) == "healthy (flapping)"
    assert say_verdict(Row(report, None, True, False, None, False)) == "looking?"


def test_an_event_is_a_line_with_its_time_and_frames() -> None:
    event = Event(Kind.LOST, 1_767_268_800 * 10**9, address="10.0.0.5", rule="TCP-SYN-RST", frames=(1, 2))
    assert write_line(event) == ("12:00:00 +00:00 10.0.0.5 is offline, at an unknown stage: TCP-SYN-RST, frames 1, 2")


def test_the_newest_answer_is_shown_as_a_time_of_the_day(look: Look) -> None:
    assert drawn(status_of(look, rows_of(look)[:1]), []).count(ANSWERED[11:19]) == 1


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"is_blind": True}, "NOTHING CAN BE SEEN"),
        ({"lag_s": 7.2}, "7 s BEHIND"),
        ({"ring": RingStatus("/ring", 0, 0, None, "No space left on device")}, "nothing is kept: No space left"),
        ({"count": Count(2000, 250_000, 17, 0.0, 0, 0.0, 0.0)}, "17 LOST"),
    ],
)
def test_what_the_watch_itself_lacks_stands_in_the_head(look: Look, given: dict[str, Any], text: str) -> None:
    assert text in drawn(status_of(look, [], **given), [], width=300)
    assert text not in drawn(status_of(look, []), [], width=300)
