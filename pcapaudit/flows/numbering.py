"""The addresses of a capture by number, so that questions to all flows at once can be put to columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pcapaudit.flows import layout
from pcapaudit.flows.packets import Ends, packed_address
from pcapaudit.model.addresses import is_public
from pcapaudit.scan.columns import Table

if TYPE_CHECKING:
    from pcapaudit.flows.traffic import Traffic

_Numbers = npt.NDArray[np.uint32]
_Flags = npt.NDArray[np.bool_]
_SIX = np.uint64(1 << 32)
"""From here up are the keys of IPv6 addresses; below, those of IPv4 are the addresses themselves."""
_NONE = np.uint64((1 << 64) - 1)


class Numbering:
    """Which address, by its number, is at each end of each flow.

    Attributes:
        addresses: The addresses in order of their first flow, there side a before b; their places are their numbers.
        a: Per flow: the number of the address of side a.
        b: The same of side b.

    Args:
        flows: The flow table.
    """

    def __init__(self, flows: Table) -> None:
        family = np.repeat(flows["family"], 2)
        high, low = _both(flows, "hi"), _both(flows, "lo")
        _, first, key = np.unique(_keys_of(family, high, low), return_index=True, return_inverse=True)
        order = np.argsort(first)
        first = first[order]
        self.addresses = list(map(packed_address, family[first].tolist(), high[first].tolist(), low[first].tolist()))
        self._numbers = {address: number for number, address in enumerate(self.addresses)}
        number = np.empty(len(order), np.uint32)
        number[order] = np.arange(len(order), dtype=np.uint32)
        self.a, self.b = number[key[0::2]], number[key[1::2]]

    def number(self, address: bytes) -> int:
        """The number of an address; -1 when it takes part in no flow."""
        return self._numbers.get(address, -1)

    def numbers(self, addresses: Iterable[bytes]) -> frozenset[int]:
        """The numbers of those of the addresses that have one."""
        return frozenset(self._numbers[address] for address in addresses if address in self._numbers)

    def involves(self, addresses: Iterable[bytes], flows: npt.NDArray[np.integer]) -> _Flags:
        """For each of some flows (rows of the flow table) whether one of the addresses is at an end of it."""
        is_meant = np.zeros(len(self.addresses), np.bool_)
        is_meant[list(self.numbers(addresses))] = True
        found: _Flags = is_meant[self.a[flows]] | is_meant[self.b[flows]]
        return found

    @cached_property
    def is_far(self) -> _Flags:
        """Per number: whether the address is a public one."""
        return self.which(is_public)

    def which(self, test: Callable[[bytes], bool]) -> _Flags:
        """Per number: whether the test holds for the address."""
        return np.fromiter((test(address) for address in self.addresses), np.bool_, len(self.addresses))


def _both(flows: Table, name: str) -> npt.NDArray[np.uint64]:
    """A column of both sides: that of side a, that of side b, flow by flow."""
    both = np.empty(2 * len(flows), np.uint64)
    both[0::2], both[1::2] = flows[f"a_{name}"], flows[f"b_{name}"]
    return both


def _keys_of(
    family: npt.NDArray[Any], high: npt.NDArray[np.uint64], low: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint64]:
    """One number for each end, equal where the addresses are: the halves of an IPv6 address do not fit into one."""
    keys = np.where(family == 4, low, _NONE)
    six = np.flatnonzero(family == 6)
    order = six[np.lexsort((low[six], high[six]))]
    is_new = (high[order[1:]] != high[order[:-1]]) | (low[order[1:]] != low[order[:-1]])
    keys[order[:1]] = _SIX
    keys[order[1:]] = _SIX + np.cumsum(is_new, dtype=np.uint64)
    return keys


class Roles(NamedTuple):
    """Who opened each flow and who was called: the numbers of their addresses, and the responder's port."""

    originators: _Numbers
    responders: _Numbers
    ports: npt.NDArray[np.uint16]


def roles_of(traffic: Traffic) -> Roles:
    """The roles in all flows, an entry a flow; found once per capture."""
    known: Roles | None = traffic.memo.get("roles")
    if known is None:
        numbering, table = traffic.numbering, traffic.result.flows
        is_from_b = (traffic.digests.table[:, layout.STATE] & layout.FROM_B) > 0
        known = traffic.memo["roles"] = Roles(
            np.where(is_from_b, numbering.b, numbering.a),
            np.where(is_from_b, numbering.a, numbering.b),
            np.where(is_from_b, table["a_port"], table["b_port"]),
        )
    return known


def ends_of(traffic: Traffic, flows: npt.NDArray[np.integer]) -> Iterator[Ends]:
    """Both ends of each of some flows (rows of the flow table), as ``Traffic.ends`` gives those of one."""
    numbering, table = traffic.numbering, traffic.result.flows
    a, b = (map(numbering.addresses.__getitem__, side[flows].tolist()) for side in (numbering.a, numbering.b))
    a_port, b_port, proto = (table[name][flows].tolist() for name in ("a_port", "b_port", "proto"))
    return zip(a, a_port, b, b_port, proto, strict=True)


def is_one_of(column: npt.NDArray[Any], values: Iterable[int]) -> _Flags:
    """Whether each entry is one of a few values; numpy's own search takes longer to prepare than this to compare."""
    found = np.zeros(len(column), np.bool_)
    for value in values:
        found |= column == value
    return found


def numbering_of(traffic: Traffic) -> Numbering:
    """The numbering of a capture; made once."""
    return traffic.numbering
