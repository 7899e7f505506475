"""What a report says of one frame: the findings and rungs that rest on it, and its neighbours among the cited ones."""

from __future__ import annotations

from collections.abc import Iterator

from pcapaudit.model.records import dataclass
from pcapaudit.model.report import DeviceReport, Report
from pcapaudit.model.words import MarkKind
from pcapaudit.report.phrases import find_root, say_title

_MARKS = {
    MarkKind.ASKED: "the device asks",
    MarkKind.UNANSWERED: "the device asks, and nothing answers",
    MarkKind.ANSWERED: "the answer",
    MarkKind.REFUSED: "the refusal",
}


@dataclass(frozen=True, slots=True)
class Citation:
    """One statement of the report that cites a frame.

    Attributes:
        what: ``root cause``, a finding's role, ``stage dns``, ``need SEN-05``, ``capture``.
        rule: The rule that says so; None for a rung or a need.
        device: Place of the device in the report; None for the capture.
        title: The device for people; empty for the capture.
        text: The statement.
    """

    what: str
    rule: str | None
    device: int | None
    title: str
    text: str


def find_citations(report: Report, frame: int) -> list[Citation]:
    """What rests on a frame: of each device findings, rungs, needs and timeline; last the capture's health."""
    found = [c for place, device in enumerate(report.devices) for c in _of_device(place, device, frame)]
    health = (item for capture in report.captures for item in capture.health if frame in item.frames)
    return found + [Citation("capture", item.rule, None, "", item.summary) for item in health]


def cited_frames(report: Report) -> list[int]:
    """Numbers of all frames that a finding cites, ascending."""
    return sorted({n for device in report.devices for finding in device.findings for n in finding.evidence.frames})


def neighbours(frames: list[int], frame: int) -> tuple[int | None, int | None]:
    """The cited frame before and the one behind."""
    return (
        max((n for n in frames if n < frame), default=None),
        min((n for n in frames if n > frame), default=None),
    )


def _of_device(place: int, device: DeviceReport, frame: int) -> Iterator[Citation]:
    title, root = say_title(device), find_root(device)
    for finding in device.findings:
        if frame in finding.evidence.frames:
            what = "root cause" if finding is root else finding.role.value
            yield Citation(what, finding.rule, place, title, finding.summary)
    for stage in device.stages:
        if frame in stage.frames and (stage.summary or stage.reason):
            yield Citation(f"stage {stage.stage}", None, place, title, stage.summary or stage.reason or "")
    for need in device.needs:
        if frame in need.frames:
            yield Citation(f"need {need.id}", None, place, title, f"{need.what}: {need.state.replace('_', ' ')}")
    for lane in device.timeline:
        for mark in lane.marks:
            if mark.frame == frame:
                yield Citation("timeline", None, place, title, f"{lane.what}: {_MARKS[mark.kind]}")
