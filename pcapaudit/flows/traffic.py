"""The capture as one readable whole: packets, flows and messages, built when asked for.

The scan leaves numpy tables; this view turns rows into ``Packet`` objects and handed-over
payloads into events, only for the flows that somebody asks about.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, KeysView, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from pcapaudit.dissect import conversation
from pcapaudit.flows import layout
from pcapaudit.flows.arps import ArpQuestion, ArpTable
from pcapaudit.flows.clock import THE_FILES, Clock, find_steps
from pcapaudit.flows.digest import Digests
from pcapaudit.flows.exchanges import Lookup
from pcapaudit.flows.flow import Flow
from pcapaudit.flows.groups import FlowsByAddress, Service, by_service
from pcapaudit.flows.marks import Marks
from pcapaudit.flows.messages import Messages
from pcapaudit.flows.naming import Naming, counters_of
from pcapaudit.flows.numbering import Numbering
from pcapaudit.flows.outline import Outline, outline_of
from pcapaudit.flows.packets import Ends, PacketLog
from pcapaudit.flows.said import Grouped, Parties, Said
from pcapaudit.flows.spoken import Spoken
from pcapaudit.flows.streams import Streams
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
from pcapaudit.scan.result import ScanResult

UDP = 17
DNS_PORT = 53
DHCP_OFFER, DHCP_ACK = 2, 5
MAX_FLOWS = 10_000
"""Flows that are kept at one time; what is asked for again is made again."""
GRAINS_NS, MIN_STAMPS = (1_000_000_000, 10_000_000, 1_000_000), 50
NEIGHBOUR_DISCOVERY = range(133, 137)
"""Types of ICMPv6 messages by which routers and neighbours are found (RFC 4861)."""
MAX_EVENTS = 50_000
"""Messages of TCP conversations that are kept at one time; the conversation read longest ago is given up first."""

_E = TypeVar("_E", bound=Event)


class Traffic:
    """What was on the wire, as far as the capture shows it.

    Attributes:
        result: The scan's tables.
        notes: What the files say of themselves.
        end_ns: Silence was watched up to this time (ns UTC); never beyond ``until_ns``, where frames
            were left out.
        clock: What lies between these times and those of the file.
    """

    def __init__(
        self,
        result: ScanResult,
        notes: CaptureNotes,
        *,
        now_ns: int | None = None,
        until_ns: int | None = None,
        clock: Clock = THE_FILES,
    ) -> None:
        self.result = result
        self.notes = notes
        self.clock = clock
        self.start_ns, last_ns = clock.span(result)
        watched_ns = [t + clock.last_added_ns for t in (notes.watched_until_ns, now_ns) if t is not None]
        self.end_ns = max([last_ns, *watched_ns, 0])
        if until_ns is not None:
            self.end_ns = min(self.end_ns, until_ns + clock.last_added_ns)
        self._read_until = now_ns, until_ns
        self._log = PacketLog(result)
        self._flows: dict[int, Flow] = {}
        self._conversations: OrderedDict[int, list[Event]] = OrderedDict()
        self._kept_events = 0
        self._messages = Messages(result, self._log)
        self._arps = ArpTable(result.arps)
        self.memo: dict[str, Any] = {}
        """Tables that other modules of this room derive once per capture."""

    def on_steady_clock(self) -> Traffic:
        """The same traffic, with all times on a clock that was never set; itself where none was."""
        steps = find_steps(self.result, self.notes)
        if not steps:
            return self
        clock = Clock(steps)
        now_ns, until_ns = self._read_until
        return Traffic(clock.carry(self.result), self.notes, now_ns=now_ns, until_ns=until_ns, clock=clock)

    # --- packets and flows ----------------------------------------------------------------

    def ends(self, flow: int) -> Ends:
        """Address and port of side a, address and port of side b, IP protocol of a flow."""
        return self._log.ends(flow)

    def packet(self, row: int) -> Packet:
        """The logged packet of one row."""
        return self._log.packet(row)

    @property
    def digests(self) -> Digests:
        """What the packets of each flow add up to, and where in the log they lie."""
        return self._log.digests

    @cached_property
    def marks(self) -> Marks:
        """Which flows are worth reading for a question."""
        return Marks(self.result, self.digests)

    def packets(self, flow: int) -> list[Packet]:
        """Logged packets of a flow in frame order, marked duplicates left out."""
        return self._log.packets(flow)

    def outline(self, index: int) -> Outline:
        """One flow in a few numbers, oriented from originator to responder."""
        return outline_of(self._log, index)

    def flow(self, index: int) -> Flow:
        """One flow, oriented from originator to responder, with its packets."""
        found = self._flows.get(index)
        if found is None:
            if len(self._flows) >= MAX_FLOWS:
                self._flows.clear()
            found = self._flows[index] = Flow(self._log, index)
        return found

    @cached_property
    def numbering(self) -> Numbering:
        """The addresses by number, and which of them is at each end of each flow."""
        return Numbering(self.result.flows)

    @cached_property
    def flows_by_address(self) -> Mapping[bytes, Sequence[int]]:
        """Address -> flows that it takes part in, in order of their first frame."""
        return FlowsByAddress(self.numbering)

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
    def flows_to(self) -> Mapping[Service, Sequence[int]]:
        """Protocol, address and port of a responder -> flows to it, in order."""
        return by_service(self, np.arange(len(self.result.flows)))

    @cached_property
    def answered_flows(self) -> Mapping[Service, Sequence[int]]:
        """Protocol, address and port of a responder -> flows in which it sent something, in order."""
        return by_service(self, np.flatnonzero(self.digests.table[:, layout.SIDE + layout.PACKETS]))

    # --- messages -------------------------------------------------------------------------

    def _all(self, kind: type[_E]) -> list[_E]:
        """Datagram messages of one class in frame order, marked duplicates left out."""
        return list(self._messages.first_copies(kind))

    @property
    def malformed(self) -> list[Malformed]:
        """Datagram messages that do not keep their protocol's form, in frame order."""
        return self._messages.malformed

    @property
    def lone_openings(self) -> list[Packet]:
        """First fragments of UDP datagrams of which no other piece, or not every one, came."""
        return self._messages.lone_openings

    @property
    def unjoined_fragments(self) -> int:
        """IP datagrams of which a piece is missing."""
        return self._messages.unjoined_fragments

    @cached_property
    def naming(self) -> Naming:
        """Who asked for which name, and what was answered."""
        return Naming(self.result, self.numbering, self._messages.first_copies(DnsMessage), self._dns_over_tcp())

    @property
    def dns(self) -> Said[DnsMessage]:
        """DNS over UDP, and over TCP where its stream is there, in frame order, duplicates left out."""
        return self.naming.said

    @property
    def dns_by_asker(self) -> Mapping[bytes, Said[DnsMessage]]:
        """DNS messages by the address that asked: the sender of a query, the receiver of an answer."""
        return self.naming.by_asker

    def lookups_of(self, addresses: frozenset[bytes], mac: bytes | None) -> list[Lookup]:
        """DNS lookups of a host by its addresses; where its MAC is given, what another MAC said is left out."""
        return self.naming.lookups_of(addresses, mac)

    def dns_answers_from(self, address: bytes) -> Said[DnsMessage]:
        """DNS answers that an address gave."""
        return self.naming.answers_from.under([address])

    def dns_answers_about(self, name: str) -> Said[DnsMessage]:
        """DNS answers to questions for a name."""
        return self.naming.answers_about.under([name])

    @property
    def dns_answerers(self) -> KeysView[bytes]:
        """Addresses that answered a DNS question."""
        return self.naming.answers_from.keys()

    def ntp_of(self, addresses: Iterable[bytes]) -> list[NtpMessage]:
        """NTP messages to or from the addresses, in frame order."""
        return list(self._ntp_by_address.under(addresses))

    def icmp_of(self, addresses: Iterable[bytes]) -> list[IcmpMessage]:
        """ICMP messages to or from the addresses, or about a packet that they sent, in frame order.

        Neighbour discovery is left out; ``discovery_of`` has it.
        """
        found = {id(m): m for address in addresses for m in self._icmp_by_address.get(address, ())}
        return sorted(found.values(), key=lambda m: m.at.frame)

    @cached_property
    def _ntp_by_address(self) -> Grouped[bytes, NtpMessage]:
        parties = Parties(self.result, self.numbering, self.ntp.columns["row"])
        ends = np.stack((parties.src, parties.dst), axis=1).reshape(-1)
        is_other = np.append([True], ends[1:] != ends[:-1]) if len(ends) else ends > 0
        is_other[0::2] = True
        places = np.flatnonzero(is_other)
        return Grouped(self.ntp, places // 2, ends[places], parties.addresses, parties.number)

    @cached_property
    def _icmp_by_address(self) -> dict[bytes, list[IcmpMessage]]:
        table: dict[bytes, list[IcmpMessage]] = defaultdict(list)
        for m in (m for m in self.icmp if m.family == 4 or m.type not in NEIGHBOUR_DISCOVERY):
            for address in {m.at.src, m.at.dst} | ({m.quoted.src} if m.quoted is not None else set()):
                table[address].append(m)
        return table

    @property
    def names(self) -> dict[bytes, list[str]]:
        """Address -> the names that were asked for it, by whichever host, in order of the answers."""
        return self.naming.names

    @cached_property
    def translations(self) -> dict[bytes, list[bytes]]:
        """IPv4 address behind a NAT64 -> IPv6 addresses of the capture that stand for it."""
        table: dict[bytes, list[bytes]] = {}
        for six in self.flows_by_address:
            four = translated(six)
            if four is not None:
                table.setdefault(four, []).append(six)
        return table

    @cached_property
    def dhcp_by_client(self) -> dict[bytes, list[DhcpMessage]]:
        """DHCPv4 messages by the client's hardware address."""
        table: dict[bytes, list[DhcpMessage]] = defaultdict(list)
        for m in self.dhcp:
            table[m.chaddr].append(m)
        return table

    @property
    def arp(self) -> Sequence[ArpMessage]:
        """ARP packets; ask for those of a host or an address where that is enough."""
        return self._arps.messages

    def arps_of(self, mac: bytes | None) -> Sequence[ArpMessage]:
        """ARP packets that name the MAC as their sender's, in frame order."""
        return self._arps.sent_by(mac)

    def arp_announcements(self, mac: bytes) -> list[ArpMessage]:
        """ARP packets in which a host announces its own address, in frame order."""
        return self._arps.announced_by(mac)

    def arp_probes(self, mac: bytes) -> list[ArpMessage]:
        """ARP packets in which a host asks without an address of its own, in frame order."""
        return self._arps.probed_by(mac)

    def arp_address_of(self, mac: bytes) -> bytes | None:
        """The address that a host first gave as its own in an ARP packet."""
        return self._arps.address_of(mac)

    def arp_uses(self, mac: bytes) -> list[tuple[bytes, int]]:
        """Addresses that a host gave as its own in ARP packets, and when (ns), in frame order."""
        return self._arps.used_by(mac)

    def arps_from(self, address: bytes) -> Sequence[ArpMessage]:
        """ARP packets that name the address as their sender's, in frame order."""
        return self._arps.naming(address)

    def arp_rivalry(self, address: bytes) -> Sequence[ArpMessage]:
        """The same; of a flood those alone where the sender changes, and not all of these."""
        return self._arps.rivalry(address)

    def arp_requests_for(self, addresses: Iterable[bytes]) -> Sequence[ArpMessage]:
        """ARP requests for the addresses, by whomever, in frame order."""
        return self._arps.asking_for(addresses)

    def arp_questions(self, mac: bytes) -> list[ArpQuestion]:
        """What a host asked by ARP."""
        return self._arps.questions(mac)

    @property
    def arp_owners(self) -> dict[bytes, frozenset[bytes]]:
        """Address -> MACs that named it as their own."""
        return self._arps.owners

    @property
    def arp_claims(self) -> dict[bytes, set[bytes]]:
        """MAC -> addresses that it named as its own by ARP, but for 0.0.0.0."""
        return self._arps.claims

    @property
    def arp_senders(self) -> list[tuple[bytes, int | None]]:
        """Each MAC that sent ARP packets, with each VLAN that it sent them on."""
        return self._arps.senders

    @cached_property
    def dhcp(self) -> list[DhcpMessage]:
        """DHCPv4 messages."""
        return self._all(DhcpMessage)

    @cached_property
    def dhcp_given(self) -> list[DhcpMessage]:
        """OFFERs and ACKs of DHCPv4."""
        return [m for m in self.dhcp if m.kind in (DHCP_OFFER, DHCP_ACK)]

    @cached_property
    def dhcp6(self) -> list[Dhcp6Message]:
        """DHCPv6 messages."""
        return self._all(Dhcp6Message)

    @cached_property
    def icmp(self) -> list[IcmpMessage]:
        """ICMP and ICMPv6 messages."""
        return self._all(IcmpMessage)

    @cached_property
    def ntp(self) -> Said[NtpMessage]:
        """NTP messages."""
        return self._messages.first_copies(NtpMessage)

    @cached_property
    def eapol(self) -> list[EapolFrame]:
        """802.1X frames."""
        return self._all(EapolFrame)

    @cached_property
    def neighbours(self) -> list[Neighbour]:
        """LLDP and CDP announcements."""
        return self._all(Neighbour)

    @cached_property
    def spanning_tree(self) -> list[SpanningTree]:
        """Bridge protocol data units."""
        return self._all(SpanningTree)

    @cached_property
    def spoken(self) -> Spoken:
        """Which flows may hold a conversation that can be read."""
        return Spoken(self.result)

    @cached_property
    def _streams(self) -> Streams:
        return Streams(self.result, self.spoken.read, self._log)

    def conversation(self, flow: int) -> list[Event]:
        """What the two sides of a TCP flow said, as far as a dissector knows the protocol."""
        if not self.spoken.read[flow]:
            return []
        known = self._conversations.get(flow)
        if known is None:
            known = self._conversations[flow] = self._read_conversation(flow)
            self._kept_events += len(known)
            while self._kept_events > MAX_EVENTS and len(self._conversations) > 1:
                self._kept_events -= len(self._conversations.popitem(last=False)[1])
        return known

    def dns_counters(self) -> dict[str, int | dict[str, int]]:
        """The report's DNS counters: every message counts, duplicates too (report contract)."""
        return counters_of(self._messages.of(DnsMessage), self._dns_over_tcp())

    # --- forgetting -----------------------------------------------------------------------

    def forget(self, flows: Collection[int], host: tuple[frozenset[bytes], bytes | None]) -> None:
        """Give up what was made of some flows, and the lookups of a host; what is asked for again is made again.

        Args:
            flows: Rows of the flow table.
            host: Its addresses and its MAC, as ``lookups_of`` takes them.
        """
        for flow in self._conversations.keys() & flows:
            self._kept_events -= len(self._conversations.pop(flow))
        for flow in flows:
            self._flows.pop(flow, None)
            self._log.forget(flow)
        self.naming.forget(*host)

    # --- reading --------------------------------------------------------------------------

    def _dns_over_tcp(self) -> list[DnsMessage]:
        flows = self.result.flows
        on_port = (flows["proto"] == 6) & ((flows["a_port"] == DNS_PORT) | (flows["b_port"] == DNS_PORT))
        found = (e for index in np.flatnonzero(on_port).tolist() for e in self.conversation(index))
        return [e for e in found if isinstance(e, DnsMessage)]

    def _read_conversation(self, flow: int) -> list[Event]:
        orig, resp, port = self._streams.of(flow)
        return [event for event in conversation.read(orig, resp, port=port) if not isinstance(event, Malformed)]
