"""Which TCP streams somebody is going to read: those that begin in a known way, or are on certain ports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from pcapaudit.model.records import dataclass

ALL: Final = 0xFFFFFFFF
"""Every beginning is possible still."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the streams begin that are read, as the loop looks at it: one look-up an octet.

    Where a connection's opening was seen and both streams begin in none of these ways, nobody will read them, and
    their bytes need not be kept.
    """

    octets: npt.NDArray[np.uint32]
    """For each of the first octets and each value (256) the beginnings, a bit each, that it leaves possible."""
    ports: tuple[int, ...] = ()
    """Where streams are read however they begin."""


EVERYTHING: Final = Wanted(np.zeros((0, 256), np.uint32))
"""Streams are read however they begin."""


def beginning_with(beginnings: Sequence[Sequence[bytes]], ports: Iterable[int] = ()) -> Wanted:
    """Streams that begin in one of these ways.

    Args:
        beginnings: For each of the first octets of a payload, the values that it may have; 32 ways at most, of 8 octets
            at most.
        ports: Where streams are read however they begin.
    """
    octets = np.zeros((max(map(len, beginnings), default=0), 256), np.uint32)
    for number, beginning in enumerate(beginnings):
        for place, line in enumerate(octets):
            values = list(beginning[place]) if place < len(beginning) else slice(None)
            line[values] |= np.uint32(1 << number)
    return Wanted(octets, tuple(ports))
