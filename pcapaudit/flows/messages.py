"""What single datagrams say: DNS, DHCP, NTP, ICMP and their like, read kind by kind when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from operator import attrgetter
from typing import NamedTuple, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from pcapaudit.dissect import cdp, dhcp, dhcp6, dns, eapol, icmp, lldp, ntp, spanning_tree
from pcapaudit.flows.fragments import Fragment, Joiner
from pcapaudit.flows.packets import PacketLog
from pcapaudit.flows.said import COLUMNS, NOBODY, Said, set_to
from pcapaudit.model.events import (
    Dhcp6Message,
    DhcpMessage,
    DnsMessage,
    EapolFrame,
    Event,
    IcmpMessage,
    Malformed,
    Neighbour,
    NtpMessage,
    Packet,
    SpanningTree,
)
from pcapaudit.scan.columns import Kind, Table
from pcapaudit.scan.result import ScanResult

UDP = 17
DNS_PORT = 53
MAX_READINGS = 4096
"""Different payloads that are remembered with what they say."""
MAX_REPEATED = 512
"""Bytes of the longest payload that is remembered: no question and hardly an answer is longer (RFC 1035, 2.3.4)."""

WINDOW = 1 << 16
"""Bytes that are fetched at a time; messages lie far apart among the data of connections."""

_FRAME = attrgetter("at.frame")
_E = TypeVar("_E", bound=Event)
_Read: TypeAlias = Event | Malformed
_Columns: TypeAlias = npt.NDArray[np.void]
_KINDS: dict[type, tuple[Kind, ...]] = {
    DnsMessage: (Kind.DNS,),
    DhcpMessage: (Kind.DHCP4,),
    Dhcp6Message: (Kind.DHCP6,),
    NtpMessage: (Kind.NTP,),
    IcmpMessage: (Kind.ICMP, Kind.ICMP6),
    EapolFrame: (Kind.EAPOL,),
    Neighbour: (Kind.LLDP, Kind.CDP),
    SpanningTree: (Kind.STP,),
}
"""What a message of each class may have been handed over as; a DNS message in pieces came as fragments."""
_DISSECTORS: dict[int, Callable[[bytes, Packet], _Read]] = {
    Kind.DNS: dns.dissect,
    Kind.DHCP4: dhcp.dissect,
    Kind.DHCP6: dhcp6.dissect,
    Kind.NTP: ntp.dissect,
    Kind.ICMP: icmp.dissect,
    Kind.ICMP6: icmp.dissect,
    Kind.EAPOL: eapol.dissect,
    Kind.LLDP: lldp.dissect,
    Kind.CDP: cdp.dissect,
    Kind.STP: spanning_tree.dissect,
}


_OFTEN = frozenset({Kind.DNS, Kind.NTP})
"""Of these a large capture has hundreds of thousands: they are kept in columns. Of the others each message is made."""


class Repeats:
    """Reads datagrams; one that says the same as another is read once.

    DNS messages may differ in their transaction id: a network asks for few names, very often.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, bytes, bool], _Read] = {}

    def read(self, kind: int, payload: bytes, *, is_whole: bool, at: Callable[[], Packet]) -> _Read:
        """What the payload says, or how it breaks its protocol's form; its packet is ``NOBODY``.

        Args:
            kind: As what it was handed over.
            payload: The bytes that were captured.
            is_whole: The snap length cut nothing.
            at: Gives the packet, for one that says something new.
        """
        key = (kind, payload[2:] if kind == Kind.DNS else payload, is_whole)
        known = self._known.get(key)
        return self._read_new(key, payload, at()) if known is None else known

    def _read_new(self, key: tuple[int, bytes, bool], payload: bytes, at: Packet) -> _Read:
        found: _Read = _DISSECTORS[key[0]](payload, at)._replace(at=NOBODY)
        if len(payload) <= MAX_REPEATED:
            if len(self._known) >= MAX_READINGS:
                self._known.clear()
            self._known[key] = found
        return found


class _Joined(NamedTuple):
    """What came in fragments.

    ``openings`` are the first fragments of UDP datagrams of which no other piece, or not every one, came.
    """

    read: list[tuple[int, _Read]]
    """Each with the row of the packet that completed it."""
    openings: list[Packet]
    unfinished: int


