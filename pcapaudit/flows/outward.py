"""The flows that a host opened: asked in columns, all at once; a flow is made when somebody looks at one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import overload

import numpy as np
import numpy.typing as npt

from pcapaudit.flows import layout
from pcapaudit.flows.flow import TCP, Endpoint, Flow
from pcapaudit.flows.latest import last_sent_ns
from pcapaudit.flows.numbering import numbering_of, roles_of
from pcapaudit.flows.rows import last_rows_sent
from pcapaudit.flows.traffic import Traffic

_Numbers = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]


class Outward(Sequence[Flow]):
    """Flows that a host opened, in order; a healthy device's are hardly ever looked at one by one.

    Each column has an entry a flow.

    Args:
        traffic: The capture.
        places: Rows of the flow table.

    Attributes:
        places: Rows of the flow table.
    """

    def __init__(self, traffic: Traffic, places: _Numbers) -> None:
        self.places = places
        self._traffic = traffic

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> Flow: ...
    @overload
    def __getitem__(self, index: slice) -> Outward: ...
    def __getitem__(self, index: int | slice) -> Flow | Outward:
        if isinstance(index, slice):
            return Outward(self._traffic, self.places[index])
        return self._traffic.flow(int(self.places[index]))

    def __iter__(self) -> Iterator[Flow]:
        return map(self._traffic.flow, self.places.tolist())

    # --- columns ------------------------------------------------------------------------------

    @cached_property
    def first_ns(self) -> _Numbers:
        """Time of the first packet (ns)."""
        return self._of_table("first_ns")

    @cached_property
    def last_ns(self) -> _Numbers:
        """Time of the last packet (ns)."""
        return self._of_table("last_ns")

    @cached_property
    def ports(self) -> npt.NDArray[np.uint16]:
        """The responder's port."""
        return roles_of(self._traffic).ports[self.places]

    @cached_property
    def protocols(self) -> _Numbers:
        """IP protocol number."""
        return self._of_table("proto")

    @cached_property
    def has_sent(self) -> _Flags:
        """The host sent something, marked duplicates left out."""
        return self._of_digest(layout.PACKETS) > 0

    @cached_property
    def is_answered(self) -> _Flags:
        """The responder sent something, marked duplicates left out."""
        return self._of_digest(layout.SIDE + layout.PACKETS) > 0

    @cached_property
    def has_opening(self) -> _Flags:
        """The capture holds the first packet (TCP: the SYN)."""
        found: _Flags = (self.protocols != TCP) | (self._of_digest(layout.SYNS) > 0)
        return found

    @cached_property
    def is_established(self) -> _Flags:
        """The handshake was completed, or must have been (``Flow.is_established``)."""
        return (self._of_digest(layout.STATE) & layout.ESTABLISHED) > 0

    @cached_property
    def is_accepted(self) -> _Flags:
        """The responder sent a SYN-ACK."""
        return self._of_digest(layout.SIDE + layout.SYN_ACK_AT) > 0

    def _of_table(self, column: str) -> _Numbers:
        return self._traffic.result.flows[column][self.places]

    def _of_digest(self, word: int) -> npt.NDArray[np.uint32]:
        found: npt.NDArray[np.uint32] = self._traffic.digests.table[self.places, word]
        return found

    @cached_property
    def seen_to_connect(self) -> Outward:
        """Those over TCP that were established and whose opening the capture holds."""
        return self.where((self.protocols == TCP) & self.is_established & self.has_opening)

    # --- where they lead ----------------------------------------------------------------------

    @cached_property
    def _far(self) -> tuple[list[bytes], _Numbers]:
        """The responders' addresses, each once; and for each flow which of them it leads to."""
        numbers = self._numbers.tolist()
        order = {number: place for place, number in enumerate(dict.fromkeys(numbers))}
        which = np.fromiter(map(order.__getitem__, numbers), np.int64, len(numbers))
        return list(map(numbering_of(self._traffic).addresses.__getitem__, order)), which

    @property
    def _numbers(self) -> npt.NDArray[np.uint32]:
        """The numbers of the responders' addresses (``Numbering``)."""
        return roles_of(self._traffic).responders[self.places]

    @cached_property
    def far(self) -> frozenset[bytes]:
        """The responders' addresses."""
        return frozenset(map(numbering_of(self._traffic).addresses.__getitem__, set(self._numbers.tolist())))

    @property
    def targets(self) -> list[Endpoint]:
        """The responder's address and port."""
        addresses, which = self._far
        return list(zip(map(addresses.__getitem__, which.tolist()), self.ports.tolist(), strict=True))

    @property
    def has_several_ports(self) -> _Flags:
        """They lead to other ports of this responder as well."""
        addresses, which = self._far
        one_of = np.zeros(len(addresses), self.ports.dtype)
        one_of[which] = self.ports
        found = np.zeros(len(addresses), np.bool_)
        found[which[self.ports != one_of[which]]] = True
        return found[which]

    def leads_to(self, test: Callable[[bytes], bool]) -> _Flags:
        """Whether the test holds for the responder's address; asked once an address."""
        addresses, which = self._far
        found: _Flags = np.fromiter(map(test, addresses), np.bool_, len(addresses))[which]
        return found

    # --- what was sent ------------------------------------------------------------------------

    @cached_property
    def last_sent_ns(self) -> _Numbers:
        """Time of the host's last packet (ns), marked copies left out; 0 where it sent nothing."""
        return last_sent_ns(self._traffic, self.places)

    def last_sent_to_address(self) -> dict[bytes, int]:
        """Responder's address -> when the host last sent something there (ns); 0 where it sent nothing."""
        addresses, which = self._far
        latest = np.zeros(len(addresses), np.int64)
        np.maximum.at(latest, which, self.last_sent_ns)
        return dict(zip(addresses, latest.tolist(), strict=True))

    def last_sent_to_mac(self, count: int) -> dict[int, int]:
        """MAC as a number -> when one of the last packets, at most so many of each flow, went there (ns)."""
        rows, last = self._traffic.result.rows, last_rows_sent(self._traffic, self.places, count)
        ordered = last[np.argsort(rows["time_ns"][last], kind="stable")]
        found = zip(rows["dmac"][ordered].tolist(), rows["time_ns"][ordered].tolist(), strict=True)
        return {mac: time_ns for mac, time_ns in found if mac}

    def where(self, mask: _Flags) -> Outward:
        """Those for which the mask is true."""
        return Outward(self._traffic, self.places[mask])
