from __future__ import annotations

import json
import sys

import pytest

from pcapaudit.cli.live_shows import JsonLines, Lines, Silence, choose_show
from pcapaudit.cli.live_view import Screen
from pcapaudit.engine.live import Count
from pcapaudit.report.escape import make_visible
from pcapaudit.watch.events import Event, Kind
from pcapaudit.watch.status import Status

EVENT = Event(Kind.LOST, 1_767_268_800 * 10**9, device="\x1b[2Jevil", address="10.0.0.5", rule="X", frames=(7,))


STATUS = Status("eth1", Count(1, 60, 0, 0.0, 0, 0.0, 0.0), None, [], lag_s=0.0, is_blind=False, ring=None)


def test_the_form_and_the_terminal_choose_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(choose_show("eth1", "json", has_status=False), Silence)
    assert isinstance(choose_show("eth1", "jsonl", has_status=False), JsonLines)
    assert isinstance(choose_show("eth1", "text", has_status=False), Lines)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(choose_show("eth1", "text", has_status=False), Screen)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(choose_show("eth1", "text", has_status=False), Lines)


def test_lines_for_people_carry_day_time_and_frames(capsys: pytest.CaptureFixture[str]) -> None:
    with Lines(make_visible) as show:
        show.stand(STATUS)
        show.tell([EVENT])
    assert capsys.readouterr().out == (
        "2026-01-01 12:00:00 +00:00 \\x1b[2Jevil 10.0.0.5 is offline, at an unknown stage: X, frames 7\n"
    )


@pytest.mark.parametrize("has_status", [True, False])
def test_lines_for_programs_are_json(capsys: pytest.CaptureFixture[str], *, has_status: bool) -> None:
    with JsonLines(has_status=has_status) as show:
        show.tell([EVENT, EVENT])
        show.stand(STATUS)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [EVENT.as_dict()] * 2 + [STATUS.as_dict()] * has_status


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Silence() as show:
        show.tell([EVENT])
        show.stand(STATUS)
    assert capsys.readouterr().out == ""
