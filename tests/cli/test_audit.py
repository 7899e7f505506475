from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pcapaudit.cli.main import run
from pcapaudit.engine import run as engine_run
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.progress import Progress
from pcapaudit.model.report import Report
from pcapaudit.report.document import from_json
from tests.support.reports import load_report


class Engine:
    """Stands for the engine: gives a stored report and keeps what it was asked."""

    def __init__(self) -> None:
        self.report: Report = load_report("e1_blinking_red")
        self.sources: Sequence[str] = ()
        self.options = AuditOptions()

    def audit(self, sources: Sequence[str], options: AuditOptions, _progress: Progress) -> Report:
        self.sources, self.options = sources, options
        return self.report


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(engine_run, "audit", made.audit)
    return made


def test_the_report_goes_to_standard_output_and_a_fault_gives_one(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", "--format", "json", "a.pcap", "-"]) == 1
    told = capsys.readouterr()
    assert from_json(told.out) == engine.report
    assert told.err == ""
    assert engine.sources == ("a.pcap", "-")
    assert engine.options == AuditOptions()


def test_every_option_reaches_the_engine(engine: Engine) -> None:
    args = "audit --signature sensorist/gateway --device 10.0.0.5 --all-devices --param app_port=57123 --set syn_wait=5"
    args += " --led red --log waiting --mirror-point sw1 --signatures sig --since 1 --until 1970-01-01T00:00:02Z"
    args += " --separate --why --max-flows 5 a.pcap"
    run(args.split())
    assert engine.options == AuditOptions(
        signature="sensorist/gateway",
        device="10.0.0.5",
        all_devices=True,
        params={"app_port": "57123"},
        thresholds={"syn_wait": 5.0},
        led="red",
        log="waiting",
        mirror_point="sw1",
        signatures_dir=Path("sig"),
        since_ns=1_000_000_000,
        until_ns=2_000_000_000,
        separate=True,
        why=True,
        max_flows=5,
    )


@pytest.mark.parametrize(
    ("document", "fail_on", "status"),
    [
        ("e1_blinking_red", "never", 0),
        ("e2_other_port_works", "undecided", 0),
        ("undecided_late_start", "failed", 0),
        ("undecided_late_start", "undecided", 1),
        ("no_device", "failed", 3),
        ("named_device_absent", "failed", 2),
        ("ring_outside_view", "failed", 130),
    ],
)
@pytest.mark.usefixtures("capsys")
def test_the_exit_status_is_that_of_the_contract(engine: Engine, document: str, fail_on: str, status: int) -> None:
    engine.report = load_report(document)
    assert run(["audit", "--fail-on", fail_on, "a.pcap"]) == status


@pytest.mark.usefixtures("engine")
def test_a_file_takes_the_report_and_the_screen_stays_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "ticket.md"
    assert run(["audit", "--format", "markdown", "-o", str(target), "a.pcap"]) == 1
    assert capsys.readouterr().out == ""
    assert target.read_text(encoding="utf-8").startswith("# sensorist-blinking-red.pcapng\n")


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("form", "begin"), [("requests", "--- 1 of 2, to the firewall team ---"), ("requests-csv", "request,to,action,")]
)
def test_change_requests_are_a_form_of_the_report(form: str, begin: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "--format", form, "a.pcap"]) == 1
    assert capsys.readouterr().out.startswith(begin)


@pytest.mark.usefixtures("engine")
def test_colour_comes_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    run(["audit", "--color", "always", "a.pcap"])
    assert "\x1b[1;31mFAILED" in capsys.readouterr().out
    run(["audit", "a.pcap"])
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.usefixtures("capsys")
def test_a_file_that_may_not_be_read_does_not_keep_the_others_from_being_audited(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a.pcap").touch()
    monkeypatch.setattr(os, "access", lambda *_args, **_options: False)
    engine.report = load_report("e1_blinking_red")
    assert run(["audit", str(tmp_path / "a.pcap"), "b.pcap"]) == 1


def test_standard_error_names_unread_sources_unless_the_screen_does(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.report = load_report("named_device_absent")
    run(["audit", "--format", "json", "a.pcap"])
    assert capsys.readouterr().err == "not read: notes.txt at byte 0: this is no capture: found 'Dear a'\n"
    run(["audit", "a.pcap"])
    assert capsys.readouterr().err == ""


def test_standard_error_says_that_the_scan_is_not_compiled(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.report = replace(engine.report, generator=replace(engine.report.generator, scan="interpreted"))
    run(["audit", "a.pcap"])
    assert "the compiled scan is missing" in capsys.readouterr().err
