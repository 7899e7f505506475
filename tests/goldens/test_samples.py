"""The shipped samples, held against what the lab knew before it made them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit
from pcapaudit.model.report import DeviceReport, Report
from pcapaudit.model.words import Severity, State, Verdict
from pcapaudit.report.document import to_json

SAMPLES = Path(__file__).parents[2] / "samples"
TRUTHS = sorted(SAMPLES.glob("*.yaml"))


def _truth(path: Path) -> dict[str, Any]:
    truth: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return truth


def _audit(path: Path, device: dict[str, Any]) -> Report:
    """Audit a sample as its user would: a device that nothing on the wire names is named by hand."""
    options = AuditOptions()
    if not device["recognisable"]:
        options = AuditOptions(device=device["mac"], signature=device["signature"])
    return audit([str(path.with_suffix(".pcapng"))], options)


def _find(report: Report, mac: str) -> DeviceReport:
    found = [d for d in report.devices if d.mac == mac]
    assert found, f"{mac} is not listed; there are {[d.mac for d in report.devices]}"
    return found[0]


def _first_failed(device: DeviceReport) -> str | None:
    return next((str(s.stage) for s in device.stages if s.state is State.FAILED), None)


@pytest.mark.parametrize("path", TRUTHS, ids=lambda p: p.stem)
def test_every_device_of_a_sample_gets_the_verdict_that_the_lab_made(path: Path) -> None:
    truth = _truth(path)
    report = _audit(path, truth["devices"][0])

    for expected in truth["devices"] if truth["devices"][0]["recognisable"] else truth["devices"][:1]:
        device = _find(report, expected["mac"])
        shown = device.indicator.state if device.indicator else None
        root = device.root_cause.rule if device.root_cause else None
        got = (device.signature, str(device.verdict), _first_failed(device), root)
        assert got == (expected["signature"], expected["verdict"], expected["first_failed_stage"], expected["rule"])
        assert shown == expected["led"]
        assert expected["ip"] is None or expected["ip"] in device.addresses


@pytest.mark.parametrize("path", TRUTHS, ids=lambda p: p.stem)
def test_nobody_else_in_a_sample_is_accused(path: Path) -> None:
    truth = _truth(path)
    report = audit([str(path.with_suffix(".pcapng"))], AuditOptions())

    accused = {d.mac for d in report.devices if d.verdict in (Verdict.FAILED, Verdict.DEGRADED)}
    loud = {d.mac for d in report.devices if any(f.severity is not Severity.NOTE for f in d.findings)}

    assert not (accused | loud) & set(truth["must_not_accuse"])


@pytest.mark.parametrize("path", TRUTHS, ids=lambda p: p.stem)
def test_every_finding_of_a_sample_cites_frames_of_the_file(path: Path) -> None:
    report = audit([str(path.with_suffix(".pcapng"))], AuditOptions(all_devices=True))

    frames = report.captures[0].counters.frames
    for device in report.devices:
        for finding in device.findings:
            assert finding.evidence.frames
            assert min(finding.evidence.frames) >= 1
            assert max(finding.evidence.frames) <= frames
            assert len(finding.evidence.frames) <= 10


@pytest.mark.parametrize("path", TRUTHS, ids=lambda p: p.stem)
@pytest.mark.needs_tshark
def test_wireshark_understands_every_display_filter_and_finds_the_cited_frames(
    path: Path, require_tool: Callable[[str], object]
) -> None:
    require_tool("tshark")
    capture = str(path.with_suffix(".pcapng"))
    report = audit([capture], AuditOptions(all_devices=True))

    for device in report.devices:
        for finding in device.findings:
            command = ["tshark", "-n", "-r", capture, "-Y", str(finding.evidence.display_filter), "-T", "fields"]
            shown = subprocess.run([*command, "-e", "frame.number"], capture_output=True, text=True, check=True)
            assert set(finding.evidence.frames) <= {int(number) for number in shown.stdout.split()}


@pytest.mark.parametrize("path", TRUTHS, ids=lambda p: p.stem)
def test_every_report_keeps_the_committed_schema(path: Path, checkout: Path) -> None:
    schema = json.loads((checkout / "docs" / "report.schema.json").read_text(encoding="utf-8"))
    report = audit([str(path.with_suffix(".pcapng"))], AuditOptions(all_devices=True))

    Draft202012Validator(schema).validate(json.loads(to_json(report)))
