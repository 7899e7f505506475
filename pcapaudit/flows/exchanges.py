"""Questions and their answers: DNS lookups, NTP polls, DHCP cycles and ping, host by host."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import field
from functools import cached_property

from pcapaudit.model.events import DhcpMessage, DnsMessage, IcmpMessage, NtpMessage, Packet
from pcapaudit.model.records import dataclass

A, CNAME, AAAA = 1, 5, 28
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
OVERTAKING_NS = 2_000_000
"""An answer may stand this long before its question in a capture made from several queues or interfaces."""


class DnsQuery:
    """One question to one resolver: its transmissions and what came back.

    Transmissions share resolver, client port, id, name and type: a stub repeats with the same
    id (catalogue, M9). Another id or port is another ``DnsQuery`` of the same ``Lookup``.
    """

    __slots__ = ("_addresses", "answers", "kind", "name", "resolver", "sent")

    def __init__(self, resolver: bytes, name: str, kind: int) -> None:
        self.resolver = resolver
        self.name = name
        self.kind = kind
        self.sent: list[DnsMessage] = []
        self.answers: list[DnsMessage] = []
        self._addresses: tuple[bytes, ...] | None = None

    @property
    def began_ns(self) -> int:
        """Time of the first transmission (of the first answer when no query was seen)."""
        return (self.sent or self.answers)[0].at.time_ns

    @property
    def addresses(self) -> tuple[bytes, ...]:
        """Addresses of the type asked, in the order of the answers."""
        if self._addresses is None:
            records = (r for m in self.answers for r in m.answers if r.kind in (A, AAAA))
            self._addresses = tuple(dict.fromkeys(r.data for r in records if isinstance(r.data, bytes)))
        return self._addresses

    @property
    def rcode(self) -> int | None:
        """Response code of the last answer; None while unanswered."""
        return self.answers[-1].rcode if self.answers else None

    @property
    def frames(self) -> list[int]:
        """Frames of the query and its answers, ascending."""
        return sorted(m.at.frame for m in (*self.sent, *self.answers))


class Lookup:
    """All questions one host asked for one name and type, to whatever resolver.

    Attributes:
        queries: The questions in order.
        sent: Every transmission in frame order.
        answers: Every answer in frame order.
    """

    def __init__(self, name: str, kind: int) -> None:
        self.name = name
        self.kind = kind
        self.queries: list[DnsQuery] = []
        self.sent: list[DnsMessage] = []
        self.answers: list[DnsMessage] = []

    @cached_property
    def resolved(self) -> list[DnsQuery]:
        """Questions that got at least one address."""
        return [q for q in self.queries if q.addresses]


def pair_dns(messages: Iterable[DnsMessage], addresses: frozenset[bytes]) -> list[Lookup]:
    """The lookups of the host that owns the addresses, in order of their first message.

    Args:
        messages: All DNS messages in frame order, duplicates left out.
        addresses: Packed addresses of the host.

    A query counts as answered by a packet with the same id, ports, name (case folded) and
    type (RFC 1035, section 7.3). An answer without a visible query makes a query of its own.
    A refusal that leaves the question out, as unbound's does, answers the last query with its id and ports.
    Messages that ask no question of this kind (NOTIFY, UPDATE) are left out.
    """
    lookups: dict[tuple[str, int], Lookup] = {}
    open_queries: dict[tuple[bytes, int, int, str, tuple[str, int]], DnsQuery] = {}
    last_asked: dict[tuple[bytes, int, int, str], tuple[str, int]] = {}
    for m in messages:
        at, transport, ident, is_answer, _, question, kind = m[:7]
        own, resolver, port = (at.dst, at.src, at.dport) if is_answer else (at.src, at.dst, at.sport)
        if own not in addresses or m.opcode != 0:
            continue
        asked = (question or "", kind)
        if not is_answer:
            last_asked[resolver, port, ident, transport] = asked
        elif question is None:
            asked = last_asked.get((resolver, port, ident, transport), asked)
        lookup = lookups.get(asked)
        if lookup is None:
            lookup = lookups[asked] = Lookup(*asked)
        key = (resolver, port, ident, transport, asked)
        query = open_queries.get(key)
        if query is None or (not is_answer and query.answers and not _is_overtaken(m, query)):
            query = open_queries[key] = DnsQuery(resolver, *asked)
            lookup.queries.append(query)
        (query.answers if is_answer else query.sent).append(m)
        (lookup.answers if is_answer else lookup.sent).append(m)
    return list(lookups.values())


def _is_overtaken(message: DnsMessage, known: DnsQuery) -> bool:
    """Whether the answer to a query stands before it in the file, because several queues made the capture."""
    return not known.sent and abs(message.at.time_ns - known.answers[-1].at.time_ns) <= OVERTAKING_NS


@dataclass(slots=True)
class NtpPoll:
    """One client packet (mode 3) and the answer to it."""

    query: NtpMessage
    answer: NtpMessage | None = None

    @property
    def is_valid(self) -> bool:
        """Whether the answer echoes the query's transmit time stamp (RFC 5905, section 8)."""
        return self.answer is not None and self.answer.origin_raw == self.query.transmit_raw

    @property
    def server(self) -> bytes:
        """Address asked."""
        return self.query.at.dst


