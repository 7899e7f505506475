"""The capture's ARP packets: kept as the scan's table, and made into messages where somebody reads them.

A busy network has tens of thousands of them, and nearly all were answered: who asked for what, and whether
anybody answered, is worked out for all hosts at once from the columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt

from pcapaudit.flows.packets import packed_mac, row_reader
from pcapaudit.model.events import ArpMessage, Packet
from pcapaudit.scan.columns import NO_VLAN, Table

REQUEST = 1
MAC_SIZE, ADDRESS_SIZE = 6, 4
MAX_CLAIMS = 100
"""So many packets of boxes that fight for one address tell all that there is to tell; a flood has millions."""
NEVER = -1
"""Stands for the place of a packet that is not there, and for an address that no packet names."""
_READ = ("frame", "time_ns", "op", "smac", "dmac", "sender_mac", "target_mac", "sender_ip", "target_ip", "vlan")
"""Columns that make a message, in the order in which ``_read`` takes them."""

_Places = npt.NDArray[np.intp]
_Numbers = npt.NDArray[np.uint64]
_Known = tuple[int, int, int, int, int, bool]
_KNOWN = np.dtype([
    ("target", "u4"), ("asker", "u4"), ("tries", "i8"), ("newest", "i8"), ("answered", "i8"), ("is_answered", "?")
])  # fmt: skip
"""Of one question what ``ArpQuestion`` tells of it, addresses as numbers."""


class Moment(NamedTuple):
    """Where in the capture a packet stands."""

    frame: int
    time_ns: int


class ArpQuestion:
    """A host's requests for one address and the replies to them.

    Attributes:
        target: The address asked for.
        asker: The address that the first request gives as the host's own.
        tries: Number of requests.
        newest_ns: Time of the latest request.
        answered_ns: Time of the last reply, 0 without one.
        is_answered: Whether a reply came.
    """

    __slots__ = ("_group", "_table", "answered_ns", "asker", "is_answered", "newest_ns", "target", "tries")

    def __init__(self, table: ArpTable, group: int, known: _Known) -> None:
        target, asker, self.tries, self.newest_ns, self.answered_ns, self.is_answered = known
        self.target, self.asker = target.to_bytes(ADDRESS_SIZE, "big"), asker.to_bytes(ADDRESS_SIZE, "big")
        self._table = table
        self._group = group

    @property
    def requests(self) -> Sequence[ArpMessage]:
        """The requests in frame order, at least one."""
        return ArpMessages(self._table, self._table.requests(self._group))

    @property
    def replies(self) -> Sequence[ArpMessage]:
        """What told the host the address after its first request, in frame order."""
        return ArpMessages(self._table, self._table.replies(self._group)) if self.is_answered else ()

    def moments(self, limit: int) -> tuple[list[tuple[Moment, bool]], int]:
        """Requests and replies in frame order without reading them, a flag with each: it is a reply.

        Args:
            limit: At least 2. Of more, so many are given, evenly spread, the first and the last among them.

        Returns:
            The moments, and how many are left out.
        """
        requests = self._table.requests(self._group)
        if not self.is_answered:
            shown = _spread(requests, limit)
            return [(moment, False) for moment in self._table.moments(shown)], len(requests) - len(shown)
        both = np.concatenate([requests, self._table.replies(self._group)])
        order = _spread(np.argsort(both, kind="stable"), limit)
        moments = self._table.moments(both[order])
        return list(zip(moments, (order >= len(requests)).tolist(), strict=True)), len(both) - len(order)


class ArpMessages(Sequence[ArpMessage]):
    """Some ARP packets in frame order, each read when it is looked at: how many there are costs nothing.

    Args:
        table: The capture's.
        places: Where in it they stand.
    """

    __slots__ = ("_places", "_table")

    def __init__(self, table: ArpTable, places: _Places) -> None:
        self._table = table
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> ArpMessage: ...
    @overload
    def __getitem__(self, index: slice) -> ArpMessages: ...
    def __getitem__(self, index: int | slice) -> ArpMessage | ArpMessages:
        if isinstance(index, slice):
            return ArpMessages(self._table, self._places[index])
        return self._table.message(int(self._places[index]))

    def __iter__(self) -> Iterator[ArpMessage]:
        return map(self._table.message, self._places.tolist())


class _Index:
    """Where each value of a column stands."""

    def __init__(self, values: npt.NDArray[np.unsignedinteger]) -> None:
        self.order = np.argsort(values, kind="stable")
        arranged = values[self.order]
        self.starts = np.flatnonzero(np.r_[True, arranged[1:] != arranged[:-1]]) if len(values) else self.order
        self.values = arranged[self.starts]
        self.ends = np.r_[self.starts[1:], len(values)].astype(np.intp) if len(values) else self.order

    @cached_property
    def _bounds(self) -> dict[int, tuple[int, int]]:
        return dict(zip(self.values.tolist(), zip(self.starts.tolist(), self.ends.tolist(), strict=True), strict=True))

    def places(self, value: int) -> _Places:
        """Where the value stands, ascending."""
        start, end = self._bounds.get(value, (0, 0))
        return self.order[start:end]

    def find(self, wanted: _Numbers) -> tuple[_Places, npt.NDArray[np.bool_]]:
        """For each number the group of its value, and whether there is one (else the group means nothing)."""
        if not len(self.values):
            return np.zeros(len(wanted), np.intp), np.zeros(len(wanted), np.bool_)
        at = np.minimum(np.searchsorted(self.values, wanted), len(self.values) - 1)
        return at, self.values[at] == wanted


class _Questions(NamedTuple):
    """Requests grouped by who asks and for what, groups of one MAC in order of their first request."""

    places: _Places
    """Place in the table of each request, group by group, in frame order."""
    starts: _Places
    ends: _Places
    """Where in ``places`` each group begins and ends."""
    by_mac: dict[int, list[int]]
    known: npt.NDArray[np.void]
    """Of each question its ``_KNOWN``."""


class ArpTable:
    """The ARP packets of one capture, marked duplicates left out.

    Args:
        arps: The scan's table of them, in frame order.
    """

    def __init__(self, arps: Table) -> None:
        self._table = arps[arps["dup_of"] == 0]
        self._row = row_reader(self._table, _READ)
        self._rivalry: dict[bytes, ArpMessages] = {}

    # --- messages -------------------------------------------------------------------------

    @property
    def messages(self) -> Sequence[ArpMessage]:
        """All of them in frame order."""
        return ArpMessages(self, np.arange(len(self._table)))

    def message(self, place: int) -> ArpMessage:
        """The message at one place of the table."""
        return _read(self._row(place))

    def moments(self, places: _Places) -> list[Moment]:
        """When the packets at some places of the table were seen."""
        frames, times = self._table["frame"][places].tolist(), self._table["time_ns"][places].tolist()
        return list(map(Moment, frames, times))

    # --- by address -----------------------------------------------------------------------

    @cached_property
    def _by_mac(self) -> _Index:
        return _Index(self._table["sender_mac"])

    @cached_property
    def _by_sender(self) -> _Index:
        return _Index(self._table["sender_ip"])

    @cached_property
    def _by_target(self) -> _Index:
        return _Index(self._table["target_ip"])

    def _sent_by(self, mac: bytes | None) -> _Places:
        return self._by_mac.places(_mac_number(mac))

    def sent_by(self, mac: bytes | None) -> Sequence[ArpMessage]:
        """What names the MAC as its sender's, in frame order."""
        return ArpMessages(self, self._sent_by(mac))

    def announced_by(self, mac: bytes | None) -> list[ArpMessage]:
        """Gratuitous ARP of a host, in frame order: it announces its own address (RFC 5227, section 1.1)."""
        return list(map(self.message, self._announcements.get(_mac_number(mac), ())))

    @cached_property
    def _announcements(self) -> dict[int, list[int]]:
        t = self._table
        return self._by_host((t["sender_ip"] == t["target_ip"]) & (t["sender_ip"] > 0))

    def probed_by(self, mac: bytes | None) -> list[ArpMessage]:
        """Probes of a host, in frame order: it asks without an address of its own (RFC 5227, section 1.1)."""
        return list(map(self.message, self._probes.get(_mac_number(mac), ())))

    @cached_property
    def _probes(self) -> dict[int, list[int]]:
        return self._by_host((self._table["sender_ip"] == 0) & (self._table["op"] == REQUEST))

    def _by_host(self, is_meant: npt.NDArray[np.bool_]) -> dict[int, list[int]]:
        """Places of some packets by sender MAC."""
        places = np.flatnonzero(is_meant)
        table: dict[int, list[int]] = {}
        for place, mac in zip(places.tolist(), self._table["sender_mac"][places].tolist(), strict=True):
            table.setdefault(mac, []).append(place)
        return table

    def address_of(self, mac: bytes) -> bytes | None:
        """The address that a host first gave as its own, but for 0.0.0.0."""
        place = self._first_claims.get(_mac_number(mac))
        return None if place is None else int(self._table["sender_ip"][place]).to_bytes(ADDRESS_SIZE, "big")

    @cached_property
    def _first_claims(self) -> dict[int, int]:
        """Per sender MAC the place of the first packet that gives an address."""
        places = np.flatnonzero(self._table["sender_ip"])
        macs, firsts = np.unique(self._table["sender_mac"][places], return_index=True)
        return dict(zip(macs.tolist(), places[firsts].tolist(), strict=True))

    def used_by(self, mac: bytes | None) -> list[tuple[bytes, int]]:
        """Addresses that a host gave as its own, but for 0.0.0.0, and when (ns), in frame order."""
        own = self._sent_by(mac)
        own = own[self._table["sender_ip"][own] > 0]
        found = zip(self._table["sender_ip"][own].tolist(), self._table["time_ns"][own].tolist(), strict=True)
        return [(address.to_bytes(ADDRESS_SIZE, "big"), time_ns) for address, time_ns in found]

    def naming(self, address: bytes) -> Sequence[ArpMessage]:
        """What names the address as its sender's, in frame order."""
        return ArpMessages(self, self._by_sender.places(_number(address)))

    def rivalry(self, address: bytes) -> Sequence[ArpMessage]:
        """The same; of more than MAX_CLAIMS only those where the sender changes, the first of them and the last."""
        known = self._rivalry.get(address)
        if known is None:
            claims = self._by_sender.places(_number(address))
            kept = claims if len(claims) <= MAX_CLAIMS else claims[_changes(self._table["sender_mac"][claims])]
            known = self._rivalry[address] = ArpMessages(self, kept)
        return known

    def asking_for(self, addresses: Iterable[bytes]) -> Sequence[ArpMessage]:
        """Requests for the addresses, by whomever, in frame order."""
        found = [self._by_target.places(_number(address)) for address in addresses]
        places = np.sort(np.concatenate(found)) if found else np.arange(0)
        return ArpMessages(self, places[self._table["op"][places] == REQUEST])

    @cached_property
    def owners(self) -> dict[bytes, frozenset[bytes]]:
        """Address -> MACs that named it as their own."""
        table: dict[bytes, set[bytes]] = {}
        for address, mac in self._pairs:
            table.setdefault(address, set()).add(mac)
        return {address: frozenset(macs) for address, macs in table.items()}

    @cached_property
    def claims(self) -> dict[bytes, set[bytes]]:
        """MAC -> addresses that it named as its own, but for 0.0.0.0."""
        table: dict[bytes, set[bytes]] = {}
        for address, mac in self._pairs:
            if address != bytes(ADDRESS_SIZE):
                table.setdefault(mac, set()).add(address)
        return table

    @cached_property
    def _pairs(self) -> list[tuple[bytes, bytes]]:
        """Each address and MAC that stood together as a sender's."""
        t = self._table
        firsts = np.unique(self._macs[0] << np.uint64(32) | t["sender_ip"], return_index=True)[1]
        found = zip(t["sender_ip"][firsts].tolist(), t["sender_mac"][firsts].tolist(), strict=True)
        return [(ip.to_bytes(ADDRESS_SIZE, "big"), mac.to_bytes(MAC_SIZE, "big")) for ip, mac in found]

    @cached_property
    def senders(self) -> list[tuple[bytes, int | None]]:
        """Each sender's MAC with the VLANs of its packets."""
        t = self._table
        firsts = np.unique(self._macs[0] << np.uint64(16) | t["vlan"], return_index=True)[1]
        found = zip(t["sender_mac"][firsts].tolist(), t["vlan"][firsts].tolist(), strict=True)
        return [(mac.to_bytes(MAC_SIZE, "big"), _vlan(vlan)) for mac, vlan in found]

    # --- questions ------------------------------------------------------------------------

    def questions(self, mac: bytes) -> list[ArpQuestion]:
        """What a host asked, one entry an address, in order of the first request; no probes, no announcements.

        A reply counts when it answers for the address to this host, or when the address shows
        itself in a request or an announcement (RFC 826 lets every ARP packet teach).
        """
        asked = self._questions
        return [ArpQuestion(self, group, asked.known[group].item()) for group in asked.by_mac.get(_mac_number(mac), ())]

    def requests(self, group: int) -> _Places:
        """Places of the requests of one question."""
        asked = self._questions
        return asked.places[asked.starts[group] : asked.ends[group]]

    def replies(self, group: int) -> _Places:
        """Places of the replies to one question."""
        asked = self._questions
        first = asked.places[asked.starts[group]]
        mac, target = self._table["sender_mac"][first], self._table["target_ip"][first]
        named = self._by_sender.places(int(target))
        named = named[np.searchsorted(named, first) :]
        is_heard = self._is_for_all[named] | (self._hearers[named] == mac)
        found: _Places = named[is_heard & (self._table["sender_mac"][named] != mac)]
        return found

    @cached_property
    def _is_for_all(self) -> npt.NDArray[np.bool_]:
        """Which packets teach everybody: requests and announcements, but for those that went to one host alone."""
        t = self._table
        is_alone = (t["dmac"] > 0) & (t["dmac"] >> np.uint64(40) & np.uint64(1) == 0)
        heard: npt.NDArray[np.bool_] = ((t["op"] == REQUEST) | (t["sender_ip"] == t["target_ip"])) & ~is_alone
        return heard

    @cached_property
    def _hearers(self) -> npt.NDArray[np.uint64]:
        """Whom packets are for that do not teach everybody; a request leaves out the MAC that it asks for."""
        t = self._table
        hearers: npt.NDArray[np.uint64] = np.where(t["op"] == REQUEST, t["dmac"], t["target_mac"])
        return hearers

    @cached_property
    def _macs(self) -> tuple[_Numbers, _Numbers]:
        """MAC of who sent each packet and of whom it is for, as small numbers that fit into half a word."""
        both = np.concatenate([self._table["sender_mac"], self._hearers])
        small = np.unique(both, return_inverse=True)[1].astype(np.uint64)
        return small[: len(self._table)], small[len(self._table) :]

    @cached_property
    def _questions(self) -> _Questions:
        t = self._table
        is_asking = (t["op"] == REQUEST) & (t["sender_ip"] != t["target_ip"]) & (t["sender_ip"] > 0)
        places = np.flatnonzero(is_asking)
        keys = self._macs[0][places] << np.uint64(32) | t["target_ip"][places]
        index = _Index(keys)
        places = places[index.order]
        firsts = places[index.starts]
        newest = np.maximum.reduceat(t["time_ns"][places], index.starts) if len(places) else places
        last = np.maximum(self._last_told(index.values), self._last_heard(firsts))
        is_answered = last > firsts
        answered = np.where(is_answered, t["time_ns"][last], 0)
        by_mac: dict[int, list[int]] = {}
        groups = np.argsort(firsts, kind="stable")
        for group, mac in zip(groups.tolist(), t["sender_mac"][firsts[groups]].tolist(), strict=True):
            by_mac.setdefault(mac, []).append(group)
        tries = index.ends - index.starts
        columns = (t["target_ip"][firsts], t["sender_ip"][firsts], tries, newest, answered, is_answered)
        known = np.empty(len(firsts), _KNOWN)
        for name, column in zip(_KNOWN.names or (), columns, strict=True):
            known[name] = column
        return _Questions(places, index.starts, index.ends, by_mac, known)

    def _last_told(self, keys: _Numbers) -> _Places:
        """For each MAC and address the place of the last reply to this MAC alone that names the address."""
        sender, target = self._macs
        places = np.flatnonzero(~self._is_for_all & (sender != target))
        index = _Index(target[places] << np.uint64(32) | self._table["sender_ip"][places])
        at, is_there = index.find(keys)
        found = np.full(len(keys), NEVER, np.intp)
        found[is_there] = places[index.order[index.ends[at[is_there]] - 1]]
        return found

    def _last_heard(self, firsts: _Places) -> _Places:
        """For each of these requests the place of the last packet of another MAC in which the address shows itself."""
        t = self._table
        places = np.flatnonzero(self._is_for_all)
        index = _Index(t["sender_ip"][places])
        arranged = places[index.order]
        if not len(arranged):
            return np.full(len(firsts), NEVER, np.intp)
        last = arranged[index.ends - 1]
        sizes = index.ends - index.starts
        is_rival = t["sender_mac"][arranged] != np.repeat(t["sender_mac"][last], sizes)
        second = np.maximum.reduceat(np.where(is_rival, arranged, NEVER), index.starts)
        at, is_there = index.find(t["target_ip"][firsts])
        found = np.where(t["sender_mac"][last[at]] != t["sender_mac"][firsts], last[at], second[at])
        heard: _Places = np.where(is_there, found, NEVER)
        return heard


