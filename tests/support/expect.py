"""What a case demands of the report, and the sentences that say where the report differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pcapaudit.model.report import CaptureInfo, DeviceReport, FindingReport, NeedReport, Report
from tests.support import transforms
from tests.support.case_file import Value
from tests.support.faults import FormError
from tests.support.player import Frame

_TRUTH = {"T": ("ok", "implied", "degraded"), "F": ("failed",), "U": ("not_observed", "not_reached")}
"""The three-valued core of the verdict model (catalogue, 14.1)."""
_FINDING_KEYS = frozenset(
    {"rule", "stage", "outcome", "role", "severity", "confidence", "cause", "host", "address", "port", "frames"}
)
_NEED_KEYS = frozenset({"state", "result", "attempts", "tries"})


@dataclass(frozen=True, slots=True)
class ExpectedFinding:
    """One finding that must be there. ``words`` are compared as text; unset fields are not compared."""

    rule: str
    words: Mapping[str, str]
    cause: str | None
    """Text that the first cause contains; ``a|b`` allows either."""
    confidence: tuple[int, int] | None
    frames: tuple[int, ...] | None
    """The exact evidence."""
    includes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Expectation:
    """Everything a case demands. ``findings`` None: the case says nothing of findings.

    ``may`` are rules that are allowed to accuse as well, because the catalogue lets them overlap.
    """

    findings: tuple[ExpectedFinding, ...] | None
    may: tuple[str, ...]
    verdict: str | None
    root: str | None
    stages: Mapping[str, str]
    needs: Mapping[str, Mapping[str, str]]
    led_shows: str | None
    absent: tuple[str, ...]
    health: tuple[str, ...]
    no_health: tuple[str, ...]
    has_device: bool


def parse_expectation(fields: Mapping[str, Value], frames: Sequence[Frame]) -> Expectation:
    """Read a case's expectation; labels in ``frames`` become numbers. Raises ValueError with the reason."""
    listed = fields.get("expect")
    if listed is not None and not isinstance(listed, list):
        raise FormError("expect is a list of findings; [] means none above note")
    needs = fields.get("needs", {})
    stages = fields.get("stages", {})
    if not isinstance(needs, dict) or not isinstance(stages, dict):
        raise FormError("needs and stages are tables")
    return Expectation(
        findings=None if listed is None else tuple(_finding(entry, frames) for entry in listed),
        may=_list(fields, "may"),
        verdict=_optional(fields, "verdict"),
        root=_optional(fields, "root"),
        stages={stage: str(state) for stage, state in stages.items()},
        needs={need: _need(need, entry) for need, entry in needs.items()},
        led_shows=_optional(fields, "led_shows"),
        absent=_list(fields, "absent"),
        health=_list(fields, "health"),
        no_health=_list(fields, "no_health"),
        has_device=_optional(fields, "no_device") is None,
    )


def _finding(entry: Value, frames: Sequence[Frame]) -> ExpectedFinding:
    table = {"rule": entry} if isinstance(entry, str) else entry
    if not isinstance(table, dict) or "rule" not in table:
        raise FormError(f"expect: {entry!r} names no rule")
    unknown = set(table) - _FINDING_KEYS
    if unknown:
        raise FormError(f"expect: unknown {', '.join(sorted(unknown))}; known are {', '.join(sorted(_FINDING_KEYS))}")
    wanted = table.get("frames")
    if isinstance(wanted, str):
        raise FormError(f"frames: {wanted!r} is neither a list nor {{includes: [...]}}")
    exact = tuple(transforms.resolve(frames, str(name)) for name in wanted) if isinstance(wanted, list) else None
    includes = _includes(wanted, frames) if isinstance(wanted, dict) else ()
    plain = {"stage", "outcome", "role", "severity", "host", "address", "port"}
    return ExpectedFinding(
        rule=str(table["rule"]),
        words={key: str(value) for key, value in table.items() if key in plain},
        cause=str(table["cause"]) if "cause" in table else None,
        confidence=_range(str(table["confidence"])) if "confidence" in table else None,
        frames=exact,
        includes=includes,
    )


def _includes(wanted: Mapping[str, Value], frames: Sequence[Frame]) -> tuple[int, ...]:
    names = wanted.get("includes")
    if set(wanted) != {"includes"} or not isinstance(names, list):
        raise FormError("frames is a list of numbers and labels, or {includes: [...]}")
    return tuple(transforms.resolve(frames, str(name)) for name in names)


def _range(text: str) -> tuple[int, int]:
    """Read ``85`` or ``60..85``."""
    low, _, high = text.partition("..")
    return int(low), int(high or low)


def _need(need: str, entry: Value) -> Mapping[str, str]:
    if not isinstance(entry, dict) or set(entry) - _NEED_KEYS:
        raise FormError(f"needs: {need} is a table of {', '.join(sorted(_NEED_KEYS))}")
    return {key: str(value) for key, value in entry.items()}


def _optional(fields: Mapping[str, Value], key: str) -> str | None:
    value = fields.get(key)
    return None if value is None else str(value)


def _list(fields: Mapping[str, Value], key: str) -> tuple[str, ...]:
    value = fields.get(key, [])
    return (value,) if isinstance(value, str) else tuple(str(word) for word in value)


