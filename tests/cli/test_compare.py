from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcapaudit.cli import main as cli
from pcapaudit.cli.compare import choose_status, is_report
from pcapaudit.report.compare import compare
from pcapaudit.report.document import to_json
from tests.report.compare.scenes import HOUR, RED, green, inward, report_of
from tests.support.pcap import write_pcap
from tests.support.scene import play_script, shifted

SECOND = 1_000_000_000


@pytest.fixture
def red(tmp_path: Path) -> str:
    """A capture in which the gateway fails."""
    path = tmp_path / "red.pcap"
    write_pcap(path, ((f.time_ns, f.data, f.wire_len) for f in play_script(RED)))
    return str(path)


@pytest.fixture
def works(tmp_path: Path) -> str:
    """An hour later it works."""
    path = tmp_path / "green.pcap"
    frames = shifted(play_script(green()), round(HOUR * SECOND))
    write_pcap(path, ((f.time_ns, f.data, f.wire_len) for f in frames))
    return str(path)


def test_two_captures_are_audited_and_compared(red: str, works: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["compare", red, works]) == 0
    told = capsys.readouterr().out
    assert "REPAIRED  Sensorist / Oscar TempLog gateway" in told
    assert "red.pcap" in told


def test_a_report_stands_for_its_capture(red: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    later = tmp_path / "later.json"
    later.write_text(to_json(report_of(RED, HOUR)), encoding="utf-8")
    assert cli.run(["compare", "--format", "json", red, str(later)]) == 1
    (device,) = json.loads(capsys.readouterr().out)["devices"]
    assert device["change"] == "still"


def test_the_result_goes_to_a_file(red: str, works: str, tmp_path: Path) -> None:
    target = tmp_path / "ticket.md"
    assert cli.run(["compare", "--format", "markdown", "-o", str(target), red, works]) == 0
    assert target.read_text(encoding="utf-8").startswith("# Before and after")


def test_a_device_that_is_in_neither_leaves_nothing_to_judge(red: str, works: str) -> None:
    assert cli.run(["compare", "--device", "10.9.9.9", red, works]) == 3


def test_a_third_device_and_a_file_that_is_no_report_are_refused(
    red: str, works: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["compare", *(["--device", "10.0.0.5"] * 3), red, works]) == 2
    other = tmp_path / "other.json"
    other.write_text("{}", encoding="utf-8")
    assert cli.run(["compare", str(other), works]) == 2
    assert "expected 'pcapaudit/report/1'" in capsys.readouterr().err
    assert cli.run(["compare", str(tmp_path / "gone.pcap"), works]) == 2


def test_the_status_says_broken_before_it_says_unknown() -> None:
    red, works = report_of(RED), report_of(green(), HOUR)
    assert choose_status(compare(red, works)) == 0
    assert choose_status(compare(red, report_of(RED, HOUR))) == 1
    assert choose_status(compare(report_of(green()), report_of(RED, HOUR))) == 1
    assert choose_status(compare(red, report_of(green(), HOUR, inward))) == 3


def test_a_capture_is_no_report(red: str, tmp_path: Path) -> None:
    assert not is_report(Path(red))
    assert not is_report(tmp_path)
    assert not is_report(tmp_path / "gone")
