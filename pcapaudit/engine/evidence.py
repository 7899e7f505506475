"""The proof as a small capture: the frames that a report cites and the rest of their flows, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from pcapaudit.capture import read_ring
from pcapaudit.capture.writer import Frame, Target, write_pcapng
from pcapaudit.diagnose.analysis import analyse
from pcapaudit.engine.cut import find_ring
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.progress import ByteCount, Counting, ignore
from pcapaudit.engine.run import make_auditor, make_request
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.errors import UsageError
from pcapaudit.model.frames import CaptureNotes, FrameBatch
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import DeviceReport
from pcapaudit.scan.columns import NO_FLOW

MAX_FRAMES = 200_000
"""Frames of one evidence capture; what a flow has beyond is left out, the cited frames never."""


@dataclass(frozen=True, slots=True)
class Extract:
    """What was written: frames in all, and those that a finding cites."""

    frames: int
    cited: int


def write_evidence(
    sources: Sequence[str], options: AuditOptions, target: Target, progress: Counting = ignore
) -> Extract:
    """Audit one capture and write the frames that prove its findings, and their flows, as pcapng.

    Args:
        sources: One capture: a file, or the files of one ring. Read three times: to judge it, for the link types of the
            chosen frames, to take them.
        options: As for an audit; ``device`` limits the findings to one device.
        target: A path or a binary stream.
        progress: Told how far it is, over all readings.

    Raises:
        CaptureError: The capture cannot be read.
        UsageError: Several captures, standard input, or nothing that could be proven.
    """
    ring = find_ring(sources, separate=options.separate)
    _spare_sources(ring, target)
    request = make_request(options)
    auditor = make_auditor(request, CaptureNotes(), options)
    count = ByteCount(progress, ring * 3)
    for batch in _read(ring, count):
        auditor.feed(batch)
    traffic = auditor.last_traffic()
    comments = cite_frames(analyse(traffic, request, 0).devices)
    if not comments:
        raise UsageError("no finding cites a frame of this capture: there is nothing to prove")
    wanted = _with_flows(traffic, comments)
    links = {number: batch.link[at] for number, (batch, at) in enumerate(_find(ring, wanted, count), start=1)}
    notes = {number: comments[frame] for number, frame in enumerate(wanted, start=1) if frame in comments}
    frames = write_pcapng(target, _take(ring, wanted, count), link=links[1], links=links, comments=notes)
    return Extract(frames, len(comments))


def cite_frames(devices: Iterable[DeviceReport]) -> dict[int, str]:
    """Frame number -> what it proves, one line a finding, in the order of the report."""
    comments: dict[int, list[str]] = {}
    for device in devices:
        name = device.mac or ", ".join(device.addresses[:1])
        for finding in device.findings:
            for frame in finding.evidence.frames:
                comments.setdefault(frame, []).append(f"{finding.rule} ({finding.role}, {name}): {finding.summary}")
    return {frame: "\n".join(dict.fromkeys(lines)) for frame, lines in sorted(comments.items())}


def _spare_sources(ring: Sequence[str], target: Target) -> None:
    if isinstance(target, str | Path) and any(Path(s).resolve() == Path(target).resolve() for s in ring):
        raise UsageError(f"{target} is the capture itself: choose another name for the evidence")


def _with_flows(traffic: Traffic, cited: Mapping[int, str]) -> list[int]:
    """The cited frames and those of their flows, ascending."""
    rows = traffic.result.rows
    frames, flows, own = np.asarray(rows["frame"]), np.asarray(rows["flow"]), np.fromiter(cited, dtype=np.int64)
    chosen = np.unique(flows[np.isin(frames, own)])
    chosen = chosen[chosen != NO_FLOW]
    around = frames[np.isin(flows, chosen)][:MAX_FRAMES]
    return [int(frame) for frame in np.union1d(around, own)]


def _take(ring: Sequence[str], wanted: Sequence[int], count: ByteCount) -> Iterator[Frame]:
    for batch, at in _find(ring, wanted, count):
        start = batch.offset[at]
        yield batch.time_ns[at], bytes(batch.data[start : start + batch.captured[at]]), batch.wire[at]


def _find(ring: Sequence[str], wanted: Sequence[int], count: ByteCount) -> Iterator[tuple[FrameBatch, int]]:
    """Where each wanted frame lies, in order."""
    done = 0
    for batch in _read(ring, count):
        end = batch.first_frame + len(batch)
        while done < len(wanted) and wanted[done] < end:
            yield batch, wanted[done] - batch.first_frame
            done += 1


def _read(ring: Sequence[str], count: ByteCount) -> Iterator[FrameBatch]:
    """The capture once more from its beginning."""
    for batch in read_ring(ring, CaptureNotes(), progress=count.note):
        yield batch
        count.tell()
    count.end_capture()