def _read(row: tuple[int, ...]) -> ArpMessage:
    frame, time_ns, op, smac, dmac, sender_mac, target_mac, sender, target, vlan = row
    src, dst = sender.to_bytes(ADDRESS_SIZE, "big"), target.to_bytes(ADDRESS_SIZE, "big")
    at = Packet(frame, time_ns, src, 0, dst, 0, 0, packed_mac(smac), packed_mac(dmac), _vlan(vlan))
    return ArpMessage(at, op, sender_mac.to_bytes(MAC_SIZE, "big"), src, target_mac.to_bytes(MAC_SIZE, "big"), dst)


def _spread(places: _Places, limit: int) -> _Places:
    """All, or of more than the limit so many, evenly spread, the first and the last among them."""
    if len(places) <= limit:
        return places
    return places[[round(i * (len(places) - 1) / (limit - 1)) for i in range(limit)]]


def _changes(macs: _Numbers) -> _Places:
    """The places before and behind a change of the sender, with the first and the last of all; at most MAX_CLAIMS."""
    before = np.flatnonzero(macs[1:] != macs[:-1])
    kept = np.unique(np.concatenate([[0], before, before + 1, [len(macs) - 1]]))
    half = MAX_CLAIMS // 2
    return kept if len(kept) <= MAX_CLAIMS else np.concatenate([kept[:half], kept[-half:]])


def _vlan(number: int) -> int | None:
    return None if number == NO_VLAN else number


def _mac_number(mac: bytes | None) -> int:
    """A MAC as the table has it; one that stands nowhere for anything else."""
    return int.from_bytes(mac, "big") if mac is not None and len(mac) == MAC_SIZE else NEVER


def _number(address: bytes) -> int:
    """An IPv4 address as the table has it; one that stands nowhere for IPv6."""
    return int.from_bytes(address, "big") if len(address) == ADDRESS_SIZE else NEVER
