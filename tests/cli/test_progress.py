from __future__ import annotations

import io

import pytest

from pcapaudit.cli import progress
from pcapaudit.cli.progress import Progress, describe


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def test_work_of_less_than_a_second_shows_nothing(clock: Clock) -> None:
    screen = Terminal()
    with Progress(screen) as show:
        clock.now_s += 0.9
        show(10, 20)
    assert screen.getvalue() == ""


def test_longer_work_shows_a_line_and_wipes_it(clock: Clock) -> None:
    screen = Terminal()
    with Progress(screen) as show:
        clock.now_s += 1.1
        show(5_000_000, 10_000_000)
        show(6_000_000, 10_000_000)
    line = "reading [###############---------------]  50 %  5.0 MB"
    assert screen.getvalue() == f"\r{line}\r{' ' * len(line)}\r"


def test_what_is_no_terminal_stays_silent(clock: Clock) -> None:
    out = io.StringIO()
    with Progress(out) as show:
        clock.now_s += 5
        show(1, 2)
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("done", "total", "line"),
    [(1_500_000, None, "reading 1.5 MB"), (0, 0, "reading 0.0 MB"), (30, 20, f"reading [{'#' * 30}] 100 %  0.0 MB")],
)
def test_the_line_says_what_is_known(done: int, total: int | None, line: str) -> None:
    assert describe(done, total) == line
