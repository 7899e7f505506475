"""How a report is held against a case: every difference is one sentence, and what fits gives none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pcapaudit.model.report import (
    CauseReport,
    DeviceReport,
    EndpointRef,
    EvidenceReport,
    FindingReport,
    Generator,
    Report,
    RootCause,
    Said,
    Settings,
    StageReport,
)
from pcapaudit.model.words import Identification, Outcome, Role, Severity, Stage, State, Verdict
from tests.support.case_file import Value
from tests.support.expect import differences, parse_expectation

MAC = "02:00:0a:00:00:05"

FINDING = FindingReport(
    rule="TCP-SYN-TIMEOUT",
    title="no answer",
    severity=Severity.ERROR,
    outcome=Outcome.FAILED,
    stage=Stage.CONNECT,
    role=Role.CAUSE,
    confidence=90,
    recovered_at=None,
    summary="4 SYN, no answer",
    remedy=None,
    endpoint=EndpointRef("gk.sensorist.com", "54.229.203.190", "tcp", 4321),
    causes=(CauseReport("per-device filter", 35, "a PC gets through"),),
    evidence=EvidenceReport(0, (1, 4), "2026-01-05T08:00:00.000000Z", "2026-01-05T08:00:09.000000Z", None),
    facts={},
)
DEVICE = DeviceReport(
    capture=0,
    mac=MAC,
    addresses=("10.0.0.5",),
    maker=None,
    vlan=None,
    vantage=None,
    signature="sensorist/gateway",
    vendor="sensorist",
    candidates=(),
    identification=Identification.NAME,
    identified_by=(),
    verdict=Verdict.FAILED,
    since=None,
    next_step=None,
    root_cause=RootCause(Stage.CONNECT, "TCP-SYN-TIMEOUT", 90),
    indicator=None,
    stages=(
        StageReport(Stage.DNS, State.IMPLIED, None, (), None),
        StageReport(Stage.CONNECT, State.FAILED, None, (), None),
    ),
    needs=(),
    findings=(FINDING,),
)
REPORT = Report(
    generator=Generator("pcapaudit", "0", "compiled"),
    partial=False,
    settings=Settings({}, {}, ()),
    said=Said(None, None),
    captures=(),
    devices=(DEVICE,),
)


def compare(fields: dict[str, Value], report: Report = REPORT) -> list[str]:
    return differences(report, parse_expectation(fields, []), mac=MAC, address="10.0.0.5")


def one(**fields: Value) -> dict[str, Value]:
    return {"expect": [{"rule": "TCP-SYN-TIMEOUT", **fields}]}


@pytest.mark.parametrize(
    "fields",
    [
        {"verdict": "failed", "root": "TCP-SYN-TIMEOUT", "stages": {"dns": "T", "connect": "F"}},
        {"stages": {"dns": "ok|implied"}, "led_shows": "none"},
        one(stage="connect", outcome="failed", role="cause", severity="error", port="4321", host="gk.sensorist.com"),
        one(confidence="90", cause="Per-device", frames=["1", "4"]),
        one(confidence="85..95", frames={"includes": ["4"]}),
        {"expect": [], "may": ["TCP-SYN-TIMEOUT"]},
        {"absent": ["DNS-NO-REPLY"], "no_health": ["CAP-DUP"]},
    ],
)
def test_a_report_that_fits_gives_no_sentence(fields: dict[str, Value]) -> None:
    assert compare(fields) == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"verdict": "healthy"}, "verdict is failed, expected healthy"),
        ({"root": "none"}, "root cause is TCP-SYN-TIMEOUT, expected none"),
        ({"stages": {"dns": "F"}}, "stage dns is implied"),
        ({"stages": {"tls": "ok"}}, "stage tls is missing"),
        ({"needs": {"SEN-05": {"state": "ok"}}}, "need SEN-05 is missing"),
        ({"expect": []}, "TCP-SYN-TIMEOUT (cause, error) is not expected: 4 SYN, no answer"),
        ({"expect": ["TCP-SYN-RST", "TCP-SYN-TIMEOUT"]}, "TCP-SYN-RST is missing; found TCP-SYN-TIMEOUT"),
        (one(stage="dns"), "stage is connect, expected dns"),
        (one(confidence="60..80"), "confidence is 90, expected (60, 80)"),
        (one(cause="server"), "first cause is 'per-device filter', expected one with 'server'"),
        (one(frames=["1"]), "frames are [1, 4], expected [1]"),
        (one(frames={"includes": ["3"]}), "frames [1, 4] lack [3]"),
        ({"absent": ["TCP-SYN-TIMEOUT"]}, "TCP-SYN-TIMEOUT must not appear"),
        ({"health": ["CAP-DUP"]}, "health: CAP-DUP expected, got nothing"),
        ({"no_device": "true"}, "is listed as a device"),
    ],
)
def test_a_difference_is_named(fields: dict[str, Value], sentence: str) -> None:
    said = compare(fields)

    assert len(said) == 1
    assert sentence in said[0]


@pytest.mark.parametrize(
    ("role", "severity", "is_accused"),
    [
        (Role.CAUSE, Severity.ERROR, True),
        (Role.NOTE, Severity.WARNING, True),
        (Role.CONSEQUENCE, Severity.ERROR, False),
        (Role.NOTE, Severity.NOTE, False),
    ],
)
def test_only_an_accusation_must_be_expected(role: Role, severity: Severity, is_accused: bool) -> None:
    device = replace(DEVICE, findings=(replace(FINDING, role=role, severity=severity),))

    said = compare({"expect": []}, replace(REPORT, devices=(device,)))

    assert bool(said) == is_accused


def test_a_device_seen_from_outside_is_found_by_its_address() -> None:
    outside = replace(REPORT, devices=(replace(DEVICE, mac=None),))

    assert compare({"verdict": "failed"}, outside) == []


def test_a_missing_device_is_said_once() -> None:
    assert compare({"verdict": "failed"}, replace(REPORT, devices=())) == [f"{MAC} (10.0.0.5) is not among the devices"]


@pytest.mark.parametrize("entry", [{"stage": "dns"}, {"rule": "X", "sage": "dns"}, {"rule": "X", "frames": "all"}])
def test_an_expectation_nobody_understands_is_refused(entry: Value) -> None:
    with pytest.raises(ValueError, match=r"expect|frames"):
        parse_expectation({"expect": [entry]}, [])
