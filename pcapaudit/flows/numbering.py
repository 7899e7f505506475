"""The addresses of a capture by number, so that questions to all flows at once can be put to columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from pcapaudit.flows.packets import Ends
from pcapaudit.flows.traffic import Traffic

_Numbers = npt.NDArray[np.uint32]
_Flags = npt.NDArray[np.bool_]


class Numbering:
    """Which address, by its number, is at each end of each flow.

    Attributes:
        addresses: The addresses; their places are their numbers.
        a: Per flow: the number of the address of side a.
        b: The same of side b.

    Args:
        traffic: The capture.
    """

    def __init__(self, traffic: Traffic) -> None:
        self.addresses = list(traffic.flows_by_address)
        self._numbers = {address: number for number, address in enumerate(self.addresses)}
        ends = [traffic.ends(flow) for flow in range(len(traffic.result.flows))]
        self.a, self.b = self._at(ends, 0), self._at(ends, 2)

    def _at(self, ends: Sequence[Ends], place: int) -> _Numbers:
        return np.fromiter(map(self._numbers.__getitem__, map(itemgetter(place), ends)), np.uint32, len(ends))

    def number(self, address: bytes) -> int:
        """The number of an address; -1 when it takes part in no flow."""
        return self._numbers.get(address, -1)

    def numbers(self, addresses: Iterable[bytes]) -> frozenset[int]:
        """The numbers of those of the addresses that have one."""
        return frozenset(self._numbers[address] for address in addresses if address in self._numbers)

    def which(self, test: Callable[[bytes], bool]) -> _Flags:
        """Per number: whether the test holds for the address."""
        return np.fromiter((test(address) for address in self.addresses), np.bool_, len(self.addresses))


def numbering_of(traffic: Traffic) -> Numbering:
    """The numbering of a capture; made once."""
    known: Numbering | None = traffic.memo.get("numbering")
    if known is None:
        known = traffic.memo["numbering"] = Numbering(traffic)
    return known