def pair_ntp(messages: Iterable[NtpMessage], addresses: frozenset[bytes]) -> list[NtpPoll]:
    """The polls that a host sent, each with its answer where one came.

    The answer belongs to the poll whose transmit time stamp it echoes; one that echoes none belongs
    to the latest poll of that server and port, where it counts as not valid.
    """
    polls: list[NtpPoll] = []
    latest: dict[tuple[bytes, int], NtpPoll] = {}
    by_stamp: dict[tuple[bytes, int, int], NtpPoll] = {}
    for m in messages:
        if m.mode == 3 and m.at.src in addresses:
            poll = NtpPoll(m)
            polls.append(poll)
            latest[(m.at.dst, m.at.sport)] = by_stamp[(m.at.dst, m.at.sport, m.transmit_raw)] = poll
        elif m.mode == 4 and m.at.dst in addresses:
            key = (m.at.src, m.at.dport)
            found = by_stamp.get((*key, m.origin_raw)) or latest.get(key)
            if found is not None and found.answer is None:
                found.answer = m
    return polls


CYCLE_ENDS = frozenset({4, 5, 6, 7})
"""DECLINE, ACK, NAK and RELEASE (RFC 2132, section 9.6)."""


@dataclass(slots=True)
class DhcpCycle:
    """One attempt of a client to get or keep its address: from DISCOVER (or a first REQUEST) to
    ACK, NAK or giving up. A new cycle begins with a DISCOVER after an ACK or NAK, or with a
    REQUEST that follows none.
    """

    messages: list[DhcpMessage] = field(default_factory=list)

    def of_kind(self, kind: int) -> list[DhcpMessage]:
        """Messages with this option 53 value."""
        return [m for m in self.messages if m.kind == kind]

    @property
    def discovers(self) -> list[DhcpMessage]:
        """DISCOVERs."""
        return self.of_kind(1)

    @property
    def offers(self) -> list[DhcpMessage]:
        """OFFERs."""
        return self.of_kind(2)

    @property
    def requests(self) -> list[DhcpMessage]:
        """REQUESTs."""
        return self.of_kind(3)

    @property
    def ack(self) -> DhcpMessage | None:
        """The ACK that gave the address."""
        return next(iter(self.of_kind(5)), None)

    @property
    def naks(self) -> list[DhcpMessage]:
        """NAKs."""
        return self.of_kind(6)

    @property
    def is_renewal(self) -> bool:
        """Whether the client asked to keep an address it was already using (ciaddr set)."""
        return not self.discovers and any(m.ciaddr != bytes(4) for m in self.requests)


def dhcp_cycles(messages: Sequence[DhcpMessage], mac: bytes) -> list[DhcpCycle]:
    """The DHCP cycles of one client, requests that a relay passed on (giaddr set) left out.

    What belongs to an INFORM is left out, too: its ACK gives no address (RFC 2131, section 4.3.5).

    Args:
        messages: All DHCP messages in frame order, duplicates left out.
        mac: The client's hardware address (chaddr).
    """
    cycles: list[DhcpCycle] = []
    kinds: set[int] = set()
    xids: set[int] = set()
    for m in messages:
        if m.chaddr != mac or (m.op == 1 and m.giaddr != bytes(4)) or _is_about_inform(m):
            continue
        if not cycles or _starts_cycle(m, kinds, xids):
            cycles.append(DhcpCycle())
            kinds, xids = set(), set()
        cycles[-1].messages.append(m)
        kinds.add(m.kind)
        xids.add(m.xid)
    return cycles


def _is_about_inform(message: DhcpMessage) -> bool:
    return message.kind == 8 or (message.kind == 5 and message.yiaddr == bytes(4))


def _starts_cycle(message: DhcpMessage, kinds: set[int], xids: set[int]) -> bool:
    """Whether a message opens a new cycle, given the kinds and transaction numbers of the one so far."""
    is_over = not kinds.isdisjoint(CYCLE_ENDS)
    if message.kind == 1:
        return is_over
    return message.kind == 3 and is_over and (message.xid not in xids or message.ciaddr != bytes(4))


@dataclass(slots=True)
class Ping:
    """One echo request and its reply."""

    request: IcmpMessage
    reply: IcmpMessage | None = None


def pair_pings(messages: Iterable[IcmpMessage], addresses: frozenset[bytes]) -> list[Ping]:
    """Echo requests that a host sent, each with its reply where one came (RFC 792, RFC 4443)."""
    pings: list[Ping] = []
    waiting: dict[tuple[bytes, int | None, int | None], Ping] = {}
    for m in messages:
        if m.type in (8, 128) and m.at.src in addresses:
            ping = Ping(m)
            pings.append(ping)
            waiting[(m.at.dst, m.id, m.sequence)] = ping
        elif m.type in (0, 129) and m.at.dst in addresses:
            found = waiting.pop((m.at.src, m.id, m.sequence), None)
            if found is not None:
                found.reply = m
    return pings


def names_by_address(lookups: Iterable[Lookup]) -> dict[bytes, list[tuple[str, Packet]]]:
    """Address -> the names that resolved to it for this host, with the answer's packet."""
    table: dict[bytes, list[tuple[str, Packet]]] = defaultdict(list)
    for lookup in lookups:
        for query in lookup.queries:
            for message in query.answers:
                for record in message.answers:
                    if isinstance(record.data, bytes):
                        table[record.data].append((lookup.name, message.at))
    return table