class Messages:
    """The datagrams that one capture's scan handed over.

    Args:
        result: The scan's tables.
        log: Its packets.
    """

    def __init__(self, result: ScanResult, log: PacketLog) -> None:
        self._result = result
        self._log = log
        self._repeats = Repeats()
        self._read: dict[type, Said[_Read]] = {}

    def of(self, kind: type[_E]) -> Said[_E]:
        """Messages of one class in frame order, marked duplicates included."""
        return cast("Said[_E]", self._read_class(kind).saying(lambda e: isinstance(e, kind)).trimmed())

    def first_copies(self, kind: type[_E]) -> Said[_E]:
        """The same, marked duplicates left out."""
        found = self.of(kind)
        return found.at(np.flatnonzero(self._result.rows["dup_of"][found.columns["row"]] == 0))

    @property
    def malformed(self) -> list[Malformed]:
        """Messages that do not keep their protocol's form, in frame order."""
        found = (e for kind in _KINDS for e in self._read_class(kind).saying(lambda e: isinstance(e, Malformed)))
        return sorted(cast("Iterator[Malformed]", found), key=_FRAME)

    @property
    def lone_openings(self) -> list[Packet]:
        """First fragments of UDP datagrams of which no other piece, or not every one, came."""
        return self._joined.openings

    @property
    def unjoined_fragments(self) -> int:
        """Datagrams of which a piece is missing."""
        return self._joined.unfinished

    def _read_class(self, kind: type) -> Said[_Read]:
        known = self._read.get(kind)
        if known is None:
            readings: list[_Read] = []
            parts = [self._read_kind(k, readings) for k in _KINDS[kind]]
            if kind is DnsMessage:
                parts.append(_each(np.array([row for row, _ in self._joined.read], np.uint32), len(readings)))
                readings += [reading for _, reading in self._joined.read]
            columns = np.concatenate(parts)
            columns = columns[np.argsort(self._result.rows["frame"][columns["row"]], kind="stable")]
            known = self._read[kind] = Said(self._log.packet, readings, columns)
        return known

    def _read_kind(self, kind: Kind, readings: list[_Read]) -> _Columns:
        """The messages handed over as one kind; what they say is put to the readings."""
        handed = self._result.handed[self._result.handed["kind"] == kind]
        columns = _each(handed["row"], len(readings))
        if kind in _OFTEN:
            known: dict[int, int] = {}
            numbers, idents = [], []
            for _, ident, reading in self._readings(kind, handed):
                number = known.setdefault(id(reading), len(readings))
                if number == len(readings):
                    readings.append(reading)
                numbers.append(number)
                idents.append(ident)
            columns["reading"], columns["ident"] = numbers, idents
        else:
            packet = self._log.packet
            readings += (set_to(reading, packet(row), ident) for row, ident, reading in self._readings(kind, handed))
        return columns

    def _readings(self, kind: Kind, handed: Table) -> Iterator[tuple[int, int, _Read]]:
        """Row, transaction id and reading of each entry."""
        read, packet, rows = self._repeats.read, self._log.packet, handed["row"]
        sizes = self._result.rows["payload_len"][rows].tolist()
        for row, size, payload in zip(rows.tolist(), sizes, self._payloads(handed), strict=True):
            reading = read(kind, payload, is_whole=len(payload) >= size, at=partial(packet, row))
            yield row, int.from_bytes(payload[:2], "big"), reading

    def _payloads(self, handed: Table) -> Iterator[bytes]:
        """The bytes of each entry; those that lie near to each other are fetched at once."""
        blob, window, begin = self._result.blob, b"", 0
        for start, length in zip(handed["start"].tolist(), handed["length"].tolist(), strict=True):
            if start < begin or start + length > begin + len(window):
                window, begin = bytes(blob[start : start + max(WINDOW, length)]), start
            yield window[start - begin : start - begin + length]

    @cached_property
    def _joined(self) -> _Joined:
        joiner = Joiner()
        handed = self._result.handed
        places = np.flatnonzero(handed["kind"] == Kind.FRAGMENT).tolist()
        rows = handed["row"][places].tolist()
        found = ((row, self._read_fragment(index, row, joiner)) for index, row in zip(places, rows, strict=True))
        read = [(row, e) for row, e in found if e is not None]
        openings = [at for at in map(_opening_of, joiner.openings()) if at is not None]
        return _Joined(read, openings, joiner.unfinished())

    def _read_fragment(self, index: int, row: int, joiner: Joiner) -> _Read | None:
        entry = self._result.rows[row]
        at = self._log.packet(row)
        ident, offset, has_more = int(entry["ip_id"]), int(entry["fragment_offset"]), bool(entry["more_fragments"])
        whole = joiner.add(Fragment(at, ident, offset, has_more, self._result.payload(index)))
        if whole is None or at.proto != UDP or len(whole) < 8:
            return None
        sport, dport = int.from_bytes(whole[:2], "big"), int.from_bytes(whole[2:4], "big")
        if DNS_PORT not in (sport, dport):
            return None
        return dns.dissect(whole[8:], _with_ports(at, sport, dport, len(whole) - 8))


def _each(rows: npt.NDArray[np.uint32], first: int) -> _Columns:
    """Columns of messages of which each says something of its own, the first of them the reading of this number."""
    columns = np.zeros(len(rows), COLUMNS)
    columns["row"] = rows
    columns["reading"] = np.arange(first, first + len(rows))
    return columns


def _opening_of(fragment: Fragment) -> Packet | None:
    """The first fragment of a UDP datagram with its ports; None for other protocols and cut headers."""
    data = fragment.data
    if fragment.at.proto != UDP or len(data) < 8:
        return None
    sport, dport = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
    return _with_ports(fragment.at, sport, dport, len(data) - 8)


def _with_ports(at: Packet, sport: int, dport: int, payload_len: int) -> Packet:
    return at._replace(sport=sport, dport=dport, payload_len=payload_len)
