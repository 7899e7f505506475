"""Who goes where: the conversations of a capture by host, service and far side, counted in columns.

What a product is recognised by are the services that a host uses. A capture has hundreds of thousands of flows, so
they are sorted and added up for all hosts at once; what a host sees of them is made when a service is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from pcapaudit.flows import layout
from pcapaudit.flows.flow import TCP, UDP
from pcapaudit.flows.numbering import Numbering, numbering_of
from pcapaudit.flows.outline import Outline
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.traits import Contact, Service

TRANSPORTS = {TCP: "tcp", UDP: "udp"}
MAX_FLOWS = 5000
"""Flows of one address that are looked at; a host with more is no simple device."""
OUTWARD, TURNED, INWARD = 0, 1, 2
"""How a host stands to a conversation: it opened it; it is taken for the opener, since nothing tells who is; or not."""

_MOST = np.uint32(0xFFFFFFFF)
_SERVED = ("me", "way", "mac", "service")
_Numbers = npt.NDArray[Any]
_Names = Callable[[Service, bytes], tuple[str, ...]]


class Sum(NamedTuple):
    """What conversations of one host with one far side add up to; fields as those of ``Contact``.

    ``far`` is the far side's number (``Numbering``).
    """

    far: int
    first_frame: int
    tries: int
    payload_low: int
    payload_high: int
    source_low: int
    source_high: int
    answered: int

    def plus(self, other: Sum) -> Sum:
        """Both together."""
        lows = [s.payload_low for s in (self, other) if s.payload_high]
        return Sum(
            self.far,
            min(self.first_frame, other.first_frame),
            self.tries + other.tries,
            min(lows, default=0),
            max(self.payload_high, other.payload_high),
            min(self.source_low, other.source_low),
            max(self.source_high, other.source_high),
            self.answered | other.answered,
        )


class Stretch(NamedTuple):
    """Where the sums of one service of one host lie: behind ``low``, before ``high``."""

    way: int
    mac: int
    service: Service
    low: int
    high: int
    has_sent: bool
    """The opener of one of these conversations sent something."""


class ContactTable:
    """All conversations over TCP and UDP, but for those that ``left_out`` names.

    Args:
        traffic: The capture.
        left_out: Per flow: it is counted by hand.
    """

    def __init__(self, traffic: Traffic, left_out: npt.NDArray[np.bool_]) -> None:
        self.numbering = numbering_of(traffic)
        entries, self._ways = _both_views(traffic, self.numbering, left_out)
        order = np.lexsort((entries["far"], entries["service"], entries["mac"], entries["way"], entries["me"]))
        for name in entries:
            # One by one, since at a million flows a second copy of all would be felt.
            entries[name] = entries[name][order]
        firsts = _first_of_each(entries, (*_SERVED, "far"))
        self._stretches = _divide(entries, firsts)
        sums = _add_up(entries, firsts)
        services = np.searchsorted(_first_of_each(entries, _SERVED), firsts, side="right")
        self._sums = sums[np.lexsort((sums[:, 1], services))]

    def stretches(self, address: bytes) -> Sequence[Stretch]:
        """The services that an address uses or offers."""
        return self._stretches.get(self.numbering.number(address), ())

    def way(self, flow: int, side: int) -> int:
        """How a side of a flow stands to it: side 0 is a, 1 is b."""
        return int(self._ways[side][flow])

    def sums(self, stretch: Stretch) -> list[Sum]:
        """The sums of one of these, one for each far side, in order of the first frame."""
        return list(map(Sum._make, self._sums[stretch.low : stretch.high].tolist()))

    def far_sides(self, stretches: Iterable[Stretch]) -> frozenset[bytes]:
        """The addresses that these lead to."""
        numbers = {n for s in stretches for n in self._sums[s.low : s.high, 0].tolist()}
        return frozenset(map(self.numbering.addresses.__getitem__, numbers))

    def sum_of(self, flow: Outline, far: bytes) -> Sum:
        """One flow alone, seen from the side that opened it or is taken for it."""
        is_tcp = flow.proto == TCP
        return Sum(
            self.numbering.number(far),
            flow.first_frame,
            max(1, flow.sent.syns) if is_tcp else flow.sent.packets,
            flow.sent.payload_low,
            flow.sent.payload_high,
            flow.orig[1],
            flow.orig[1],
            int(flow.received.packets > 0),
        )


def _both_views(
    traffic: Traffic, numbering: Numbering, left_out: npt.NDArray[np.bool_]
) -> tuple[dict[str, _Numbers], tuple[_Numbers, _Numbers]]:
    """Each conversation twice, as its two ends see it; and how side a and side b of every flow stand to it."""
    flows, digests = traffic.result.flows, traffic.digests.table
    a, b = numbering.a, numbering.b
    is_from_b = (digests[:, layout.STATE] & layout.FROM_B) > 0
    wanted = np.isin(flows["proto"], list(TRANSPORTS)) & ~left_out
    one = _view(flows, digests, ("a", a), ("b", b), ~is_from_b)
    # A host that talks to itself is one end only.
    other = _view(flows, digests, ("b", b), ("a", a), is_from_b)
    both = {name: np.concatenate([one[name], other[name]]) for name in one}
    kept = np.concatenate([wanted, wanted & (a != b)]) & (_ranks(a, b) < MAX_FLOWS)
    return {name: column[kept] for name, column in both.items()}, (one["way"], other["way"])


def _view(
    flows: Any, digests: Any, mine: tuple[str, _Numbers], far: tuple[str, _Numbers], is_mine: npt.NDArray[np.bool_]
) -> dict[str, _Numbers]:
    """The flows as one end sees them; ``is_mine``: this end opened the flow."""
    is_tcp = flows["proto"] == TCP
    is_known = ~is_tcp | (digests[:, layout.SYNS] > 0) | (digests[:, layout.SIDE + layout.SYN_ACK_AT] > 0)
    way = np.where(is_mine, OUTWARD, np.where(is_known, INWARD, TURNED)).astype(np.uint8)
    (me, numbers), (other, far_numbers) = mine, far
    ports, far_ports = flows[f"{me}_port"], flows[f"{other}_port"]
    is_in, at = way == INWARD, np.where(way == TURNED, layout.SIDE, 0)
    lines = np.arange(len(flows))
    sent, syns, low, high, answered = (
        digests[lines, place]
        for place in (
            at + layout.PACKETS, at + layout.SYNS, at + layout.LOW, at + layout.HIGH, layout.SIDE - at + layout.PACKETS
        )
    )  # fmt: skip
    return {
        "me": numbers,
        "far": far_numbers,
        "way": way,
        "mac": flows[f"{me}_mac"],
        "service": flows["proto"].astype(np.uint32) << 16 | np.where(is_in, ports, far_ports),
        "first_frame": flows["first_frame"],
        "tries": np.where(is_tcp, np.maximum(syns, 1), sent),
        "payload_low": np.where(high > 0, low, _MOST),
        "payload_high": high,
        "source": np.where(is_in, far_ports, ports),
        "sent": sent > 0,
        "answered": answered > 0,
    }


def _ranks(a: _Numbers, b: _Numbers) -> _Numbers:
    """How many flows each address had before this one: for all flows by their side a, then by their side b."""
    addresses = np.stack([a, b], axis=1).reshape(-1)
    order = np.argsort(addresses, kind="stable")
    starts = np.searchsorted(addresses[order], addresses[order])
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order)) - starts
    return np.concatenate([ranks[0::2], ranks[1::2]])


def _first_of_each(keys: Mapping[str, _Numbers], names: Iterable[str]) -> _Numbers:
    """Places in sorted columns at which one of these changes."""
    count = len(keys["me"])
    is_new = np.zeros(count, np.bool_)
    is_new[:1] = True
    for name in names:
        is_new[1:] |= keys[name][1:] != keys[name][:-1]
    return np.flatnonzero(is_new)


def _add_up(entries: Mapping[str, _Numbers], firsts: _Numbers) -> _Numbers:
    """One line of ``Sum`` for each group that begins at these places."""
    if not len(firsts):
        return np.empty((0, len(Sum._fields)), np.uint32)
    high = np.maximum.reduceat(entries["payload_high"], firsts)
    columns = (
        entries["far"][firsts],
        np.minimum.reduceat(entries["first_frame"], firsts),
        np.add.reduceat(entries["tries"], firsts),
        np.where(high > 0, np.minimum.reduceat(entries["payload_low"], firsts), 0),
        high,
        np.minimum.reduceat(entries["source"], firsts),
        np.maximum.reduceat(entries["source"], firsts),
        np.logical_or.reduceat(entries["answered"], firsts),
    )
    return np.stack([column.astype(np.uint32) for column in columns], axis=1)


def _divide(entries: Mapping[str, _Numbers], firsts: _Numbers) -> dict[int, list[Stretch]]:
    """Host -> its services, with where their sums lie."""
    starts = _first_of_each(entries, _SERVED)
    if not len(starts):
        return {}
    lows = np.searchsorted(firsts, starts).tolist()
    has_sent = np.logical_or.reduceat(entries["sent"], starts).tolist()
    keys = (entries[name][starts].tolist() for name in _SERVED)
    table: dict[int, list[Stretch]] = {}
    for me, way, mac, service, low, high, sent in zip(*keys, lows, [*lows[1:], len(firsts)], has_sent, strict=True):
        name = (TRANSPORTS[service >> 16], service & 0xFFFF)
        table.setdefault(me, []).append(Stretch(way, mac, name, low, high, sent))
    return table


class HostServices(Mapping[Service, Sequence[Contact]]):
    """The services of one host with its contacts, made when they are asked for.

    Args:
        table: All conversations.
        stretches: Those of the host, in one direction.
        own: The host's addresses; what it says to itself is no contact of its services.
        counted: What was counted by hand: service and sum.
        names: Gives the names known for a far side on a service.
    """

    def __init__(
        self,
        table: ContactTable,
        stretches: Iterable[Stretch],
        own: Iterable[bytes],
        counted: Iterable[tuple[Service, Sum]],
        names: _Names,
    ) -> None:
        self._table = table
        self._own = table.numbering.numbers(own)
        self._names = names
        self._parts: dict[Service, list[Stretch]] = {}
        self._counted: dict[Service, list[Sum]] = {}
        for stretch in stretches:
            self._parts.setdefault(stretch.service, []).append(stretch)
        for service, found in counted:
            self._counted.setdefault(service, []).append(found)
        self._made: dict[Service, _Met] = {}

    def __len__(self) -> int:
        return len(self._parts.keys() | self._counted.keys())

    def __iter__(self) -> Iterator[Service]:
        return iter(self._parts | self._counted)

    def __getitem__(self, service: Service) -> Sequence[Contact]:
        if service not in self._made:
            sums, addresses = self._merged(service), self._table.numbering.addresses
            self._made[service] = _Met(service, sums, addresses, self._names)
        return self._made[service]

    def _merged(self, service: Service) -> list[Sum]:
        """One sum for each far side, whichever of the host's addresses talked to it, in order of the first frame."""
        parts = [self._counted.get(service, [])]
        for stretch in self._parts.get(service, ()):
            found = self._table.sums(stretch)
            parts.append(found if stretch.way == OUTWARD else [s for s in found if s.far not in self._own])
        filled = [part for part in parts if part]
        return filled[0] if len(filled) == 1 and filled[0] is not parts[0] else _merge(filled)


