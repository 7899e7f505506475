"""How far an audit is, for whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from pcapaudit.capture import STDIN
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import DeviceReport
from pcapaudit.model.words import Verdict


class Phase(StrEnum):
    """What an audit does, in this order for each capture."""

    READING = "reading"
    """Counted in bytes of the sources, compressed if they are."""
    JUDGING = "judging"
    """Counted in devices of the capture that was read last."""
    AUDITING = "auditing"
    """Counted in captures, where many are read and judged side by side."""


@dataclass(frozen=True, slots=True)
class Step:
    """So much is done of so much; ``total`` is None where nobody knows, as for a pipe.

    ``rate`` (done a second) and ``left_s`` (whole seconds) are there when somebody measured them.
    """

    phase: Phase
    done: int
    total: int | None
    rate: float | None = None
    left_s: int | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What is told of a device that is judged. Its verdict stands: the whole capture was read before.

    ``stage`` and ``rule`` are those of the root cause; ``addresses`` are the first few.
    """

    title: str
    verdict: Verdict
    mac: str | None
    addresses: tuple[str, ...]
    signature: str | None
    stage: str | None
    rule: str | None
    summary: str | None


Counting: TypeAlias = Callable[[Step], None]
Progress: TypeAlias = Callable[[Step | DeviceReport], None]


def ignore(_news: Step | DeviceReport) -> None:
    """Takes notice of nothing."""


class ByteCount:
    """Adds up the bytes that are read of several captures, and tells them.

    Args:
        progress: Whom to tell.
        paths: Files of all captures, ``-`` for standard input.
    """

    def __init__(self, progress: Counting, paths: Sequence[str]) -> None:
        self._progress = progress
        self._total = _sum_sizes(paths)
        self._before = 0
        self._here = 0

    def note(self, done: int) -> None:
        """So many bytes are read of the present capture."""
        self._here = done

    def tell(self) -> None:
        """What was noted is worked off, too."""
        self._progress(Step(Phase.READING, self._before + self._here, self._total))

    def end_capture(self) -> None:
        """The next capture counts from zero again."""
        self.tell()
        self._before += self._here
        self._here = 0


def _sum_sizes(paths: Sequence[str]) -> int | None:
    """Bytes of all files; None if one is no regular file, so that nobody knows."""
    if not all(path != STDIN and Path(path).is_file() for path in paths):
        return None
    return sum(Path(path).stat().st_size for path in paths)
