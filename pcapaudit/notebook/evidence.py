"""The frames that prove a finding: to look at, to dissect, to send on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from pcapaudit.deep.dissect import dissect
from pcapaudit.engine.cut import MAX_WANTED, take_frames, write_frames
from pcapaudit.engine.evidence import cite_frames
from pcapaudit.engine.opened import Opened
from pcapaudit.engine.packets import read_packets
from pcapaudit.model.errors import UsageError
from pcapaudit.model.report import DeviceReport, FindingReport
from pcapaudit.notebook.dissected import Dissected
from pcapaudit.notebook.packets import packet_frame


class Evidence:
    """Cited frames of one capture.

    Args:
        files: Of the capture.
        comments: Frame number -> what it proves.
    """

    def __init__(self, files: Sequence[str], comments: Mapping[int, str]) -> None:
        self._files = tuple(files)
        self.comments = dict(comments)
        self.frames = tuple(sorted(comments))

    @property
    def packets(self) -> pd.DataFrame:
        """A row for each cited frame that holds an IP packet."""
        wanted = set(self.frames)
        last = self.frames[-1]
        found = read_packets(self._files, lambda p: pd.Series(p.frame).isin(wanted).to_numpy(), until=last)
        return packet_frame(found)

    def dissect(self) -> Dissected:
        """The frames as Wireshark shows them, the first 200. Raises DissectionError without tshark."""
        return Dissected(dissect(self._files, self.frames[:MAX_WANTED]))

    def save(self, target: str | os.PathLike[str]) -> None:
        """Write the frames as pcapng, each with what it proves as a comment.

        Raises:
            UsageError: The path cannot be written.
        """
        frames = take_frames(self._files, self.frames[:MAX_WANTED])
        write_frames(Path(target), frames, notes=self.comments)

    def __repr__(self) -> str:
        return f"<Evidence: frames {', '.join(map(str, self.frames[:10]))}{', ...' if len(self.frames) > 10 else ''}>"


def find_evidence(
    opened: Opened, devices: Sequence[DeviceReport], rule: str | None, frames: Sequence[int] | None = None
) -> Evidence:
    """The frames that findings cite.

    Args:
        opened: The captures.
        devices: Whose findings.
        rule: Of this rule alone; None takes all.
        frames: Of the finding alone that cites just these; None takes all.

    Raises:
        UsageError: No finding cites a frame, or the frames lie in several captures.
    """
    chosen = [replace(d, findings=tuple(f for f in d.findings if _is_meant(f, rule, frames))) for d in devices]
    captures = {d.capture for d in chosen for f in d.findings if f.evidence.frames}
    if not captures:
        raise UsageError(f"no finding{f' of {rule}' if rule else ''} cites a frame: there is nothing to prove")
    if len(captures) > 1:
        raise UsageError("the frames lie in several captures: name a device")
    return Evidence(opened.rings[captures.pop()].files, cite_frames(chosen))


def _is_meant(finding: FindingReport, rule: str | None, frames: Sequence[int] | None) -> bool:
    return rule in (None, finding.rule) and (frames is None or tuple(frames) == finding.evidence.frames)