class _Met(Sequence[Contact]):
    """The contacts of one service, made when one is looked at.

    Args:
        service: The service.
        sums: What makes each.
        addresses: The addresses by number.
        names: Gives the names known for a far side on a service.
    """

    def __init__(self, service: Service, sums: Sequence[Sum], addresses: Sequence[bytes], names: _Names) -> None:
        self._service = service
        self._sums = sums
        self._addresses = addresses
        self._names = names
        self._made: list[Contact] = []
        """Those that were looked at so far: mostly the first few."""

    def __len__(self) -> int:
        return len(self._sums)

    @overload
    def __getitem__(self, index: int) -> Contact: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Contact]: ...
    def __getitem__(self, index: int | slice) -> Contact | Sequence[Contact]:
        return list(self)[index]

    def __iter__(self) -> Iterator[Contact]:
        made = self._made
        for place, found in enumerate(self._sums):
            if place == len(made):
                made.append(self._contact(found))
            yield made[place]

    def _contact(self, found: Sum) -> Contact:
        number, first, tries, low, high, source_low, source_high, answered = found
        transport, port = self._service
        far = self._addresses[number]
        names = self._names(self._service, far)
        return Contact(
            transport, far, port, names, first, tries, low, high, source_low, source_high, answered=bool(answered)
        )


def _merge(parts: Iterable[Iterable[Sum]]) -> list[Sum]:
    table: dict[int, Sum] = {}
    for part in parts:
        for found in part:
            known = table.get(found.far)
            table[found.far] = found if known is None else known.plus(found)
    return sorted(table.values(), key=lambda s: s.first_frame)
