"""Reports of single captures as one over all of them, as if one program had audited them in this order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from pcapaudit.diagnose.analysis import Request
from pcapaudit.engine.run import assemble
from pcapaudit.model.report import DeviceReport, Report, UnreadSource


def merge_reports(
    reports: Sequence[Report], request: Request, unread: Sequence[UnreadSource], *, is_partial: bool
) -> Report:
    """The document over all captures.

    Args:
        reports: In the order of their captures.
        request: What all of them were asked.
        unread: Captures without a report.
        is_partial: More captures were meant.
    """
    starts = accumulate((len(report.captures) for report in reports), initial=0)
    placed = list(zip(starts, reports, strict=False))
    devices = tuple(_move_device(device, start) for start, report in placed for device in report.devices)
    hosts = tuple(replace(host, capture=host.capture + start) for start, report in placed for host in report.hosts)
    empty = assemble([], request, unread, is_partial=is_partial or any(report.partial for report in reports))
    return replace(
        empty,
        captures=tuple(capture for report in reports for capture in report.captures),
        devices=devices,
        hosts=() if devices else hosts,
        nearest=() if devices else tuple(miss for report in reports for miss in report.nearest),
    )


def _move_device(device: DeviceReport, start: int) -> DeviceReport:
    """The device with its capture counted from the first of all."""
    findings = tuple(
        replace(found, evidence=replace(found.evidence, capture=found.evidence.capture + start))
        for found in device.findings
    )
    return replace(device, capture=device.capture + start, findings=findings)


def read_unread(files: Sequence[str], error: str) -> UnreadSource:
    """What could not be read, from the sentence of a ``CaptureError``; any other sentence stands as it is.

    Args:
        files: Of the capture.
        error: What its audit said.
    """
    for file in files:
        told = re.fullmatch(rf"{re.escape(file)}(?: at byte (\d+))?: (.*)", error, re.DOTALL)
        if told:
            return UnreadSource(file, told[2], int(told[1]) if told[1] else None)
    return UnreadSource(files[0], error)
