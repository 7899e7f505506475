"""The capture as one readable whole: packets, flows and messages, built when asked for.

The scan leaves numpy tables; this view turns rows into ``Packet`` objects and handed-over
payloads into events, only for the flows that somebody asks about.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from pcapaudit.dissect import conversation, dhcp, dhcp6, dns, eapol, icmp, neighbour, ntp, spanning_tree
from pcapaudit.flows.flow import Flow, build_flow
from pcapaudit.flows.fragments import Fragment, Joiner
from pcapaudit.flows.streams import Segment, assemble
from pcapaudit.model.events import (
    ArpMessage,
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
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.scan.columns import NO_FLOW, NO_VLAN, Kind
from pcapaudit.scan.result import ScanResult

UDP = 17
DNS_PORT = 53

_E = TypeVar("_E")
_DATAGRAMS: dict[Kind, Callable[[bytes, Packet], Event | Malformed]] = {
    Kind.DNS: dns.dissect,
    Kind.DHCP4: dhcp.dissect,
    Kind.DHCP6: dhcp6.dissect,
    Kind.NTP: ntp.dissect,
    Kind.ICMP: icmp.dissect,
    Kind.ICMP6: icmp.dissect,
    Kind.EAPOL: eapol.dissect,
    Kind.LLDP: neighbour.dissect,
    Kind.CDP: neighbour.dissect_cdp,
    Kind.STP: spanning_tree.dissect,
}


def packed_address(family: int, high: int, low: int) -> bytes:
    """Address bytes from the two halves that the scan keeps; empty when there is no address."""
    if family == 4:
        return int(low).to_bytes(4, "big")
    if family == 6:
        return int(high).to_bytes(8, "big") + int(low).to_bytes(8, "big")
    return b""


def packed_mac(value: int) -> bytes | None:
    """MAC bytes from the scan's integer; None for zero, which the scan uses for "not there"."""
    return int(value).to_bytes(6, "big") if value else None


