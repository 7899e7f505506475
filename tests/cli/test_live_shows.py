from __future__ import annotations

import json
import sys

import pytest

from pcapaudit.cli.live_shows import JsonLines, Lines, Silence, choose_show
from pcapaudit.cli.live_view import Screen
from pcapaudit.engine.live import Count, Look
from pcapaudit.report.escape import make_visible
from pcapaudit.watch.events import Event, Kind
from tests.engine.test_live import HEALTHY, live

EVENT = Event(Kind.LOST, 1_767_268_800 * 10**9, device="\x1b[2Jevil", address="10.0.0.5", rule="X", frames=(7,))


@pytest.fixture(scope="module")
def look() -> Look:
    made = live(HEALTHY, step_s=1.0)
    list(made.news())
    return made.conclude()[0]


def test_the_form_and_the_terminal_choose_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(choose_show("eth1", "json"), Silence)
    assert isinstance(choose_show("eth1", "jsonl"), JsonLines)
    assert isinstance(choose_show("eth1", "text"), Lines)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(choose_show("eth1", "text"), Screen)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(choose_show("eth1", "text"), Lines)


def test_lines_for_people_carry_day_time_and_frames(look: Look, capsys: pytest.CaptureFixture[str]) -> None:
    with Lines(make_visible) as show:
        show.count(Count(1, 60, 0, 0.0))
        show.look(look, [EVENT], [])
    assert capsys.readouterr().out == (
        "2026-01-01 12:00:00 +00:00 \\x1b[2Jevil 10.0.0.5 is offline, at an unknown stage: X, frames 7\n"
    )


def test_lines_for_programs_are_json(look: Look, capsys: pytest.CaptureFixture[str]) -> None:
    with JsonLines() as show:
        show.look(look, [EVENT, EVENT], [])
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [EVENT.as_dict()] * 2


def test_silence_says_nothing(look: Look, capsys: pytest.CaptureFixture[str]) -> None:
    with Silence() as show:
        show.look(look, [EVENT], [])
    assert capsys.readouterr().out == ""
