"""The capture as one readable whole: packets, flows and messages, built when asked for.

The scan leaves numpy tables; this view turns rows into ``Packet`` objects and handed-over
payloads into events, only for the flows that somebody asks about.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from pcapaudit.dissect import cdp, conversation, dhcp, dhcp6, dns, eapol, icmp, lldp, ntp, spanning_tree
from pcapaudit.flows.flow import Flow, build_flow
from pcapaudit.flows.fragments import Fragment, Joiner
from pcapaudit.flows.outline import Outline, Outlines
from pcapaudit.flows.packets import Ends, PacketLog, packed_mac
from pcapaudit.flows.streams import assemble
from pcapaudit.model.addresses import translated
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
from pcapaudit.scan.columns import NO_VLAN, Kind
from pcapaudit.scan.result import ScanResult

UDP = 17
DNS_PORT = 53
MAX_HELD = 200_000
"""Packets of flows that are kept at one time (about 400 bytes each); what is asked for again is read again."""
GRAINS_NS, MIN_STAMPS = (1_000_000_000, 10_000_000, 1_000_000), 50
MAX_EVENTS = 50_000
"""Messages of TCP conversations that are kept at one time; the conversation read longest ago is given up first."""

_E = TypeVar("_E")
_DATAGRAMS: dict[int, Callable[[bytes, Packet], Event | Malformed]] = {
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


class Traffic:
    """What was on the wire, as far as the capture shows it.

    Attributes:
        result: The scan's tables.
        notes: What the files say of themselves.
        events: Every datagram message in frame order, marked duplicates included.
        lone_openings: First fragments of UDP datagrams of which no other piece, or not every one, came.
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
        self._log = PacketLog(result)
        self._flows: dict[int, Flow] = {}
        self._loaded: deque[tuple[Flow, int]] = deque()
        self._held = 0
        self._conversations: OrderedDict[int, list[Event]] = OrderedDict()
        self._kept_events = 0
        self._told: set[int] = set()
        self.unjoined_fragments = 0
        self.lone_openings: list[Packet] = []
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
    def _outlines(self) -> Outlines:
        return Outlines(self.result, self._log.ends)

    def ends(self, flow: int) -> Ends:
        """Address and port of side a, address and port of side b, IP protocol of a flow."""
        return self._log.ends[flow]

    @cached_property
    def flow_macs(self) -> list[tuple[int, int]]:
        """Per flow the source MAC first seen of side a and of side b, as numbers; 0 is none."""
        flows = self.result.flows
        return list(zip(flows["a_mac"].tolist(), flows["b_mac"].tolist(), strict=True))

    def packet(self, row: int) -> Packet:
        """The logged packet of one row."""
        return self._log.packet(row)

    def packets(self, flow: int) -> list[Packet]:
        """Logged packets of a flow in frame order, marked duplicates left out."""
        return self._log.packets(flow)

    def outline(self, index: int) -> Outline:
        """One flow in a few numbers, oriented from originator to responder."""
        return self._outlines.outline(index)

    def flow(self, index: int) -> Flow:
        """One flow, oriented from originator to responder, with its packets."""
        if index not in self._flows:
            opener = self._outlines.opener(index)
            self._flows[index] = build_flow(index, self.result.flows[index], self.ends(index), opener, self._load)
        return self._flows[index]

    def _load(self, flow: Flow) -> list[Packet]:
        """Packets of a flow; the flows whose packets were read longest ago forget theirs."""
        packets = self.packets(flow.index)
        self._loaded.append((flow, len(packets)))
        self._held += len(packets)
        while self._held > MAX_HELD and len(self._loaded) > 1:
            oldest, size = self._loaded.popleft()
            oldest.release()
            self._held -= size
        return packets

    @cached_property
    def flows_by_address(self) -> dict[bytes, list[int]]:
        """Address -> flows that it takes part in, in order of their first frame."""
        table: dict[bytes, list[int]] = defaultdict(list)
        for index, (a, _, b, _, _) in enumerate(self._log.ends):
            table[a].append(index)
            if b != a:
                table[b].append(index)
        return table

    @cached_property
    def grain_ns(self) -> int:
        """What coarse time stamps are multiples of (CAP-COARSE-TIME); 0 for fine ones.

        A short capture, or one in which hardly two frames bear the same stamp, may have round times by chance.
        """
        times = self.result.rows["time_ns"]
        shared = int((times[1:] == times[:-1]).sum())
        if len(times) < MIN_STAMPS or self.notes.untimed_frames or shared < len(times) // 5:
            return 0
        return next((grain for grain in GRAINS_NS if not (times % grain).any()), 0)

    @cached_property
    def cut_flows(self) -> frozenset[int]:
        """Flows of which the snap length cut packets."""
        rows = self.result.rows
        return frozenset(rows["flow"][rows["cut"] == 1].tolist())

    @cached_property
    def answered_flows(self) -> dict[tuple[int, bytes, int], list[int]]:
        """Protocol, address and port of a responder -> flows in which it sent something, in order."""
        table: dict[tuple[int, bytes, int], list[int]] = defaultdict(list)
        for outline in map(self.outline, range(len(self.result.flows))):
            if outline.received.packets:
                table[outline.proto, *outline.resp].append(outline.index)
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
    def translated_addresses(self) -> dict[bytes, bytes]:
        """IPv6 addresses of the capture that stand for an IPv4 address behind a NAT64, and that address."""
        found = ((address, translated(address)) for address in self.flows_by_address)
        return {six: four for six, four in found if four is not None}

    @cached_property
    def dhcp_by_client(self) -> dict[bytes, list[DhcpMessage]]:
        """DHCPv4 messages by the client's hardware address."""
        table: dict[bytes, list[DhcpMessage]] = defaultdict(list)
        for m in self.dhcp:
            table[m.chaddr].append(m)
        return table

    @cached_property
    def arps_by_mac(self) -> dict[bytes, list[ArpMessage]]:
        """ARP packets by sender MAC."""
        table: dict[bytes, list[ArpMessage]] = defaultdict(list)
        for m in self.arp:
            table[m.sender_mac].append(m)
        return table

    @cached_property
    def _arps_for(self) -> dict[tuple[bytes, bytes | None], list[ArpMessage]]:
        """ARP packets by sender address and by whom they teach: the MAC that is answered, None for all who hear it."""
        table: dict[tuple[bytes, bytes | None], list[ArpMessage]] = defaultdict(list)
        for m in self.arp:
            is_for_all = m.op == 1 or m.sender_ip == m.target_ip
            table[m.sender_ip, None if is_for_all else m.target_mac].append(m)
        return table

    def arps_about(self, mac: bytes) -> list[ArpMessage]:
        """ARP packets of a MAC, and those that teach it an address that it asked for, in frame order."""
        own = self.arps_by_mac.get(mac, [])
        asked = {m.target_ip for m in own if m.op == 1}
        keys = ((target, whom) for target in asked for whom in (mac, None))
        taught = (m for key in keys for m in self._arps_for.get(key, ()) if m.sender_mac != mac)
        return sorted([*own, *taught], key=lambda m: m.at.frame)

    def arps_from(self, address: bytes) -> list[ArpMessage]:
        """ARP packets that name the address as their sender's, in frame order."""
        return self._arps_by_sender.get(address, [])

    @cached_property
    def _arps_by_sender(self) -> dict[bytes, list[ArpMessage]]:
        table: dict[bytes, list[ArpMessage]] = defaultdict(list)
        for m in self.arp:
            table[m.sender_ip].append(m)
        return table

    @cached_property
    def arp_owners(self) -> dict[bytes, frozenset[bytes]]:
        """Address -> MACs that named it as their own."""
        return {a: frozenset(m.sender_mac for m in found) for a, found in self._arps_by_sender.items()}

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
        known = self._conversations.get(flow)
        if known is None:
            known = self._conversations[flow] = self._read_conversation(flow)
            self._kept_events += len(known)
            while self._kept_events > MAX_EVENTS and len(self._conversations) > 1:
                self._kept_events -= len(self._conversations.popitem(last=False)[1])
        return known

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
        """The messages of single datagrams; TCP is read connection by connection when it is asked for."""
        joiner = Joiner()
        handed = self.result.handed
        places = np.flatnonzero(handed["kind"] != Kind.TCP)
        rows, kinds = handed["row"][places].tolist(), handed["kind"][places].tolist()
        for index, row, kind in zip(places.tolist(), rows, kinds, strict=True):
            if kind == Kind.FRAGMENT:
                yield from self._kept(self._read_fragment(index, row, joiner))
            else:
                yield from self._kept(_DATAGRAMS[kind](self._payload(index), self.packet(row)))
        self.unjoined_fragments = joiner.unfinished()
        self.lone_openings = [at for at in map(_opening_of, joiner.openings()) if at is not None]

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
        segments = self._log.segments(flow)
        if not segments:
            return []
        known = self.outline(flow)
        sent = [s for s in segments if (s.at.src, s.at.sport) == known.orig]
        answered = [s for s in segments if (s.at.src, s.at.sport) != known.orig]
        resp_isn = known.received.answer_isn
        if resp_isn is None and (known.sent.isn is not None or not known.received.packets):
            # Where the responder or its SYN-ACK was not seen, its first number follows from the acknowledgments.
            resp_isn = self.flow(flow).resp_isn
        orig, resp = assemble(sent, known.sent.isn), assemble(answered, resp_isn)
        events: list[Event] = []
        for event in conversation.read(orig, resp, port=known.resp[1]):
            if not isinstance(event, Malformed):
                events.append(event)
            elif flow not in self._told:
                self.malformed.append(event)
        self._told.add(flow)
        return events


_M = TypeVar("_M", NtpMessage, IcmpMessage)


def _gathered(table: dict[bytes, list[_M]], addresses: Iterable[bytes]) -> list[_M]:
    """Each message of the addresses once, in frame order."""
    found = {id(m): m for address in addresses for m in table.get(address, ())}
    return sorted(found.values(), key=lambda m: m.at.frame)


def _opening_of(fragment: Fragment) -> Packet | None:
    """The first fragment of a UDP datagram with its ports; None for other protocols and cut headers."""
    data = fragment.data
    if fragment.at.proto != UDP or len(data) < 8:
        return None
    sport, dport = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
    return _with_ports(fragment.at, sport, dport, len(data) - 8)


def _with_ports(at: Packet, sport: int, dport: int, payload_len: int) -> Packet:
    return at._replace(sport=sport, dport=dport, payload_len=payload_len)
