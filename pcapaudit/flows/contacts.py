"""Who goes where: the conversations of a capture by host, service and far side, counted in columns.

What a product is recognised by are the services that a host uses. A capture has hundreds of thousands of flows, so
they are sorted and added up for all hosts at once; what a host sees of them is made when a service is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
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

FEW = 8
"""Contacts of a service that are made at first."""

_MOST = np.uint32(0xFFFFFFFF)
_HALF = np.uint64(32)
_Numbers = npt.NDArray[Any]
_Flags = npt.NDArray[np.bool_]
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
        self._ways = _ways(traffic)
        entries = _both_views(traffic, self.numbering, self._ways, left_out)
        keys = _ranks(_served(entries)) << _HALF | entries["far"]
        order = np.argsort(keys)
        for name in entries:
            # One by one, since at a million flows a second copy of all would be felt.
            entries[name] = entries[name][order]
        keys = keys[order]
        sums, services = _first_of_each(keys), _first_of_each(keys >> _HALF)
        lows = np.searchsorted(sums, services)
        self._services = _divide(entries, services, lows, len(sums))
        self._sums = _add_up(entries, sums, lows)
        self._begins = np.searchsorted(entries["me"][services], np.arange(len(self.numbering.addresses) + 1))

    def stretches(self, address: bytes) -> Sequence[Stretch]:
        """The services that an address uses or offers."""
        number = self.numbering.number(address)
        if number < 0:
            return ()
        lines = self._services[self._begins[number] : self._begins[number + 1]].tolist()
        return [Stretch(way, mac, _service(code), low, high, bool(sent)) for way, mac, code, low, high, sent in lines]

    def ways(self, flows: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
        """How side a and side b of some flows stand to them."""
        of_a, of_b = self._ways
        return list(zip(of_a[flows].tolist(), of_b[flows].tolist(), strict=True))

    def sums(self, stretch: Stretch) -> _Numbers:
        """The sums of one of these, a line of ``Sum`` for each far side, in order of the first frame."""
        return self._sums[stretch.low : stretch.high]

    def far_sides(self, stretches: Iterable[Stretch]) -> frozenset[bytes]:
        """The addresses that these lead to."""
        numbers: set[int] = set()
        for low, high in _joined(stretches):
            numbers.update(self._sums[low:high, 0].tolist())
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


def _joined(stretches: Iterable[Stretch]) -> list[tuple[int, int]]:
    """Where the sums of these lie; those that follow upon each other as one."""
    found: list[tuple[int, int]] = []
    for stretch in stretches:
        low = found.pop()[0] if found and found[-1][1] == stretch.low else stretch.low
        found.append((low, stretch.high))
    return found


@lru_cache(maxsize=4096)
def _service(code: int) -> Service:
    return TRANSPORTS[code >> 16], code & 0xFFFF


def _ways(traffic: Traffic) -> tuple[_Numbers, _Numbers]:
    """How side a and side b of every flow stand to it."""
    digests = traffic.digests.table
    is_from_b = (digests[:, layout.STATE] & layout.FROM_B) > 0
    is_told = (digests[:, layout.SYNS] > 0) | (digests[:, layout.SIDE + layout.SYN_ACK_AT] > 0)
    other = np.where(is_told | (traffic.result.flows["proto"] != TCP), INWARD, TURNED).astype(np.uint8)
    return np.where(is_from_b, other, np.uint8(OUTWARD)), np.where(is_from_b, np.uint8(OUTWARD), other)


def _both_views(
    traffic: Traffic, numbering: Numbering, ways: tuple[_Numbers, _Numbers], left_out: npt.NDArray[np.bool_]
) -> dict[str, _Numbers]:
    """Each conversation twice, as its two ends see it."""
    flows, digests, a, b = traffic.result.flows, traffic.digests.table, numbering.a, numbering.b
    wanted = np.isin(flows["proto"], list(TRANSPORTS)) & ~left_out
    early = _among_the_first(a, b)
    # A host that talks to itself is one end only.
    places = np.flatnonzero(wanted & early[0]), np.flatnonzero(wanted & early[1] & (a != b))
    every = np.concatenate(places)

    def mine(one: _Numbers, other: _Numbers) -> _Numbers:
        return np.concatenate([one[places[0]], other[places[1]]])

    proto, way = flows["proto"][every], mine(*ways)
    ports, far_ports = (mine(flows[f"{x}_port"], flows[f"{y}_port"]) for x, y in ("ab", "ba"))
    is_in, at = way == INWARD, np.where(way == TURNED, layout.SIDE, 0)
    sent, syns, low, high, answered = (
        digests[every, at + word]
        for word in (layout.PACKETS, layout.SYNS, layout.LOW, layout.HIGH, layout.SIDE - 2 * at + layout.PACKETS)
    )
    return {
        "me": mine(a, b),
        "far": mine(b, a),
        "way": way,
        "mac": mine(flows["a_mac"], flows["b_mac"]),
        "service": proto.astype(np.uint32) << 16 | np.where(is_in, ports, far_ports),
        "first_frame": flows["first_frame"][every],
        "tries": np.where(proto == TCP, np.maximum(syns, 1), sent),
        "payload_low": np.where(high > 0, low, _MOST),
        "payload_high": high,
        "source": np.where(is_in, far_ports, ports),
        "sent": sent > 0,
        "answered": answered > 0,
    }


def _among_the_first(a: _Numbers, b: _Numbers) -> tuple[_Flags, _Flags]:
    """Per flow: whether it is among the first ``MAX_FLOWS`` of its side a, and of its side b."""
    addresses = np.stack([a, b], axis=1).reshape(-1)
    is_early = np.ones(len(addresses), np.bool_)
    places = np.flatnonzero((np.bincount(addresses) > MAX_FLOWS)[addresses])
    places = places[np.argsort(addresses[places], kind="stable")]
    starts = np.searchsorted(addresses[places], addresses[places])
    is_early[places] = np.arange(len(places)) - starts < MAX_FLOWS
    return is_early[0::2], is_early[1::2]


def _served(entries: Mapping[str, _Numbers]) -> _Numbers:
    """A number for each of a host's services with its way and MAC; in order of host, MAC, way and service."""
    owner = _ranks(entries["me"].astype(np.uint64) << _HALF | _ranks(entries["mac"]))
    return owner << _HALF | entries["way"].astype(np.uint64) << np.uint64(24) | entries["service"]


