from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from pcapaudit.web.live.desk import Desk, Happened
from pcapaudit.web.live.view import MOST_LINES, make_entry, make_head, make_lines, say_now
from pcapaudit.web.settings import Live
from tests.web.live.support import device, healthy, lost, status


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(Live("eth1", tmp_path, ("true",)))


def facts_of(desk: Desk) -> dict[str, tuple[str, bool]]:
    return {fact.name: (fact.value, fact.is_bad) for fact in make_head(desk).facts}


def test_before_the_first_status_the_head_says_so(desk: Desk) -> None:
    head = make_head(desk)
    assert (head.title, head.news, head.trouble, head.facts) == ("eth1 live", "Nothing was told yet", None, ())


def test_the_head_says_how_the_capture_does(desk: Desk) -> None:
    remark = {"id": "CAP-ONEWAY", "summary": "One side."}
    desk.note(status(verdicts={"healthy": 3, "undecided": 0, "degraded": 1, "failed": 2}, health=[remark]))
    head = make_head(desk)
    assert head.title == "2 offline – eth1 live"
    assert head.counts == (("failed", 2), ("degraded", 1), ("healthy", 3))
    assert head.remarks == (("CAP-ONEWAY", "One side."),)
    assert facts_of(desk) == {
        "Rate": ("1,204 frames/s, 1.4 Mbit/s", False),
        "Lost": ("none known", False),
        "Directions": ("both directions seen", False),
        "Behind the wire": ("0.2 s", False),
        "Judged since": ("2026-01-01 08:00:00", False),
        "Seen": ("1,204,312 frames, 180.6 MB", False),
        "Frames kept": ("181.0 MB in 3 files, from 2026-01-01 08:00:00", False),
    }


@pytest.mark.parametrize(
    ("changes", "name", "fact"),
    [
        ({"dropped": 1}, "Lost", ("1 frame", True)),
        ({"directions": "one"}, "Directions", ("only one direction seen", True)),
        ({"directions": None}, "Directions", ("not known yet", False)),
        ({"directions": "sideways"}, "Directions", ("sideways", False)),
        ({"lag_s": 12.4}, "Behind the wire", ("12 s", True)),
        ({"since": None}, "Judged since", ("–", False)),
        ({"bits_per_s": 12}, "Rate", ("1,204 frames/s, 12 bit/s", False)),
        ({"ring": None}, "Frames kept", ("none", True)),
        (
            {"ring": {"folder": "r", "files": 0, "octets": 0, "from": None, "fault": "No space left on device"}},
            "Frames kept",
            ("No space left on device", True),
        ),
    ],
)
def test_what_weakens_the_capture_stands_out(
    desk: Desk, changes: dict[str, Any], name: str, fact: tuple[str, bool]
) -> None:
    desk.note(status(**changes))
    assert facts_of(desk)[name] == fact


def test_why_nothing_is_seen_is_said_in_the_words_of_the_watch(desk: Desk) -> None:
    desk.note(status(is_blind=True))
    assert make_head(desk).trouble == "eth1 is down or gone: nothing can be seen"
    why = "nothing can be seen since 14:00:00: eth1 is down"
    desk.note({"event": "blind", "at": "2026-01-01T14:00:00Z", "text": why})
    assert make_head(desk).trouble == why
    desk.note(status())
    assert make_head(desk).trouble is None


def test_old_news_are_called_old(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.note(status())
    assert make_head(desk).news == ""
    told = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: told + 41.3)
    assert make_head(desk).news == "No news for 41 s"


def test_a_device_that_is_offline_says_since_when_and_why() -> None:
    (line,) = make_lines(status(devices=[device()]))
    assert (line.verdict, line.stage, line.shows) == ("failed", "connect", "blinking red")
    assert line.rule == "TCP-ALL-PORTS-FAIL"
    assert (line.answered, line.since, line.around) == ("14:01:34", "14:01:36", "2026-01-01T14:01:36.000000Z")
    assert (line.key, line.names) == ("02:54:10:2b:30:01", "10.20.36.101, 02:54:10:2b:30:01")


def test_a_time_of_another_day_has_its_day() -> None:
    (line,) = make_lines(status(at="2026-01-02T00:10:00Z", devices=[device()]))
    assert line.since == "2026-01-01 14:01:36"


def test_what_is_not_sure_flaps_or_is_silent_is_marked() -> None:
    unsure = device(verdict=None, is_provisional=True, is_flapping=True, is_silent=True, device=None, mac=None)
    (line,) = make_lines(status(devices=[unsure]))
    assert (line.verdict, line.marks) == ("looking", "not sure yet, flapping, silent")
    assert line.title == "Device without a signature"
    assert (line.key, line.since, line.around) == ("10.20.36.101", "", "")


def test_the_worst_devices_are_shown() -> None:
    lines = make_lines(status(devices=[device(), *[healthy(n % 250, mac=f"m{n}") for n in range(MOST_LINES)]]))
    assert len(lines) == MOST_LINES
    assert lines[0].verdict == "failed"


@pytest.mark.parametrize(
    ("changes", "around"),
    [
        ({}, "2026-01-01T14:01:36.000000Z"),
        ({"since": "2026-01-01T03:00:00Z"}, "2026-01-01T14:02:11.000000Z"),
        ({"since": None}, "2026-01-01T14:02:11.000000Z"),
        ({"since": "2026-01-01T15:00:00Z"}, "2026-01-01T14:02:11.000000Z"),
    ],
)
def test_what_is_looked_at_is_when_it_began_if_that_was_not_long_before(changes: dict[str, Any], around: str) -> None:
    assert make_entry(Happened(1, lost(**changes))).around == around


@pytest.mark.parametrize(
    ("kind", "look"),
    [
        ("lost", "failed"),
        ("dropped", "degraded"),
        ("recovered", "healthy"),
        ("seen", "undecided"),
        ("new", "undecided"),
    ],
)
def test_an_event_has_the_colour_of_what_it_means(kind: str, look: str) -> None:
    entry = make_entry(Happened(7, {"event": kind, "at": "2026-01-01T14:02:11Z", "text": "x"}))
    assert (entry.look, entry.kind, entry.device, entry.number) == (look, kind, "", 7)


def test_the_clock_is_said_with_its_zone() -> None:
    assert say_now(1_767_268_800 * 10**9) == "As of 2026-01-01 12:00:00 UTC"
