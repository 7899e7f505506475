from __future__ import annotations

import io
import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from pcapaudit.capture import open_capture
from pcapaudit.cli.live_view import Screen, find_last_answer, say_verdict, write_line
from pcapaudit.engine.live import Count, LiveAudit, Look
from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.model.report import DeviceReport
from pcapaudit.model.words import Verdict
from pcapaudit.report.escape import make_visible
from pcapaudit.watch.events import Event, Kind
from pcapaudit.watch.state import Row, Standing

SITE = Path(__file__).resolve().parents[2] / "samples" / "site-sensorist-tek-broken.pcapng"


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
    return Row(report, standing, is_provisional, is_flapping, None, is_silent=False)


def drawn(look: Look | None, rows: list[Row], events: list[Event], *, width: int = 120, height: int = 40) -> str:
    """What the terminal shows at last."""
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, force_terminal=False)
    with Screen("eth1", make_visible, console, clock=itertools.count(0.0, 2.0).__next__) as screen:
        screen.count(Count(0, 0, 0, 0.0))
        screen.count(Count(2000, 250_000, 0, 0.0))
        if look is not None:
            screen.look(look, events, rows)
    return out.getvalue()


def test_the_head_tells_rate_losses_and_directions(look: Look) -> None:
    text = drawn(look, rows_of(look), [], width=160)
    # 2,000 frames and 250,000 bytes in two seconds.
    assert "eth1 · 1,000 frames/s · 1.0 Mbit/s · 2,000 frames · none known to be lost" in text
    assert "both directions seen" in text


def test_each_device_is_a_row_with_verdict_stage_lamp_and_times(look: Look) -> None:
    text = drawn(look, rows_of(look), [])
    sensorist = next(line for line in text.splitlines() if line.startswith("Sensorist"))
    assert sensorist.split()[-6:-2] == ["failed", "connect", "blinking", "red"]
    assert sum(line.count("healthy") for line in text.splitlines()) == 3


def test_more_devices_than_fit_are_counted(look: Look) -> None:
    text = drawn(look, rows_of(look) * 4, [], height=30)
    assert "and 8 more" in text


def test_a_screen_without_a_device_says_so() -> None:
    assert "no device recognised yet" in drawn(None, [], [])


def test_nothing_of_the_wire_steers_the_terminal(look: Look) -> None:
    report = replace(look.devices[0], title="\x1b[2J[red]evil", addresses=("\u202e10.0.0.5",))
    event = Event(Kind.LOST, look.now_ns, device="\x1b]0;evil\x07", summary="[bold]no\r\n")
    text = drawn(look, [row_of(report)], [event])
    assert not {"\x1b", "\u202e", "\x07", "\r"} & set(text)
    assert "\\x1b[2J[red]evil" in text
    assert "[bold]no\\x0d\\x0a" in text


def test_the_newest_event_stands_first(look: Look) -> None:
    events = [Event(kind, look.now_ns) for kind in (Kind.SEEN, Kind.BACK)]
    text = drawn(look, [], events)
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


def test_the_last_answer_is_the_newest_of_all_lanes(look: Look) -> None:
    device = look.devices[0]
    answers = [mark.at for lane in device.timeline for mark in lane.marks if mark.kind.value == "answered"]
    assert find_last_answer(device) == max(answers)
    assert find_last_answer(replace(device, timeline=())) is None