def _ranks(keys: _Numbers) -> _Numbers:
    """For each key how many smaller ones there are, equal ones counted once."""
    order = np.argsort(keys)
    ranks = np.zeros(len(keys), np.uint64)
    ranks[order[_first_of_each(keys[order])[1:]]] = 1
    ranks[order] = np.cumsum(ranks[order])
    return ranks


def _first_of_each(keys: _Numbers) -> _Numbers:
    """Places in sorted keys at which another one begins."""
    is_new = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=is_new[1:])
    return np.flatnonzero(is_new)


def _add_up(entries: Mapping[str, _Numbers], firsts: _Numbers, lows: _Numbers) -> _Numbers:
    """One line of ``Sum`` for each group that begins at these places; those of a service in order of the first frame.

    ``lows`` are the lines with which the services begin.
    """
    if not len(firsts):
        return np.empty((0, len(Sum._fields)), np.uint32)
    high = np.maximum.reduceat(entries["payload_high"], firsts)
    first_frame = np.minimum.reduceat(entries["first_frame"], firsts)
    columns = (
        entries["far"][firsts],
        first_frame,
        np.add.reduceat(entries["tries"], firsts),
        np.where(high > 0, np.minimum.reduceat(entries["payload_low"], firsts), 0),
        high,
        np.minimum.reduceat(entries["source"], firsts),
        np.maximum.reduceat(entries["source"], firsts),
        np.logical_or.reduceat(entries["answered"], firsts),
    )
    is_low = np.zeros(len(firsts), np.uint64)
    is_low[lows] = 1
    order = np.argsort(np.cumsum(is_low) << _HALF | first_frame)
    return np.stack([column[order].astype(np.uint32) for column in columns], axis=1)


def _divide(entries: Mapping[str, _Numbers], firsts: _Numbers, lows: _Numbers, count: int) -> _Numbers:
    """One line for each service: way, MAC, number of the service, where its sums begin and end, whether it sent."""
    if not len(firsts):
        return np.empty((0, 6), np.int64)
    served = (entries[name][firsts] for name in ("way", "mac", "service"))
    columns = (*served, lows, np.append(lows[1:], count), np.logical_or.reduceat(entries["sent"], firsts))
    return np.stack([column.astype(np.int64) for column in columns], axis=1)


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

    def _merged(self, service: Service) -> _Numbers:
        """One sum for each far side, whichever of the host's addresses talked to it, in order of the first frame."""
        parts = [self._foreign(stretch) for stretch in self._parts.get(service, ())]
        if service in self._counted:
            parts.append(np.array(self._counted[service], np.uint32))
        return parts[0] if len(parts) == 1 and service not in self._counted else _merge(np.concatenate(parts))

    def _foreign(self, stretch: Stretch) -> _Numbers:
        """The sums of a stretch, but for what the host says to itself."""
        found = self._table.sums(stretch)
        if stretch.way != OUTWARD:
            for number in self._own:
                found = found[found[:, 0] != number]
        return found


class _Met(Sequence[Contact]):
    """The contacts of one service, made when one is looked at.

    Args:
        service: The service.
        sums: What makes each, a line of ``Sum``.
        addresses: The addresses by number.
        names: Gives the names known for a far side on a service.
    """

    def __init__(self, service: Service, sums: _Numbers, addresses: Sequence[bytes], names: _Names) -> None:
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
        made, place = self._made, 0
        while True:
            if place == len(made):
                # Ever more at a time: mostly one of the first is what was looked for.
                made.extend(map(self._contact, self._sums[place : 2 * place + FEW].tolist()))
                if place == len(made):
                    return
            yield made[place]
            place += 1

    def _contact(self, found: Sequence[int]) -> Contact:
        number, first, tries, low, high, source_low, source_high, answered = found
        transport, port = self._service
        far = self._addresses[number]
        names = self._names(self._service, far)
        # What a call of Contact does, without the function before it: there are as many as far sides of all hosts.
        return tuple.__new__(
            Contact, (transport, far, port, names, first, tries, low, high, source_low, source_high, bool(answered))
        )


def _merge(sums: _Numbers) -> _Numbers:
    """The same with those of one far side put together, in order of the first frame."""
    if len(set(sums[:, 0].tolist())) < len(sums):
        table: dict[int, Sum] = {}
        for found in map(Sum._make, sums.tolist()):
            known = table.get(found.far)
            table[found.far] = found if known is None else known.plus(found)
        sums = np.array(list(table.values()), np.uint32)
    return sums[np.argsort(sums[:, 1], kind="stable")]
