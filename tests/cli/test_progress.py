from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from pcapaudit.cli import progress
from pcapaudit.cli.progress import ProgressLine, ProgressLines, Rate, describe, say_bytes
from pcapaudit.engine import run
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.progress import Phase, Step
from pcapaudit.model.report import DeviceReport

MB = 1_000_000


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class AsciiTerminal(Terminal):
    encoding = "ascii"


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


def read(done: int, total: int | None = 100 * MB) -> Step:
    return Step(Phase.READING, done, total)


def test_work_of_less_than_a_second_shows_nothing(clock: Clock) -> None:
    screen = Terminal()
    with ProgressLine(screen) as show:
        clock.now_s += 0.9
        show(read(10))
    assert screen.getvalue() == ""


def test_longer_work_shows_a_line_and_wipes_it(clock: Clock) -> None:
    screen = Terminal()
    with ProgressLine(screen) as show:
        show(read(0))
        clock.now_s += 2
        show(read(40 * MB))
        show(read(41 * MB))
    line = "40 MB of 100 MB · 20 MB/s · 3 s left"
    assert screen.getvalue() == f"\r{line}\r{' ' * len(line)}\r"


def test_a_shorter_line_covers_the_longer_one_before_it(clock: Clock) -> None:
    screen = Terminal()
    with ProgressLine(screen) as show:
        clock.now_s += 2
        show(read(40 * MB))
        clock.now_s += 1
        show(Step(Phase.JUDGING, 1, 2))
        written = screen.getvalue()
    assert written == "\r40 MB of 100 MB\r1 of 2 devices judged"


def test_a_terminal_that_knows_ascii_alone_gets_ascii(clock: Clock) -> None:
    screen = AsciiTerminal()
    with ProgressLine(screen) as show:
        show(read(0, None))
        clock.now_s += 2
        show(read(3 * MB, None))
        written = screen.getvalue()
    assert written == "\r3.0 MB, 1.5 MB/s"


def test_what_is_no_terminal_stays_silent(clock: Clock) -> None:
    out = io.StringIO()
    with ProgressLine(out) as show:
        clock.now_s += 5
        show(read(1))
    assert out.getvalue() == ""


def test_a_program_is_told_five_times_a_second_and_of_each_phase(clock: Clock) -> None:
    out = io.StringIO()
    with ProgressLines(out) as tell:
        tell(read(0))
        clock.now_s += 0.1
        tell(read(10 * MB))
        clock.now_s += 0.4
        tell(read(50 * MB))
        tell(Step(Phase.JUDGING, 0, 7))
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {"phase": "reading", "done": 0, "total": 100 * MB, "rate": None, "left_s": None},
        {"phase": "reading", "done": 50 * MB, "total": 100 * MB, "rate": 100 * MB, "left_s": 1},
        {"phase": "judging", "done": 0, "total": 7, "rate": None, "left_s": None},
    ]


def test_a_program_is_told_of_each_device_and_a_terminal_is_not(clock: Clock, checkout: Path) -> None:
    out, screen, told = io.StringIO(), Terminal(), list[Step | DeviceReport]()
    run.audit([str(checkout / "samples" / "sensorist-blinking-red.pcapng")], AuditOptions(), told.append)
    (device,) = (news for news in told if isinstance(news, DeviceReport))
    clock.now_s += 5
    with ProgressLines(out) as tell, ProgressLine(screen) as show:
        clock.now_s += 5
        tell(device)
        show(device)
    # What the sample's own description says happened: samples/sensorist-blinking-red.yaml.
    assert screen.getvalue() == ""
    line = json.loads(out.getvalue())
    assert line["phase"] == "judged"
    assert {key: line["device"][key] for key in ("mac", "addresses", "signature", "verdict", "stage")} == {
        "mac": "02:54:10:2b:30:01",
        "addresses": ["10.20.36.101"],
        "signature": "sensorist/gateway",
        "verdict": "failed",
        "stage": "connect",
    }


def test_a_long_summary_makes_no_long_line(checkout: Path) -> None:
    out, told = io.StringIO(), list[Step | DeviceReport]()
    run.audit([str(checkout / "samples" / "sensorist-blinking-red.pcapng")], AuditOptions(), told.append)
    (device,) = (news for news in told if isinstance(news, DeviceReport))
    many = replace(device, summary="\x1b\n" * 10_000, addresses=("10.0.0.1",) * 900)
    with ProgressLines(out) as tell:
        tell(many)
    assert out.getvalue().count("\n") == 1
    assert len(out.getvalue()) < 8000


@pytest.mark.parametrize(
    ("step", "rate", "line"),
    [
        (read(412 * MB, 1200 * MB), 310e6, ["412 MB of 1.2 GB", "310 MB/s", "3 s left"]),
        (read(412 * MB, None), 310e6, ["412 MB", "310 MB/s"]),
        (read(0, 0), None, ["0 bytes of 0 bytes"]),
        (read(30, 20), 10.0, ["30 bytes of 20 bytes", "10 bytes/s"]),
        (read(0, 600 * MB), 1e6, ["0 bytes of 600 MB", "1.0 MB/s", "10 min left"]),
        (read(5 * MB), 0.0, ["5.0 MB of 100 MB"]),
        (Step(Phase.JUDGING, 120, 427), 90.0, ["120 of 427 devices judged"]),
    ],
)
def test_the_line_says_what_is_known(step: Step, rate: float | None, line: list[str]) -> None:
    assert describe(step, rate) == line


@pytest.mark.parametrize(
    ("count", "text"), [(999, "999 bytes"), (9_500, "9.5 kB"), (12_000, "12 kB"), (1_200_000_000, "1.2 GB")]
)
def test_bytes_are_told_in_few_digits(count: int, text: str) -> None:
    assert say_bytes(count) == text


def test_the_rate_is_that_of_the_last_seconds() -> None:
    rate = Rate()
    for second in range(20):
        rate.note(read(second * MB if second < 10 else 10 * MB + (second - 10) * 3 * MB), second)
    assert rate.per_second() == 3 * MB


def test_a_new_phase_or_a_new_beginning_has_no_rate_yet() -> None:
    rate = Rate()
    for now_s, step in enumerate([read(1), read(2), Step(Phase.JUDGING, 3, 9)]):
        rate.note(step, now_s)
    assert rate.per_second() is None
    for now_s, step in enumerate([read(5), read(9), read(1)]):
        rate.note(step, now_s)
    assert rate.per_second() is None
