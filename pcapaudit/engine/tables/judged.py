"""What the audit found, as tables: rows of the report document, joined by ``device`` with each other.

``device`` is a device's MAC address, or its first address where it has none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from pcapaudit.engine.tables.declare import Column, Kind, Row, Table
from pcapaudit.model.report import (
    CaptureInfo,
    DeviceReport,
    EndpointRef,
    EndpointReport,
    FindingReport,
    NeedReport,
    Report,
)
from pcapaudit.model.words import (
    STAGES as LADDER,
)
from pcapaudit.model.words import (
    VERDICTS,
    Direction,
    Group,
    HealthState,
    Identification,
    Outcome,
    Role,
    Severity,
    Stage,
    State,
    Vantage,
    When,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _word(name: str, words: Iterable[str], meaning: str) -> Column:
    """A category whose words are known."""
    return Column(name, Kind.CATEGORY, meaning, words=tuple(map(str, words)))


_DEVICE = Column("device", Kind.CATEGORY, "MAC address of the device, or its first address")
_FRAMES = Column("frames", Kind.FRAMES, "frames that show it, at most ten")
_FAR_SIDE = (
    Column("host", Kind.TEXT, "name that led to the address"),
    Column("address", Kind.TEXT, "address of the far side"),
    Column("transport", Kind.CATEGORY, "tcp, udp or icmp"),
    Column("port", Kind.INTEGER, "port of the far side"),
)
_SPAN = (
    Column("first", Kind.TIME, "its first attempt", "UTC"),
    Column("last", Kind.TIME, "its last attempt", "UTC"),
)
_OF_NEEDS = (Stage.CONNECT, Stage.TLS, Stage.APP, Stage.RETURN, Stage.PERSIST)

DEVICES = Table(
    "devices",
    "Devices",
    "One row for each device that was judged.",
    (
        _DEVICE,
        Column("mac", Kind.TEXT, "MAC address"),
        Column("addresses", Kind.TEXTS, "IP addresses"),
        Column("title", Kind.CATEGORY, "vendor and product for people"),
        Column("vendor", Kind.CATEGORY, "vendor"),
        Column("signature", Kind.CATEGORY, "vendor/product whose needs were looked for"),
        _word("identification", Identification, "what it was recognised by"),
        _word("verdict", VERDICTS, "from the best to the worst"),
        Column("since", Kind.TIME, "since when it has failed, if that lies in the capture", "UTC"),
        _word("stage", LADDER, "first broken step of the ladder"),
        Column("rule", Kind.CATEGORY, "rule of the root cause"),
        Column("confidence", Kind.INTEGER, "of the root cause, 0 to 100"),
        Column("indicator", Kind.CATEGORY, "what its LED or log must show at the end"),
        _word("vantage", Vantage, "side of the router on which the frames were taken"),
        Column("vlan", Kind.INTEGER, "VLAN tag"),
        Column("switch", Kind.TEXT, "switch and port, where the capture tells it for certain"),
        Column("summary", Kind.TEXT, "the verdict in a sentence"),
        Column("next_step", Kind.TEXT, "what to do next"),
        Column("remedy", Kind.TEXT, "what to change, to the likelier addressee"),
    ),
)
STAGES = Table(
    "stages",
    "Stages",
    "One row for each step of each device's ladder, link to persistence.",
    (
        _DEVICE,
        Column("step", Kind.INTEGER, "place on the ladder, from 1"),
        _word("stage", LADDER, "step of the ladder"),
        _word("state", State, "how it went"),
        Column("summary", Kind.TEXT, "what was seen"),
        Column("reason", Kind.TEXT, "why it is neither ok nor failed"),
        _FRAMES,
    ),
)
NEEDS = Table(
    "needs",
    "Needs",
    "One row for each need of each device's signature.",
    (
        _DEVICE,
        Column("need", Kind.CATEGORY, "fact id of the vendor's paper"),
        Column("what", Kind.TEXT, "what it is"),
        Column("is_required", Kind.TRUTH, "the device does not work without"),
        _word("direction", Direction, "out: the device asks; in: it is asked"),
        _word("asked_when", When, "when the device asks for it"),
        _word("group", Group, "whether any or all of its far sides must work"),
        _word("state", State, "as of a stage"),
        Column("result", Kind.CATEGORY, "works, no_answer, refused, ..."),
        Column("attempts", Kind.INTEGER, "connections, or datagrams that expect an answer"),
        *_SPAN,
        *(_word(str(stage), State, f"state of its stage {stage}") for stage in _OF_NEEDS),
        _FRAMES,
    ),
)
ENDPOINTS = Table(
    "endpoints",
    "Far sides",
    "One row for each far side of each need.",
    (
        _DEVICE,
        Column("need", Kind.CATEGORY, "fact id of the vendor's paper"),
        *_FAR_SIDE,
        _word("state", State, "as of a stage"),
        Column("result", Kind.CATEGORY, "works, no_answer, refused, ..."),
        Column("attempts", Kind.INTEGER, "connections, or datagrams that expect an answer"),
        Column("tries", Kind.INTEGER, "packets of the attempts, retransmissions included", "packets"),
        *_SPAN,
        _FRAMES,
    ),
)
FINDINGS = Table(
    "findings",
    "Findings",
    "One row for each rule that fired for a device.",
    (
        _DEVICE,
        Column("rule", Kind.CATEGORY, "id of the rule; `pcapaudit explain` says what it means"),
        Column("title", Kind.TEXT, "the rule in words"),
        _word("stage", LADDER, "step of the ladder"),
        _word("role", Role, "how it stands to the root cause"),
        _word("severity", (Severity.NOTE, Severity.WARNING, Severity.ERROR), "from the lightest"),
        _word("outcome", Outcome, "as the rule fired"),
        Column("confidence", Kind.INTEGER, "0 to 100"),
        Column("begin", Kind.TIME, "begin of the evidence", "UTC"),
        Column("end", Kind.TIME, "its end", "UTC"),
        Column("recovered_at", Kind.TIME, "when the failure ended", "UTC"),
        *_FAR_SIDE,
        Column("cause", Kind.TEXT, "the likeliest cause"),
        Column("summary", Kind.TEXT, "the evidence in a sentence"),
        Column("remedy", Kind.TEXT, "what to change"),
        Column("display_filter", Kind.TEXT, "for Wireshark"),
        Column("facts", Kind.TEXT, "what the rule measured, a JSON object"),
        Column("frames", Kind.FRAMES, "evidence, at most ten"),
    ),
)
HEALTH = Table(
    "health",
    "Capture health",
    "One row for each statement on what the capture can and cannot show.",
    (
        Column("device", Kind.CATEGORY, "MAC address of the device it speaks of; none for the whole capture"),
        Column("rule", Kind.CATEGORY, "id of the rule, CAP-..."),
        _word("state", HealthState, "how sure it is"),
        Column("summary", Kind.TEXT, "what is wrong with the capture"),
        Column("effect", Kind.TEXT, "what no verdict claims because of it"),
        Column("advice", Kind.TEXT, "what to ask of whoever captures"),
        _FRAMES,
    ),
)


def read_report(report: Report, table: Table) -> Iterator[tuple[int, list[Row]]]:
    """The rows of one table of a report, in batches, each with the index of its capture.

    Args:
        report: The document.
        table: One of ``REPORT_TABLES``.
    """
    if table is HEALTH:
        yield from ((at, list(_health(capture))) for at, capture in enumerate(report.captures))
    else:
        read = _READERS[table.name]
        yield from ((device.capture, list(read(device))) for device in report.devices)


def name_device(device: DeviceReport) -> str:
    """The cell ``device``."""
    return device.mac or next(iter(device.addresses), "unknown")


def read_time(text: str | None) -> int | None:
    """A time of the document (RFC 3339, UTC) in ns since 1970; None for none, or for what is no time."""
    if text is None:
        return None
    try:
        span = datetime.fromisoformat(text) - _EPOCH
    except (ValueError, TypeError):
        # Documents are read back from files, which somebody may have changed.
        return None
    return span // timedelta(microseconds=1) * 1000


def _devices(device: DeviceReport) -> Iterator[Row]:
    root, port = device.root_cause, device.switch
    remedies = [f.remedy for f in device.findings if root is not None and f.rule == root.rule and f.remedy]
    yield (
        name_device(device),
        device.mac,
        device.addresses,
        device.title,
        device.vendor,
        device.signature,
        device.identification,
        device.verdict,
        read_time(device.since),
        root.stage if root else None,
        root.rule if root else None,
        root.confidence if root else None,
        device.indicator.state if device.indicator else None,
        device.vantage,
        device.vlan,
        " ".join(filter(None, (port.name, port.port))) if port else None,
        device.summary,
        device.next_step,
        remedies[0] if remedies else None,
    )


def _stages(device: DeviceReport) -> Iterator[Row]:
    for step, at in enumerate(device.stages, start=1):
        yield name_device(device), step, at.stage, at.state, at.summary, at.reason, at.frames


def _needs(device: DeviceReport) -> Iterator[Row]:
    for need in device.needs:
        states = {at.stage: at.state for at in need.stages}
        yield (
            name_device(device),
            need.id,
            need.what,
            need.required,
            need.direction,
            need.when,
            need.group,
            need.state,
            need.result,
            need.attempts,
            *_span(need),
            *(states.get(stage) for stage in _OF_NEEDS),
            need.frames,
        )


def _endpoints(device: DeviceReport) -> Iterator[Row]:
    for need in device.needs:
        for far in need.endpoints:
            counts = (far.attempts, far.tries, *_span(far), far.frames)
            yield name_device(device), need.id, *_far_side(far), far.state, far.result, *counts


def _findings(device: DeviceReport) -> Iterator[Row]:
    for finding in device.findings:
        yield (
            name_device(device),
            finding.rule,
            finding.title,
            finding.stage,
            finding.role,
            finding.severity,
            finding.outcome,
            finding.confidence,
            read_time(finding.evidence.from_),
            read_time(finding.evidence.to),
            read_time(finding.recovered_at),
            *_far_side(finding.endpoint),
            *_conclusion(finding),
            finding.evidence.frames,
        )


def _conclusion(finding: FindingReport) -> Row:
    """The cells from ``cause`` to ``facts``."""
    cause = finding.causes[0].cause if finding.causes else None
    facts = json.dumps(dict(finding.facts), default=str, sort_keys=True) if finding.facts else None
    return cause, finding.summary, finding.remedy, finding.evidence.display_filter, facts


def _health(capture: CaptureInfo) -> Iterator[Row]:
    for at in capture.health:
        yield at.device, at.rule, at.state, at.summary, at.effect, at.advice, at.frames


def _far_side(far: EndpointRef | EndpointReport | None) -> Row:
    return (None,) * len(_FAR_SIDE) if far is None else (far.host, far.address, far.transport, far.port)


def _span(of: NeedReport | EndpointReport) -> Row:
    return read_time(of.first), read_time(of.last)


_READERS: Mapping[str, Callable[[DeviceReport], Iterator[Row]]] = {
    DEVICES.name: _devices,
    STAGES.name: _stages,
    NEEDS.name: _needs,
    ENDPOINTS.name: _endpoints,
    FINDINGS.name: _findings,
}

REPORT_TABLES: Mapping[str, Table] = {t.name: t for t in (DEVICES, STAGES, NEEDS, ENDPOINTS, FINDINGS, HEALTH)}
"""Name -> table, in the order in which they are shown."""
