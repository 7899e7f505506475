"""IPv6 neighbour discovery: routers that advertise, neighbours that are asked for, addresses that are probed.

Source: RFC 4861 (neighbour discovery), RFC 4862 (addresses from advertisements), RFC 8415 (DHCPv6).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import field
from ipaddress import IPv6Network

from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import is_inside, is_link_local
from pcapaudit.model.events import Dhcp6Message, IcmpMessage
from pcapaudit.model.records import dataclass

ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT = 133, 134
NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT = 135, 136
UNSPECIFIED = bytes(16)
SOLICIT, ADVERTISE, REQUEST, REPLY = 1, 2, 3, 7
LINK_PREFIX = 8
"""Octets of the prefix that hosts of one link share where no router says how long it is (RFC 4291, 2.5.1)."""
MAX_PREFIXES = 64
"""Prefixes of one capture that are believed to be on the link; advertisements may be forged without end."""
MAX_ROUTERS = 64
"""Boxes of one capture that are believed to be routers because they advertise, for the same reason."""


@dataclass(slots=True)
class NeighbourQuestion:
    """A host's solicitations for one address, and the advertisements that answer them."""

    target: bytes
    requests: list[IcmpMessage] = field(default_factory=list)
    replies: list[IcmpMessage] = field(default_factory=list)


class Discovery:
    """What the capture holds of neighbour discovery, sorted by who said it.

    Attributes:
        advertisements: Advertisements of these routers in frame order.
        solicitations: MAC -> router and neighbour solicitations that it sent.
        answers: Address -> neighbour advertisements for it.
        claims: MAC -> IPv6 addresses that it says are its own.
        prefixes: Prefixes that routers call on-link, at most 64.
        routers: MAC -> address from which a router advertises, of the first 64 that do.
    """

    def __init__(self, messages: Iterable[IcmpMessage]) -> None:
        self.advertisements: list[IcmpMessage] = []
        self.solicitations: dict[bytes, list[IcmpMessage]] = defaultdict(list)
        self.answers: dict[bytes, list[IcmpMessage]] = defaultdict(list)
        self.claims: dict[bytes, set[bytes]] = defaultdict(set)
        self.prefixes: list[IPv6Network] = []
        self.routers: dict[bytes, bytes] = {}
        for m in messages:
            if m.family == 6 and m.at.smac is not None:
                self._sort_in(m, m.at.smac)

    def _sort_in(self, m: IcmpMessage, mac: bytes) -> None:
        if m.type == ROUTER_ADVERTISEMENT:
            self.claims[mac].add(m.at.src)
            if mac in self.routers or len(self.routers) < MAX_ROUTERS:
                self.advertisements.append(m)
                self.routers.setdefault(mac, m.at.src)
                self._keep_prefixes(m)
        elif m.type in (ROUTER_SOLICITATION, NEIGHBOUR_SOLICITATION):
            self.solicitations[mac].append(m)
            if m.at.src != UNSPECIFIED:
                self.claims[mac].add(m.at.src)
        elif m.type == NEIGHBOUR_ADVERTISEMENT and m.target is not None:
            self.answers[m.target].append(m)
            self.claims[mac].add(m.target)

    def _keep_prefixes(self, m: IcmpMessage) -> None:
        for p in m.prefixes:
            net = IPv6Network((p.prefix, p.length), strict=False)
            if p.is_on_link and net not in self.prefixes and len(self.prefixes) < MAX_PREFIXES:
                self.prefixes.append(net)


def discovery_of(traffic: Traffic) -> Discovery:
    """Neighbour discovery of a capture; sorted once."""
    known: Discovery | None = traffic.memo.get("discovery")
    if known is None:
        known = traffic.memo["discovery"] = Discovery(traffic.icmp)
    return known


def is_on_link(traffic: Traffic, own: Iterable[bytes], address: bytes) -> bool:
    """Whether an IPv6 address belongs to the link: by an advertised prefix, else by the prefix of an own address."""
    if is_link_local(address):
        return True
    prefixes = discovery_of(traffic).prefixes
    if prefixes:
        return any(is_inside(address, net) for net in prefixes)
    return any(len(a) == len(address) and a[:LINK_PREFIX] == address[:LINK_PREFIX] for a in own)


def pair_neighbours(traffic: Traffic, mac: bytes) -> list[NeighbourQuestion]:
    """What a host asked by neighbour solicitation, one entry an address; probes of its own address left out."""
    found = discovery_of(traffic)
    questions: dict[bytes, NeighbourQuestion] = {}
    for m in found.solicitations.get(mac, ()):
        if m.type == NEIGHBOUR_SOLICITATION and m.target is not None and m.at.src not in (UNSPECIFIED, m.target):
            questions.setdefault(m.target, NeighbourQuestion(m.target)).requests.append(m)
    for question in questions.values():
        question.replies = [m for m in found.answers.get(question.target, ()) if m.at.smac != mac]
    return list(questions.values())


@dataclass(slots=True)
class Dhcp6Exchange:
    """All that one client and the servers said to each other (RFC 8415)."""

    sent: list[Dhcp6Message] = field(default_factory=list)
    received: list[Dhcp6Message] = field(default_factory=list)

    def asked(self, kind: int) -> list[Dhcp6Message]:
        """Messages of the client of one type."""
        return [m for m in self.sent if m.kind == kind]

    @property
    def addresses(self) -> list[bytes]:
        """Addresses that a REPLY gave."""
        return [a for m in self.received if m.kind == REPLY for a in m.addresses]


def dhcp6_of(traffic: Traffic, mac: bytes) -> Dhcp6Exchange:
    """The DHCPv6 messages of one client, by its MAC and by the transaction ids that it used."""
    table: dict[bytes, Dhcp6Exchange] | None = traffic.memo.get("dhcp6")
    if table is None:
        table = traffic.memo["dhcp6"] = _sorted_by_client(traffic.dhcp6)
    return table.get(mac, Dhcp6Exchange())


def _sorted_by_client(messages: Sequence[Dhcp6Message]) -> dict[bytes, Dhcp6Exchange]:
    table: dict[bytes, Dhcp6Exchange] = defaultdict(Dhcp6Exchange)
    asker: dict[tuple[int, bytes], bytes] = {}
    for m in messages:
        if m.kind in (ADVERTISE, REPLY):
            client = asker.get((m.xid, m.at.dst))
            if client is not None:
                table[client].received.append(m)
        elif m.at.smac is not None and is_link_local(m.at.src):
            # A client asks from its link-local address and is answered there (RFC 8415, 18.2.1 and 18.3.10).
            asker[m.xid, m.at.src] = m.at.smac
            table[m.at.smac].sent.append(m)
    return table
