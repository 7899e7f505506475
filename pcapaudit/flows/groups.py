"""The flows of an address, or of a service, found in sorted columns: a few bytes a flow, where lists take a hundred."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from pcapaudit.flows.numbering import Numbering, roles_of

if TYPE_CHECKING:
    from pcapaudit.flows.traffic import Traffic

Service = tuple[int, bytes, int]
"""IP protocol, address and port of a responder."""

_Numbers = npt.NDArray[np.uint32]
_FEW = 32
"""So many rows are made plain numbers at first; who reads on gets twice as many each time."""
_MANY = 8192
"""But never more than so many."""


class Rows(Sequence[int]):
    """Rows of the flow table, as a column of numbers: a server has hundreds of thousands, and most readers take a few.

    Args:
        column: The rows, in order.
    """

    __slots__ = ("_column",)

    def __init__(self, column: _Numbers) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Rows: ...
    def __getitem__(self, index: int | slice) -> int | Rows:
        return Rows(self._column[index]) if isinstance(index, slice) else int(self._column[index])

    def __iter__(self) -> Iterator[int]:
        for part in by_parts(self._column, _FEW):
            yield from part.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:  # noqa: FBT001 - numpy's form
        """The rows for numpy, always a copy."""
        return np.array(self._column, dtype)

    def __eq__(self, other: object) -> bool:
        """Whether the other names the same rows."""
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


class FlowsByAddress(Mapping[bytes, Sequence[int]]):
    """Address -> flows that it takes part in, in order of their first frame.

    Args:
        numbering: The addresses of the capture.
    """

    def __init__(self, numbering: Numbering) -> None:
        self._numbering = numbering
        both = np.stack((numbering.a, numbering.b), axis=1)
        is_counted = np.ones(both.shape, np.bool_)
        is_counted[:, 1] = numbering.a != numbering.b
        places = np.flatnonzero(is_counted)
        numbers = both.reshape(-1)[places]
        self._flows = (places[sorting(numbers)] // 2).astype(np.uint32)
        self._ends = np.cumsum(np.bincount(numbers, minlength=len(numbering.addresses)))

    def __len__(self) -> int:
        return len(self._numbering.addresses)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._numbering.addresses)

    def __getitem__(self, address: bytes) -> Rows:
        number = self._numbering.number(address)
        if number < 0:
            raise KeyError(address)
        return Rows(self._flows[self._ends[number - 1] if number else 0 : self._ends[number]])


class FlowsByService(Mapping[Service, Sequence[int]]):
    """Service -> flows to it, in order; the services stand in order of their first flow.

    Args:
        numbering: The addresses of the capture.
        flows: The flows that are meant, in order.
        proto: Their IP protocol.
        responder: The number of their responder's address.
        port: Its port.
    """

    def __init__(
        self,
        numbering: Numbering,
        flows: npt.NDArray[np.integer],
        proto: npt.NDArray[np.integer],
        responder: _Numbers,
        port: npt.NDArray[np.integer],
    ) -> None:
        self._numbering = numbering
        keys = _key(proto.astype(np.int64), responder.astype(np.int64), port.astype(np.int64))
        order = np.argsort(keys, kind="stable")
        self._flows = flows[order].astype(np.uint32)
        self._keys, self._begins = np.unique(keys[order], return_index=True)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Service]:
        addresses = self._numbering.addresses
        for key in self._keys[np.argsort(self._flows[self._begins])].tolist():
            yield key >> 48, addresses[key >> 16 & 0xFFFFFFFF], key & 0xFFFF

    def __getitem__(self, service: Service) -> Rows:
        proto, address, port = service
        number = self._numbering.number(address)
        key = _key(proto, number, port)
        place = int(np.searchsorted(self._keys, key))
        if number < 0 or place == len(self._keys) or self._keys[place] != key:
            raise KeyError(service)
        return Rows(self._flows[self._begins[place] : self._begins[place + 1] if place + 1 < len(self._keys) else None])


def by_service(traffic: Traffic, chosen: npt.NDArray[np.integer]) -> FlowsByService:
    """Protocol, address and port of a responder -> those of some flows (rows of the flow table, in order) to it."""
    roles, proto = roles_of(traffic), traffic.result.flows["proto"][chosen]
    return FlowsByService(traffic.numbering, chosen, proto, roles.responders[chosen], roles.ports[chosen])


def by_parts(column: npt.NDArray[Any], first: int) -> Iterator[npt.NDArray[Any]]:
    """A column in parts, the first of so many rows, each of twice as many as the one before: mostly few are read.

    No part has more than ``_MANY`` rows, unless the first is to: as plain numbers they take ten times as much.
    """
    begin, size = 0, first
    while begin < len(column):
        yield column[begin : begin + size]
        begin, size = begin + size, min(2 * size, _MANY)


def _key(proto: Any, number: Any, port: Any) -> Any:
    """A service as one number, or columns of them."""
    return proto << 48 | number << 16 | port


def sorting(numbers: _Numbers) -> npt.NDArray[np.intp]:
    """The places of numbers in their order, equal ones as they stood; few different ones are sorted by their digits."""
    is_few = not len(numbers) or int(numbers.max()) < 1 << 16
    return np.argsort(numbers.astype(np.uint16) if is_few else numbers, kind="stable")
