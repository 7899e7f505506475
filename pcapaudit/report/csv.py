"""The report as one tidy table for a spreadsheet: a row per device, need, endpoint and finding.

The column ``kind`` says which of the four a row is; cells that do not belong to its kind are
empty, unknown is empty. ``id`` holds a need's fact id or a finding's rule, ``state`` a verdict,
a state or an outcome. Frames are separated by blanks. A spreadsheet must not run what a
stranger put on the wire: a cell that begins like a formula is preceded by an apostrophe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from pcapaudit.model.report import (
    CaptureInfo,
    DeviceReport,
    EndpointRef,
    EndpointReport,
    FindingReport,
    NeedReport,
    Report,
)
from pcapaudit.report.escape import clean, make_visible, quote_cell
from pcapaudit.report.registry import Look

COLUMNS = (
    "source",
    "mac",
    "addresses",
    "signature",
    "verdict",
    "kind",
    "id",
    "what",
    "stage",
    "state",
    "result",
    "severity",
    "role",
    "confidence",
    "host",
    "address",
    "transport",
    "port",
    "attempts",
    "first",
    "last",
    "frames",
    "display_filter",
    "remedy",
)
"""Columns in their order; new ones are added at the end."""

Row = dict[str, object]


def render(report: Report, _look: Look) -> str:
    """The table with its header line (RFC 4180, lines ended by a line feed)."""
    safe = clean(report, make_visible)
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for device in safe.devices:
        for row in _rows(device, safe.captures[device.capture]):
            writer.writerow({name: _cell(value) for name, value in row.items()})
    return out.getvalue()


def _cell(value: object) -> str:
    """Text of a cell; None and the empty sequence are an empty cell."""
    if value is None:
        return ""
    text = " ".join(str(item) for item in value) if isinstance(value, (tuple, list)) else str(value)
    return quote_cell(text)


def _rows(device: DeviceReport, capture: CaptureInfo) -> Iterator[Row]:
    common: Row = {
        "source": capture.source,
        "mac": device.mac,
        "addresses": device.addresses,
        "signature": device.signature,
        "verdict": device.verdict,
    }
    yield common | _device_row(device)
    for need in device.needs:
        yield common | _need_row(need)
        for endpoint in need.endpoints:
            yield common | _endpoint_row(need, endpoint)
    for finding in device.findings:
        yield common | _finding_row(finding)


def _device_row(device: DeviceReport) -> Row:
    root = device.root_cause
    return {
        "kind": "device",
        "id": root.rule if root else None,
        "what": device.summary or device.title,
        "stage": root.stage if root else None,
        "state": device.verdict,
        "confidence": root.confidence if root else None,
        "first": device.since,
        "remedy": device.next_step,
    }


def _need_row(need: NeedReport) -> Row:
    return {
        "kind": "need",
        "id": need.id,
        "what": need.what,
        "state": need.state,
        "result": need.result,
        "attempts": need.attempts,
        "first": need.first,
        "last": need.last,
        "frames": need.frames,
    }


def _endpoint_row(need: NeedReport, endpoint: EndpointReport) -> Row:
    return {
        "kind": "endpoint",
        "id": need.id,
        "what": need.what,
        "state": endpoint.state,
        "result": endpoint.result,
        **_far_side(endpoint),
        "attempts": endpoint.attempts,
        "first": endpoint.first,
        "last": endpoint.last,
        "frames": endpoint.frames,
    }


def _finding_row(finding: FindingReport) -> Row:
    return {
        "kind": "finding",
        "id": finding.rule,
        "what": finding.summary,
        "stage": finding.stage,
        "state": finding.outcome,
        "severity": finding.severity,
        "role": finding.role,
        "confidence": finding.confidence,
        **(_far_side(finding.endpoint) if finding.endpoint else {}),
        "attempts": finding.facts.get("attempts"),
        "first": finding.evidence.from_,
        "last": finding.evidence.to,
        "frames": finding.evidence.frames,
        "display_filter": finding.evidence.display_filter,
        "remedy": finding.remedy,
    }


def _far_side(far: EndpointRef | EndpointReport) -> Row:
    return {"host": far.host, "address": far.address, "transport": far.transport, "port": far.port}
