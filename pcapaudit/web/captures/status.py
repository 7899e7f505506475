"""How far a capture is, in the words that the pages and scripts are told."""

from __future__ import annotations

from pcapaudit.engine.progress import Judged, Phase, Step
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import VERDICTS
from pcapaudit.web.captures.store import Entry, JobState

MOST_FOUND = 50
"""Devices that are told while an analysis goes on; those beyond are counted."""
_READING_SHARE = 0.7
"""Share of an analysis that the reading is taken to be; nobody knows beforehand."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is told of a capture while one waits.

    Attributes:
        id: The capture.
        state: Of its analysis.
        progress: Share of 1 over the whole analysis.
        reason: Why it failed.
        phase: What goes on: ``reading``, counted in bytes, or ``judging``, counted in devices; None unless it runs.
        done: Bytes read or devices judged.
        total: Of so many; None where nobody knows.
        rate: ``done`` a second.
        left_s: Seconds until the phase is over.
        before: Analyses that come before this one while it is queued.
        judged: Devices of the report whose verdict stands.
        found: Those devices, the worst first, at most ``MOST_FOUND``.
    """

    id: str
    state: JobState
    progress: float
    reason: str | None
    phase: Phase | None = None
    done: int = 0
    total: int | None = None
    rate: float | None = None
    left_s: int | None = None
    before: int = 0
    judged: int = 0
    found: tuple[Judged, ...] = ()


class Course:
    """What one running analysis told so far."""

    def __init__(self) -> None:
        self._step: Step | None = None
        self._judged = 0
        self._found: list[Judged] = []

    def note(self, news: Step | Judged) -> None:
        """Take notice."""
        if isinstance(news, Step):
            self._step = news
            return
        self._judged += 1
        self._found = sorted([*self._found, news], key=_badness)[:MOST_FOUND]

    def status(self, entry: Entry) -> Status:
        """How far it is."""
        step = self._step
        if step is None:
            return Status(entry.id, entry.state, 0.0, entry.reason)
        return Status(
            entry.id,
            entry.state,
            _share_of(step),
            entry.reason,
            step.phase,
            step.done,
            step.total,
            step.rate,
            step.left_s,
            judged=self._judged,
            found=tuple(self._found),
        )


def _badness(device: Judged) -> int:
    """0 for the worst verdict; sorting by it keeps the order in which the devices were judged."""
    return -VERDICTS.index(device.verdict)


def _share_of(step: Step) -> float:
    part = min(1.0, step.done / step.total) if step.total else 0.0
    share = _READING_SHARE * part if step.phase is Phase.READING else _READING_SHARE + (1 - _READING_SHARE) * part
    return round(share, 4)
