"""What single datagrams say: DNS, DHCP, NTP, ICMP and their like, read kind by kind when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

from pcapaudit.dissect import cdp, dhcp, dhcp6, dns, eapol, icmp, lldp, ntp, spanning_tree
from pcapaudit.flows.fragments import Fragment, Joiner
from pcapaudit.flows.packets import PacketLog
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
_E = TypeVar("_E")
_Read: TypeAlias = Event | Malformed
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


class Repeats:
    """Reads datagrams; one that says the same as another is read once and set to the other packet.

    DNS messages may differ in their transaction id: a network asks for few names, very often.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, bytes, bool], Any] = {}

    def read(self, kind: int, payload: bytes, at: Packet) -> _Read:
        """What the payload says, or how it breaks its protocol's form."""
        is_dns = kind == Kind.DNS
        key = (kind, payload[2:] if is_dns else payload, len(payload) >= at.payload_len)
        known = self._known.get(key)
        if known is None:
            return self._read_new(key, payload, at)
        own = (at, known[1], int.from_bytes(payload[:2], "big")) if type(known) is DnsMessage else (at, *known[1:3])
        # What a call of the class does, without the function before it: this runs for every datagram.
        found: _Read = tuple.__new__(type(known), own + known[3:])
        return found

    def _read_new(self, key: tuple[int, bytes, bool], payload: bytes, at: Packet) -> _Read:
        found = _DISSECTORS[key[0]](payload, at)
        if len(payload) <= MAX_REPEATED:
            if len(self._known) >= MAX_READINGS:
                self._known.clear()
            self._known[key] = found
        return found


class _Joined(NamedTuple):
    """What came in fragments.

    ``openings`` are the first fragments of UDP datagrams of which no other piece, or not every one, came.
    """

    read: list[_Read]
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
        self._read: dict[type, list[_Read]] = {}

    def of(self, kind: type[_E]) -> list[_E]:
        """Messages of one class in frame order, marked duplicates included."""
        return [e for e in self._read_class(kind) if isinstance(e, kind)]

    @property
    def malformed(self) -> list[Malformed]:
        """Messages that do not keep their protocol's form, in frame order."""
        found = (e for kind in _KINDS for e in self._read_class(kind) if isinstance(e, Malformed))
        return sorted(found, key=_FRAME)

    @property
    def lone_openings(self) -> list[Packet]:
        """First fragments of UDP datagrams of which no other piece, or not every one, came."""
        return self._joined.openings

    @property
    def unjoined_fragments(self) -> int:
        """Datagrams of which a piece is missing."""
        return self._joined.unfinished

    def _read_class(self, kind: type) -> list[_Read]:
        known = self._read.get(kind)
        if known is None:
            known = [e for k in _KINDS[kind] for e in self._read_kind(k)]
            if kind is DnsMessage:
                known += self._joined.read
            known.sort(key=_FRAME)
            self._read[kind] = known
        return known

    def _read_kind(self, kind: Kind) -> Iterator[_Read]:
        handed = self._result.handed[self._result.handed["kind"] == kind]
        packets, payloads = self._log.packets_at(handed["row"]), self._payloads(handed)
        return (self._repeats.read(kind, payload, at) for at, payload in zip(packets, payloads, strict=True))

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
        found = (self._read_fragment(index, int(handed["row"][index]), joiner) for index in places)
        read = [e for e in found if e is not None]
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


def _opening_of(fragment: Fragment) -> Packet | None:
    """The first fragment of a UDP datagram with its ports; None for other protocols and cut headers."""
    data = fragment.data
    if fragment.at.proto != UDP or len(data) < 8:
        return None
    sport, dport = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
    return _with_ports(fragment.at, sport, dport, len(data) - 8)


def _with_ports(at: Packet, sport: int, dport: int, payload_len: int) -> Packet:
    return at._replace(sport=sport, dport=dport, payload_len=payload_len)
