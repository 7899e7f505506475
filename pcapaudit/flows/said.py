"""Many messages of one kind, kept in columns: a network says few different things, very often.

A message takes half a kilobyte with its packet, ten bytes here; it is made when somebody looks at it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import starmap
from typing import Any, TypeVar, overload

import numpy as np
import numpy.typing as npt

from pcapaudit.flows.groups import by_parts, sorting
from pcapaudit.flows.numbering import Numbering
from pcapaudit.model.events import DnsMessage, Packet
from pcapaudit.scan.columns import NO_FLOW
from pcapaudit.scan.result import ScanResult

NOBODY = Packet(0, 0, b"", 0, b"", 0, 0)
"""Stands in a reading for the packet that it is set to."""
COLUMNS = np.dtype([("row", "u4"), ("reading", "u4"), ("ident", "u2")])
"""Of each message: the row of the packet log that holds or completes it, what it says, its DNS transaction id."""
_FEW = 32
"""So many messages are made plain numbers at first."""

_E = TypeVar("_E", bound=tuple[Any, ...])
_K = TypeVar("_K")
_Places = npt.NDArray[np.integer[Any]]
_Numbers = npt.NDArray[np.uint32]


class Said(Sequence[_E]):
    """Messages in frame order.

    Args:
        packet: Gives the packet of a row of the log.
        readings: What is said. One whose packet is ``NOBODY`` is set to the packet and the id of each of its messages;
            another stands for one message, as it is.
        columns: The messages, as ``COLUMNS`` has them.
    """

    __slots__ = ("columns", "packet", "readings")

    def __init__(self, packet: Callable[[int], Packet], readings: Sequence[_E], columns: npt.NDArray[np.void]) -> None:
        self.packet = packet
        self.readings = readings
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns)

    @overload
    def __getitem__(self, index: int) -> _E: ...
    @overload
    def __getitem__(self, index: slice) -> Said[_E]: ...
    def __getitem__(self, index: int | slice) -> _E | Said[_E]:
        if isinstance(index, slice):
            return Said(self.packet, self.readings, self.columns[index])
        return self._make(*self.columns[index].item())

    def __iter__(self) -> Iterator[_E]:
        for part in by_parts(self.columns, _FEW):
            yield from starmap(self._make, part.tolist())

    def __eq__(self, other: object) -> bool:
        """Whether the messages are the same, one by one."""
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def at(self, places: _Places) -> Said[_E]:
        """Those at some places, ascending."""
        return Said(self.packet, self.readings, self.columns[places])

    def saying(self, test: Callable[[_E], object]) -> Said[_E]:
        """Those that say what the test looks for; it is asked once for each different thing that is said.

        Args:
            test: Looks neither at the packet of a message nor at its transaction id.
        """
        which = self.columns["reading"]
        meant = [number for number in np.unique(which).tolist() if test(self.readings[number])]
        return self.at(np.flatnonzero(np.isin(which, meant)))

    def trimmed(self) -> Said[_E]:
        """The same, with those readings alone that are said."""
        which, numbers = np.unique(self.columns["reading"], return_inverse=True)
        columns = self.columns.copy()
        columns["reading"] = numbers
        return Said(self.packet, list(map(self.readings.__getitem__, which.tolist())), columns)

    def counted(self) -> list[tuple[_E, int]]:
        """The different things that are said, in order of the first message of each, and how often each is."""
        which, firsts, counts = np.unique(self.columns["reading"], return_index=True, return_counts=True)
        order = np.argsort(firsts)
        return [
            (self.readings[n], count) for n, count in zip(which[order].tolist(), counts[order].tolist(), strict=True)
        ]

    def _make(self, row: int, number: int, ident: int) -> _E:
        reading = self.readings[number]
        return reading if reading[0] is not NOBODY else set_to(reading, self.packet(row), ident)


def set_to(reading: _E, at: Packet, ident: int) -> _E:
    """What is said, by the packet that says it; ``ident`` is the transaction id of a DNS message."""
    # What a call of the class does, without the function before it: this runs for every message that is looked at.
    if type(reading) is DnsMessage:
        return tuple.__new__(type(reading), (at, reading[1], ident, *reading[3:]))
    return tuple.__new__(type(reading), (at, *reading[1:]))


class Parties:
    """The addresses of some messages by number: those of the capture's numbering, and one for "no address".

    Attributes:
        src: Per message: the number of its sender.
        dst: Per message: the number of its receiver.
        addresses: The addresses by their numbers.

    Args:
        result: The scan's tables.
        numbering: The addresses of the capture.
        rows: The rows of the packet log that hold the messages.
    """

    def __init__(self, result: ScanResult, numbering: Numbering, rows: _Numbers) -> None:
        self._numbering = numbering
        self._nowhere = len(numbering.addresses)
        self.addresses = [*numbering.addresses, b""]
        flows, is_from_b = result.rows["flow"][rows], result.rows["side"][rows] > 0
        flows[flows == NO_FLOW] = len(numbering.a)
        a, b = (np.append(side, np.uint32(self.number(b""))) for side in (numbering.a, numbering.b))
        self.src, self.dst = (np.where(is_from_b, *ends) for ends in ((b[flows], a[flows]), (a[flows], b[flows])))

    def number(self, address: bytes) -> int:
        """The number of an address; -1 for one that is not in the capture."""
        known = self._numbering.number(address)
        return self._nowhere if known < 0 and not address else known


class Grouped(Mapping[_K, Said[_E]]):
    """Messages by what they have in common; the keys stand in order of their first message.

    Args:
        said: The messages.
        places: Places of those that are meant, one for each number; a message may stand under several keys.
        numbers: For each of them the number of its key.
        keys: The keys by their numbers.
        number: Gives the number of a key, -1 for one that is none.
    """

    def __init__(
        self, said: Said[_E], places: _Places, numbers: _Numbers, keys: Sequence[_K], number: Callable[[_K], int]
    ) -> None:
        self._said = said
        self._places = places[sorting(numbers)].astype(np.uint32)
        self._ends = np.cumsum(np.bincount(numbers, minlength=len(keys)))
        self._keys = keys
        self._number = number

    def places(self, keys: Iterable[_K]) -> _Numbers:
        """Places of the messages under some keys, each once, ascending."""
        found = [self._places_of(self._number(key)) for key in keys]
        return np.unique(np.concatenate(found)) if len(found) > 1 else found[0] if found else self._places[:0]

    def under(self, keys: Iterable[_K]) -> Said[_E]:
        """The messages under some keys, each once."""
        return self._said.at(self.places(keys))

    def _places_of(self, number: int) -> _Numbers:
        begin, end = self._ends[number - 1] if number > 0 else 0, self._ends[number] if number >= 0 else 0
        return self._places[begin:end]

    def __len__(self) -> int:
        return int(np.count_nonzero(np.diff(self._ends, prepend=0)))

    def __iter__(self) -> Iterator[_K]:
        used = np.flatnonzero(np.diff(self._ends, prepend=0))
        firsts = self._places[self._ends[used] - np.diff(self._ends, prepend=0)[used]]
        return (self._keys[number] for number in used[np.argsort(firsts)].tolist())

    def __getitem__(self, key: _K) -> Said[_E]:
        places = self._places_of(self._number(key))
        if not len(places):
            raise KeyError(key)
        return self._said.at(places)