def differences(report: Report, wanted: Expectation, *, mac: str, address: str | None) -> list[str]:
    """Give one sentence for each point in which the report is not what the case demands."""
    said = list(_health(report.captures, wanted))
    device = find_device(report, mac, address)
    if not wanted.has_device:
        return (
            said if device is None else [*said, f"{mac} is listed as a device ({device.signature}, {device.verdict})"]
        )
    if device is None:
        return [*said, f"{mac} ({address}) is not among the devices"]
    said += _device(device, wanted)
    if wanted.findings is not None:
        said += _findings(device.findings, wanted.findings, wanted.may)
    said += [f"{rule} must not appear" for rule in wanted.absent if any(f.rule == rule for f in device.findings)]
    return said


def find_device(report: Report, mac: str, address: str | None) -> DeviceReport | None:
    """Give the device with this MAC, else the one without a MAC (outside view) that has the address."""
    for device in report.devices:
        if device.mac == mac:
            return device
    return next((d for d in report.devices if d.mac is None and address in d.addresses), None)


def _health(captures: Sequence[CaptureInfo], wanted: Expectation) -> Iterator[str]:
    seen = {item.rule: item.state.value for capture in captures for item in capture.health}
    for text in wanted.health:
        rule, _, state = text.partition(" ")
        if rule not in seen or (state and seen[rule] != state):
            yield f"health: {text} expected, got {seen or 'nothing'}"
    yield from (f"health: {rule} must not appear" for rule in wanted.no_health if rule in seen)


def _device(device: DeviceReport, wanted: Expectation) -> Iterator[str]:
    root = device.root_cause
    shown = device.indicator.state if device.indicator else None
    checks = (
        ("verdict", wanted.verdict, device.verdict.value),
        ("root cause", wanted.root, "none" if root is None else root.rule),
        ("indicator", wanted.led_shows, "none" if shown is None else shown),
    )
    for what, expected, got in checks:
        if expected is not None and not _is_one_of(expected, got):
            yield f"{what} is {got}, expected {expected}"
    states = {stage.stage.value: stage for stage in device.stages}
    for name, expected in wanted.stages.items():
        if name not in states:
            yield f"stage {name} is missing"
        elif not _is_one_of(expected, states[name].state.value):
            stage = states[name]
            yield f"stage {name} is {stage.state} ({stage.summary}; {stage.reason}), expected {expected}"
    needs = {need.id: need for need in device.needs}
    for name, fields in wanted.needs.items():
        yield from _need_differences(name, needs.get(name), fields)


def _need_differences(name: str, need: NeedReport | None, fields: Mapping[str, str]) -> Iterator[str]:
    if need is None:
        yield f"need {name} is missing"
        return
    got = {
        "state": need.state.value,
        "result": need.result,
        "attempts": str(need.attempts),
        "tries": str(sum(endpoint.tries for endpoint in need.endpoints)),
    }
    for key, expected in fields.items():
        if not _is_one_of(expected, got[key]):
            yield f"need {name}: {key} is {got[key]}, expected {expected}"


def _is_one_of(expected: str, got: str) -> bool:
    """``ok|implied`` allows either word; T, F, U stand for the states of the three-valued core."""
    words = [word.strip() for word in expected.split("|")]
    return any(got == word or got in _TRUTH.get(word, ()) for word in words)


def _findings(got: Sequence[FindingReport], wanted: Sequence[ExpectedFinding], may: Sequence[str]) -> Iterator[str]:
    for expected in wanted:
        same = [finding for finding in got if finding.rule == expected.rule]
        if not same:
            yield f"{expected.rule} is missing; found {_names(got)}"
            continue
        problems = sorted((list(_finding_differences(finding, expected)) for finding in same), key=len)
        if problems[0]:
            yield f"{expected.rule}: {'; '.join(problems[0])}"
    listed = {*may, *(expected.rule for expected in wanted)}
    for finding in got:
        if finding.rule not in listed and is_accusation(finding):
            yield f"{finding.rule} ({finding.role}, {finding.severity}) is not expected: {finding.summary}"


def is_accusation(finding: FindingReport) -> bool:
    """Whether a finding blames something by itself: a root cause, or above note without being a consequence."""
    return finding.role.value == "cause" or (finding.severity.value != "note" and finding.role.value != "consequence")


def _names(findings: Sequence[FindingReport]) -> str:
    return ", ".join(f"{finding.rule} ({finding.outcome}, {finding.role})" for finding in findings) or "nothing"


def _finding_differences(finding: FindingReport, expected: ExpectedFinding) -> Iterator[str]:
    target = finding.endpoint
    got = {
        "stage": finding.stage.value,
        "outcome": finding.outcome.value,
        "role": finding.role.value,
        "severity": finding.severity.value,
        "host": str(target.host if target else None),
        "address": str(target.address if target else None),
        "port": str(target.port if target else None),
    }
    for key, text in expected.words.items():
        if not _is_one_of(text, got[key]):
            yield f"{key} is {got[key]}, expected {text}"
    if expected.confidence and not expected.confidence[0] <= finding.confidence <= expected.confidence[1]:
        yield f"confidence is {finding.confidence}, expected {expected.confidence}"
    yield from _evidence_differences(finding, expected)


def _evidence_differences(finding: FindingReport, expected: ExpectedFinding) -> Iterator[str]:
    frames = finding.evidence.frames
    if expected.frames is not None and frames != tuple(sorted(expected.frames)):
        yield f"frames are {list(frames)}, expected {sorted(expected.frames)}"
    missing = [number for number in expected.includes if number not in frames]
    if missing:
        yield f"frames {list(frames)} lack {missing}"
    first = finding.causes[0].cause if finding.causes else ""
    if expected.cause is not None and not any(text.lower() in first.lower() for text in expected.cause.split("|")):
        yield f"first cause is {first!r}, expected one with {expected.cause!r}"
