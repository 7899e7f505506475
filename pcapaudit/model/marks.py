"""The moments of a timeline's lane, kept close together: a report of hundreds of devices holds a hundred thousand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from pcapaudit.model.records import dataclass
from pcapaudit.model.words import MarkKind

_KINDS = {kind.value: kind for kind in MarkKind}


@dataclass(frozen=True, slots=True)
class TimelineMark:
    """One moment of a lane: the frame that was seen and what it did for the device."""

    at: str
    frame: int
    kind: MarkKind


class Marks(Sequence[TimelineMark]):
    """Moments in order, as one text; each is made when it is looked at. Equal to a tuple of the same.

    Args:
        moments: RFC 3339 time, frame and kind of each.
    """

    __slots__ = ("_text",)

    def __init__(self, moments: Iterable[tuple[str, int, MarkKind]]) -> None:
        self._text = "\n".join([f"{at} {frame} {kind}" for at, frame, kind in moments])

    def __len__(self) -> int:
        return self._text.count("\n") + 1 if self._text else 0

    def __iter__(self) -> Iterator[TimelineMark]:
        return map(_read, self._text.splitlines())

    @overload
    def __getitem__(self, index: int) -> TimelineMark: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[TimelineMark, ...]: ...
    def __getitem__(self, index: int | slice) -> TimelineMark | tuple[TimelineMark, ...]:
        lines = self._text.splitlines()
        return tuple(map(_read, lines[index])) if isinstance(index, slice) else _read(lines[index])

    def __eq__(self, other: object) -> bool:
        """Whether the other holds the same moments."""
        if isinstance(other, Marks):
            return self._text == other._text
        return isinstance(other, tuple) and tuple(self) == other

    def __hash__(self) -> int:
        """That of a tuple of the same moments."""
        return hash(tuple(self))

    def __repr__(self) -> str:
        """What a tuple of the same moments shows."""
        return repr(tuple(self))


def _read(line: str) -> TimelineMark:
    at, frame, kind = line.split(" ")
    return TimelineMark(at, int(frame), _KINDS[kind])