class Traffic:
    """What was on the wire, as far as the capture shows it.

    Attributes:
        result: The scan's tables.
        notes: What the files say of themselves.
        events: Every datagram message in frame order, marked duplicates included.
        malformed: Messages that do not keep their protocol's form.
        end_ns: Silence was watched up to this time (ns UTC); never beyond ``until_ns``, where frames
            were left out.
    """

    def __init__(
        self, result: ScanResult, notes: CaptureNotes, *, now_ns: int | None = None, until_ns: int | None = None
    ) -> None:
        self.result = result
        self.notes = notes
        self.malformed: list[Malformed] = []
        self.start_ns = result.first_ns or 0
        end_ns = max(result.last_ns or 0, notes.watched_until_ns or 0, now_ns or 0)
        self.end_ns = end_ns if until_ns is None else min(end_ns, until_ns)
        self._flows: dict[int, Flow] = {}
        self._conversations: dict[int, list[Event]] = {}
        self._segments: dict[int, list[int]] = defaultdict(list)
        self.unjoined_fragments = 0
        self.memo: dict[str, Any] = {}
        """Tables that other modules of this room derive once per capture."""
        self.events: list[Event] = list(self._read_handed())
        self.events.extend(self._read_arps())
        self.events.sort(key=lambda e: e.at.frame)
        self._by_type: dict[type, list[Event]] = defaultdict(list)
        for event in self.events:
            self._by_type[type(event)].append(event)

    # --- packets and flows ----------------------------------------------------------------

    @cached_property
    def _row_order(self) -> tuple[np.ndarray, np.ndarray]:
        flow_of = self.result.rows["flow"]
        order = np.argsort(flow_of, kind="stable")
        return order, np.searchsorted(flow_of[order], np.arange(len(self.result.flows) + 1))

    @cached_property
    def _ends(self) -> list[tuple[bytes, int, bytes, int, int]]:
        """Per flow: address and port of side a, of side b, protocol."""
        f = self.result.flows
        columns = (f[n].tolist() for n in ("family", "a_hi", "a_lo", "a_port", "b_hi", "b_lo", "b_port", "proto"))
        return [
            (packed_address(fam, ah, al), ap, packed_address(fam, bh, bl), bp, proto)
            for fam, ah, al, ap, bh, bl, bp, proto in zip(*columns, strict=True)
        ]

    def ends(self, flow: int) -> tuple[bytes, int, bytes, int, int]:
        """Address and port of side a, address and port of side b, IP protocol of a flow."""
        return self._ends[flow]

    def packet(self, row: int) -> Packet:
        """The logged packet of one row."""
        r = self.result.rows[row]
        flow, side, vlan = int(r["flow"]), int(r["side"]), int(r["vlan"])
        a, a_port, b, b_port, proto = (b"", 0, b"", 0, 0) if flow == NO_FLOW else self._ends[flow]
        src, sport, dst, dport = (a, a_port, b, b_port) if side == 0 else (b, b_port, a, a_port)
        return Packet(
            frame=int(r["frame"]),
            time_ns=int(r["time_ns"]),
            src=src,
            sport=sport,
            dst=dst,
            dport=dport,
            proto=proto,
            smac=packed_mac(r["smac"]),
            dmac=packed_mac(r["dmac"]),
            vlan=None if vlan == NO_VLAN else vlan,
            ttl=int(r["ttl"]),
            ip_id=int(r["ip_id"]) & 0xFFFF,
            ip_len=int(r["ip_len"]),
            payload_len=int(r["payload_len"]),
            flags=int(r["flags"]) & 0xFF,
            seq=int(r["seq"]),
            ack=int(r["ack"]),
            window=int(r["window"]),
            dup_of=int(r["dup_of"]),
            dont_fragment=bool(r["dont_fragment"]),
        )

    def packets(self, flow: int) -> list[Packet]:
        """Logged packets of a flow in frame order, marked duplicates left out."""
        order, bounds = self._row_order
        packets = (self.packet(int(row)) for row in order[bounds[flow] : bounds[flow + 1]])
        return [p for p in packets if not p.dup_of]

    def flow(self, index: int) -> Flow:
        """One flow, oriented from originator to responder, with its packets."""
        if index not in self._flows:
            self._flows[index] = build_flow(index, self.result.flows[index], self._ends[index], self.packets(index))
        return self._flows[index]

    @cached_property
    def flows_by_address(self) -> dict[bytes, list[int]]:
        """Address -> flows that it takes part in, in order of their first frame."""
        table: dict[bytes, list[int]] = defaultdict(list)
        for index, (a, _, b, _, _) in enumerate(self._ends):
            table[a].append(index)
            if b != a:
                table[b].append(index)
        return table

    # --- messages -------------------------------------------------------------------------

    def all(self, kind: type[_E]) -> list[_E]:
        """Datagram messages of one class in frame order, marked duplicates left out."""
        return [e for e in self._by_type[kind] if not e.at.dup_of]  # type: ignore[misc]

    @cached_property
    def dns(self) -> list[DnsMessage]:
        """DNS over UDP, and over TCP where its stream is there, in frame order, duplicates left out."""
        return sorted(self.all(DnsMessage) + self._dns_over_tcp(), key=lambda m: m.at.frame)

    @cached_property
    def dns_by_asker(self) -> dict[bytes, list[DnsMessage]]:
        """DNS messages by the address that asked: the sender of a query, the receiver of an answer."""
        table: dict[bytes, list[DnsMessage]] = defaultdict(list)
        for m in self.dns:
            table[m.at.dst if m.is_response else m.at.src].append(m)
        return table

    @cached_property
    def dns_answerers(self) -> frozenset[bytes]:
        """Addresses that answered a DNS question."""
        return frozenset(m.at.src for m in self.dns if m.is_response)

    def ntp_of(self, addresses: Iterable[bytes]) -> list[NtpMessage]:
        """NTP messages to or from the addresses, in frame order."""
        return _gathered(self._ntp_by_address, addresses)

    def icmp_of(self, addresses: Iterable[bytes]) -> list[IcmpMessage]:
        """ICMP messages to or from the addresses, or about a packet that they sent, in frame order."""
        return _gathered(self._icmp_by_address, addresses)

    @cached_property
    def _ntp_by_address(self) -> dict[bytes, list[NtpMessage]]:
        table: dict[bytes, list[NtpMessage]] = defaultdict(list)
        for m in self.ntp:
            for address in {m.at.src, m.at.dst}:
                table[address].append(m)
        return table

    @cached_property
    def _icmp_by_address(self) -> dict[bytes, list[IcmpMessage]]:
        table: dict[bytes, list[IcmpMessage]] = defaultdict(list)
        for m in self.icmp:
            for address in {m.at.src, m.at.dst} | ({m.quoted.src} if m.quoted is not None else set()):
                table[address].append(m)
        return table

    @cached_property
    def names(self) -> dict[bytes, list[str]]:
        """Address -> the names that were asked for it, by whichever host, in order of the answers."""
        table: dict[bytes, dict[str, None]] = defaultdict(dict)
        for m in self.dns:
            for record in m.answers:
                if isinstance(record.data, bytes) and m.question:
                    table[record.data][m.question] = None
        return {address: list(names) for address, names in table.items()}

    @cached_property
    def dhcp_by_client(self) -> dict[bytes, list[DhcpMessage]]:
        """DHCPv4 messages by the client's hardware address."""
        table: dict[bytes, list[DhcpMessage]] = defaultdict(list)
        for m in self.dhcp:
            table[m.chaddr].append(m)
        return table

    @cached_property
    def _arp_tables(self) -> tuple[dict[bytes, list[ArpMessage]], dict[bytes, list[ArpMessage]]]:
        """ARP packets by sender MAC and by sender address."""
        by_mac: dict[bytes, list[ArpMessage]] = defaultdict(list)
        by_address: dict[bytes, list[ArpMessage]] = defaultdict(list)
        for m in self.arp:
            by_mac[m.sender_mac].append(m)
            by_address[m.sender_ip].append(m)
        return by_mac, by_address

    def arps_about(self, mac: bytes) -> list[ArpMessage]:
        """ARP packets of a MAC, and those sent by the addresses that it asked for, in frame order."""
        by_mac, by_address = self._arp_tables
        own = by_mac.get(mac, [])
        asked = {m.target_ip for m in own if m.op == 1}
        taught = (m for target in asked for m in by_address.get(target, ()) if m.sender_mac != mac)
        return sorted([*own, *taught], key=lambda m: m.at.frame)

    @cached_property
    def dhcp(self) -> list[DhcpMessage]:
        """DHCPv4 messages."""
        return self.all(DhcpMessage)

    @cached_property
    def dhcp6(self) -> list[Dhcp6Message]:
        """DHCPv6 messages."""
        return self.all(Dhcp6Message)

    @cached_property
    def arp(self) -> list[ArpMessage]:
        """ARP packets."""
        return self.all(ArpMessage)

    @cached_property
    def icmp(self) -> list[IcmpMessage]:
        """ICMP and ICMPv6 messages."""
        return self.all(IcmpMessage)

    @cached_property
    def ntp(self) -> list[NtpMessage]:
        """NTP messages."""
        return self.all(NtpMessage)

    @cached_property
    def eapol(self) -> list[EapolFrame]:
        """802.1X frames."""
        return self.all(EapolFrame)

    @cached_property
    def neighbours(self) -> list[Neighbour]:
        """LLDP and CDP announcements."""
        return self.all(Neighbour)

    @cached_property
    def spanning_tree(self) -> list[SpanningTree]:
        """Bridge protocol data units."""
        return self.all(SpanningTree)

    def conversation(self, flow: int) -> list[Event]:
        """What the two sides of a TCP flow said, as far as a dissector knows the protocol."""
        if flow not in self._conversations:
            self._conversations[flow] = self._read_conversation(flow)
        return self._conversations[flow]

    def dns_counters(self) -> dict[str, int | dict[str, int]]:
        """The report's DNS counters: every message counts, duplicates too (report contract)."""
        messages = [m for m in self._by_type[DnsMessage] if isinstance(m, DnsMessage)] + self._dns_over_tcp()
        responses = [m for m in messages if m.is_response]
        rcodes = Counter(dns.rcode_name(m.rcode) for m in responses)
        return {
            "dns_queries": len(messages) - len(responses),
            "dns_responses": len(responses),
            "dns_rcodes": dict(sorted(rcodes.items())),
        }

    # --- reading --------------------------------------------------------------------------

    def _dns_over_tcp(self) -> list[DnsMessage]:
        flows = self.result.flows
        on_port = (flows["proto"] == 6) & ((flows["a_port"] == DNS_PORT) | (flows["b_port"] == DNS_PORT))
        found = (e for index in np.flatnonzero(on_port).tolist() for e in self.conversation(index))
        return [e for e in found if isinstance(e, DnsMessage)]

    def _read_handed(self) -> Iterable[Event]:
        joiner = Joiner()
        rows = self.result.rows
        for index, (row, kind) in enumerate(
            zip(self.result.handed["row"].tolist(), self.result.handed["kind"].tolist(), strict=True)
        ):
            if kind == Kind.TCP:
                self._segments[int(rows[row]["flow"])].append(index)
            elif kind == Kind.FRAGMENT:
                yield from self._kept(self._read_fragment(index, row, joiner))
            else:
                yield from self._kept(_DATAGRAMS[Kind(kind)](self._payload(index), self.packet(row)))
        self.unjoined_fragments = joiner.unfinished()

    def _kept(self, event: Event | Malformed | None) -> Iterable[Event]:
        if isinstance(event, Malformed):
            self.malformed.append(event)
        elif event is not None:
            yield event

    def _payload(self, index: int) -> bytes:
        return self.result.payload(index)

    def _read_fragment(self, index: int, row: int, joiner: Joiner) -> Event | Malformed | None:
        entry = self.result.rows[row]
        at = self.packet(row)
        ident, offset, has_more = int(entry["ip_id"]), int(entry["fragment_offset"]), bool(entry["more_fragments"])
        whole = joiner.add(Fragment(at, ident, offset, has_more, self._payload(index)))
        if whole is None or at.proto != UDP or len(whole) < 8:
            return None
        sport, dport = int.from_bytes(whole[:2], "big"), int.from_bytes(whole[2:4], "big")
        if DNS_PORT not in (sport, dport):
            return None
        return dns.dissect(whole[8:], _with_ports(at, sport, dport, len(whole) - 8))

    def _read_arps(self) -> Iterable[ArpMessage]:
        columns = (
            "frame",
            "time_ns",
            "op",
            "smac",
            "dmac",
            "sender_mac",
            "target_mac",
            "sender_ip",
            "target_ip",
            "vlan",
        )
        for *row, dup_of in self.result.arps[[*columns, "dup_of"]].tolist():
            frame, time_ns, op, smac, dmac, sender_mac, target_mac, sender, target, vlan = row
            src, dst = sender.to_bytes(4, "big"), target.to_bytes(4, "big")
            at = Packet(
                frame,
                time_ns,
                src,
                0,
                dst,
                0,
                0,
                packed_mac(smac),
                packed_mac(dmac),
                None if vlan == NO_VLAN else vlan,
                dup_of=dup_of,
            )
            yield ArpMessage(at, op, sender_mac.to_bytes(6, "big"), src, target_mac.to_bytes(6, "big"), dst)

    def _read_conversation(self, flow: int) -> list[Event]:
        segments = [
            Segment(self.packet(int(self.result.handed[i]["row"])), self._payload(i))
            for i in self._segments.get(flow, ())
        ]
        if not segments:
            return []
        known = self.flow(flow)
        sent = [s for s in segments if not s.at.dup_of and (s.at.src, s.at.sport) == known.orig]
        answered = [s for s in segments if not s.at.dup_of and (s.at.src, s.at.sport) != known.orig]
        orig, resp = assemble(sent, known.orig_isn), assemble(answered, known.resp_isn)
        events: list[Event] = []
        for event in conversation.read(orig, resp, port=known.resp[1]):
            events.extend(self._kept(event))
        return events


_M = TypeVar("_M", NtpMessage, IcmpMessage)


def _gathered(table: dict[bytes, list[_M]], addresses: Iterable[bytes]) -> list[_M]:
    """Each message of the addresses once, in frame order."""
    found = {id(m): m for address in addresses for m in table.get(address, ())}
    return sorted(found.values(), key=lambda m: m.at.frame)


def _with_ports(at: Packet, sport: int, dport: int, payload_len: int) -> Packet:
    return replace(at, sport=sport, dport=dport, payload_len=payload_len)
