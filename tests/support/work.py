"""Work, counted and not timed: lines of our own code that ran, and bytes that were sliced out of the input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any, SupportsIndex


@dataclass(slots=True)
class Work:
    """What one call took."""

    lines: int = 0
    copied: int = 0


class Octets(bytes):
    """Bytes that note how many of them each slice copies, also the slices of a slice."""

    work: Work

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        """An octet, or a piece that counts on."""
        found = super().__getitem__(key)
        return watch(found, self.work) if isinstance(found, bytes) else found


def watch(data: bytes, work: Work) -> Octets:
    """Bytes whose slices are counted."""
    work.copied += len(data)
    octets = Octets(data)
    octets.work = work
    return octets


def measure(call: Callable[[Octets], object], data: bytes) -> Work:
    """Count the work of a call that is given the bytes."""
    work = Work()

    def note(frame: FrameType, event: str, _arg: object) -> Any:
        if event == "line":
            work.lines += 1
        return note if "pcapaudit" in frame.f_code.co_filename or "<" in frame.f_code.co_filename else None

    octets = watch(data, work)
    before = sys.gettrace()
    sys.settrace(note)
    try:
        call(octets)
    finally:
        sys.settrace(before)
    return work
