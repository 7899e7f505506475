"""Which files are meant, and which of them belong together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from pcapaudit.capture.pcap import open_pcap
from pcapaudit.capture.pcapng import open_pcapng
from pcapaudit.capture.reader import BATCH_BYTES, STDIN, open_capture
from pcapaudit.capture.stream import ByteStream
from pcapaudit.model.errors import CaptureError, UsageError
from pcapaudit.model.frames import CaptureNotes, FileNote, FrameBatch
from pcapaudit.model.records import dataclass

OVERLAP_NS = 1_000_000_000
"""How much the times of two files of one ring may overlap."""

_GUESS_BYTES = 1 << 16


def expand(arguments: Sequence[str]) -> list[str]:
    """Give the files that are meant, each once.

    Args:
        arguments: Files, folders, or ``-`` for standard input. Files are taken as they are. A folder stands for the
            captures in it and in the folders below it, known by their first bytes, sorted by path.

    Raises:
        UsageError: A path does not exist, or a folder holds no capture.
    """
    found: dict[str, str] = {}
    for argument in arguments:
        for path in _expand_one(argument):
            found.setdefault(os.path.realpath(path) if path != STDIN else STDIN, path)
    return list(found.values())


def _expand_one(argument: str) -> list[str]:
    path = Path(argument)
    if argument == STDIN:
        return [argument]
    if os.path.isdir(argument):  # noqa: PTH112 - Path.is_dir raises where a folder above may not be entered
        captures = [str(file) for file in sorted(_walk_folder(path)) if is_capture(file)]
        if not captures and not os.access(argument, os.R_OK | os.X_OK):
            raise UsageError(f"{argument}: this user may not look into the folder")
        if not captures:
            raise UsageError(f"{argument}: no capture in this folder or below it")
        return captures
    if not os.path.lexists(argument):
        raise UsageError(f"{argument}: there is no such file or folder")
    return [argument]


def _walk_folder(folder: Path) -> Iterator[Path]:
    # Regular files alone: to open a named pipe would wait for its writer.
    return (Path(root, name) for root, _, names in os.walk(folder) for name in names if Path(root, name).is_file())


def is_capture(path: Path) -> bool:
    """Tell by its first bytes whether a file is a capture, compressed or not.

    A file that may not be read counts as one: reading it will say so, where leaving it out would hide it.
    """
    try:
        with path.open("rb", buffering=0) as raw:
            start = ByteStream(raw, batch_bytes=4).peek(4)
    except OSError:
        return True
    notes = CaptureNotes()
    return bool(open_pcap(start, notes) or open_pcapng(start, notes))


def group(sources: Sequence[str], *, separate: bool, is_guess: bool = False) -> list[list[str]]:
    """Say which files are one capture, written one after another (a ring), and in which order.

    Files of equal link types whose times do not overlap by more than a second are one capture. If any two of the same
    link types do overlap, nobody can say which file continues which, and each of them is a capture of its own. So is
    what cannot be looked at twice or cannot be read. Every file is read once for this, unless a guess will do.

    Args:
        sources: As ``expand`` gives them.
        separate: Every file is a capture of its own.
        is_guess: Go by the first frames of each file alone. ``RingWatch`` tells whether the guess was right.

    Returns:
        Groups in the order of their first member in ``sources``; a ring's files by their first time stamp.
    """
    if separate or len(sources) < 2:
        return [[source] for source in sources]
    alone, classes = [], dict[tuple[int, ...], list[_Look]]()
    for place, source in enumerate(sources):
        look = _look_at(place, source, most=1 if is_guess else None)
        if look is None:
            alone.append([(place, source)])
        else:
            classes.setdefault(look.links, []).append(look)
    rings = [[(look.place, look.source) for look in ring] for looks in classes.values() for ring in _join(looks)]
    return [[source for _, source in members] for members in sorted(alone + rings, key=min)]


@dataclass(frozen=True, slots=True)
class _Look:
    """What one file's frames tell."""

    place: int
    source: str
    links: tuple[int, ...]
    span: tuple[int, int] | None
    """Times of the earliest and the latest frame; None if there is no frame."""


class RingWatch:
    """Tells while files are read one after another whether they are one ring, as it was guessed."""

    def __init__(self) -> None:
        self._file: FileNote | None = None
        self._before_ns: int | None = None
        self._latest_ns: int | None = None

    def holds(self, file: FileNote, batch: FrameBatch) -> bool:
        """Whether it can still be a ring with this batch of this file."""
        earliest, latest = _span(batch)
        if file is not self._file:
            self._file, self._before_ns = file, self._latest_ns
        self._latest_ns = latest if self._latest_ns is None else max(self._latest_ns, latest)
        return self._before_ns is None or earliest >= self._before_ns - OVERLAP_NS


def _look_at(place: int, source: str, most: int | None) -> _Look | None:
    """Read one file through, or so many batches; None if that cannot be done, or cannot be done twice."""
    if source == STDIN or not Path(source).is_file():
        return None
    notes = CaptureNotes()
    times: list[int] = []
    try:
        batch_bytes = BATCH_BYTES if most is None else _GUESS_BYTES
        for batch in islice(open_capture(source, notes=notes, batch_bytes=batch_bytes), most):
            times += _span(batch)
    except CaptureError:
        return None
    return _Look(place, source, tuple(sorted(notes.link_types)), (min(times), max(times)) if times else None)


def _span(batch: FrameBatch) -> tuple[int, int]:
    """Times of the earliest and the latest frame of a batch."""
    times = np.frombuffer(batch.time_ns, np.int64)
    return int(times.min()), int(times.max())


def _join(looks: Iterable[_Look]) -> list[list[_Look]]:
    """Give one ring if no file begins before the one ahead of it has ended, else every file alone.

    A file without frames, as a capture program leaves that was stopped right after a change of files, comes last.
    """
    ring = sorted(looks, key=lambda look: (look.span is None, look.span or (0, 0), look.place))
    latest: int | None = None
    for look in ring:
        if look.span is None:
            break
        first, last = look.span
        if latest is not None and first < latest - OVERLAP_NS:
            return [[one] for one in ring]
        latest = last if latest is None else max(latest, last)
    return [ring]
