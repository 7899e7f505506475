"""What a host did, in the form in which signatures recognise it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import NamedTuple

import numpy as np

from pcapaudit.diagnose.attempts import asks_proxy, proxied_to
from pcapaudit.diagnose.domains import is_public_name, registered_domain
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.params import ns
from pcapaudit.flows.contacts import INWARD, MAX_FLOWS, OUTWARD, TRANSPORTS, ContactTable, HostServices, Stretch
from pcapaudit.flows.flow import TCP, Endpoint
from pcapaudit.flows.numbering import ends_of
from pcapaudit.flows.outline import Outline
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import Event, HttpRequest, TlsClientHello
from pcapaudit.model.records import dataclass
from pcapaudit.model.traits import Contacts, Service, Traits

AFTER_LEASE_S = 60.0
MAX_ASKED = 200
"""Connections of others to one host that are read to see whether it is their proxy."""


def traits_of(facts: Facts) -> Traits:
    """Names, contacts and habits of one host.

    Args:
        facts: The host, without a signature.
    """
    talks, stretches = _talks(facts), list(_stretches(facts))
    own = [t for t in talks if t.is_outward]
    words = _words(facts, own)
    asking, asked = _asked(facts, own), _asked(facts, [t for t in talks if not t.is_outward])
    outward = [s for s in stretches if s.way != INWARD]
    queried = _first_frames((k.name, frame) for k in facts.asked for frame in k.frames)
    return Traits(
        host=facts.host.key,
        mac=facts.mac,
        addresses=tuple(facts.host.addresses),
        queried=queried,
        sni=words.sni,
        http_hosts=words.hosts,
        contacts=_contacts(facts, outward, [(_service(f.index, f.resp, words), f, f.resp[0]) for f in asking], words),
        inbound=_contacts(
            facts,
            [s for s in stretches if s.way == INWARD],
            [(_service(f.index, f.resp, words), f, f.orig[0]) for f in asked],
            _Words(),
        ),
        # Names that nobody can register, such as wpad or those of a search list, tell nothing of a browser.
        registered_domains=len({registered_domain(n) for n in queried if is_public_name(n)}),
        user_agents=tuple(words.agents),
        answers_dns=not facts.addresses.isdisjoint(facts.traffic.dns_answerers),
        is_proxy=_is_proxy(facts, asked),
        is_router=facts.host.is_router,
        sent_tcp=any(s.has_sent for s in outward if s.service[0] == "tcp") or any(f.sent.packets for f in asking),
        asked_after_lease=tuple(_asked_after_lease(facts)),
        query_counts=Counter(k.name for k in facts.asked for _ in k.frames),
        is_shared=facts.is_outside_view,
    )


class _Talk(NamedTuple):
    """A flow in which something may be said that can be read."""

    flow: int
    near: Endpoint
    far: Endpoint
    is_outward: bool
    """The host is taken for its opener."""
    is_http: bool
    """It may be HTTP in the clear."""


def _talks(facts: Facts) -> list[_Talk]:
    """What the host and others may have said to each other."""
    traffic, own, table = facts.traffic, facts.addresses, count_contacts(facts.traffic)
    flows = np.array(facts.flows[:MAX_FLOWS], np.int64)
    flows = flows[traffic.spoken.known[flows]]
    found: list[_Talk] = []
    columns = flows.tolist(), ends_of(traffic, flows), table.ways(flows), traffic.spoken.http[flows].tolist()
    for flow, (a, a_port, b, b_port, _), ways, is_http in zip(*columns, strict=True):
        is_a = a in own and (b not in own or ways[0] == OUTWARD)
        near, far = ((a, a_port), (b, b_port)) if is_a else ((b, b_port), (a, a_port))
        found.append(_Talk(flow, near, far, ways[0 if is_a else 1] != INWARD, is_http))
    return found


def _asked(facts: Facts, talks: Iterable[_Talk]) -> list[Outline]:
    """Those in which somebody may be asked to go elsewhere, from the side that opened them."""
    outlines = ((facts.traffic.outline(t.flow), t) for t in talks if t.is_http)
    return [o.seen_from(t.near[0]) if t.is_outward else o for o, t in outlines]


def _is_proxy(facts: Facts, asked: Sequence[Outline]) -> bool:
    """Whether others ask the host to go somewhere for them; what it does then is their business, not its own."""
    return any(asks_proxy(facts.traffic.conversation(f.index)) for f in asked[:MAX_ASKED])


def _first_frames(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    table: dict[str, int] = {}
    for name, frame in pairs:
        table.setdefault(name, frame)
    return table


@dataclass(slots=True)
class _Words:
    """What a host said of itself and of its servers: each name with the frame of its first use."""

    sni: dict[str, int] = field(default_factory=dict)
    hosts: dict[str, int] = field(default_factory=dict)
    agents: dict[str, None] = field(default_factory=dict)
    by_server: dict[tuple[Service, bytes], list[str]] = field(default_factory=dict)
    """Service and address -> names said there."""
    proxied: dict[int, int] = field(default_factory=dict)
    """Flow to a proxy -> the port that the proxy is asked for: that is where the host goes."""


def _words(facts: Facts, talks: Iterable[_Talk]) -> _Words:
    """SNI, HTTP host names and user agents of what the host opened."""
    words = _Words()
    traffic, addresses = facts.traffic, facts.addresses
    for flow, _, far, _, is_http in talks:
        # Who is seen in the middle of a connection only may be its server: the client's words are not his.
        own = [e for e in traffic.conversation(flow) if e.at.src in addresses]
        said = list(_names_said(own, words))
        target = proxied_to(own) if is_http else None
        if target is not None:
            name, words.proxied[flow] = target[0].lower(), target[1]
            said.append(name)
            words.hosts.setdefault(name, traffic.outline(flow).first_frame)
        if said:
            words.by_server.setdefault((_service(flow, far, words), far[0]), []).extend(said)
    return words


def _service(flow: int, server: Endpoint, words: _Words) -> Service:
    """The service that a connection leads to: where a proxy stands between, the one behind it."""
    return TRANSPORTS[TCP], words.proxied.get(flow, server[1])


def _names_said(events: Iterable[Event], words: _Words) -> Iterator[str]:
    """Names in one connection, noted in ``words``: those of TLS before those of HTTP."""
    asked: list[str] = []
    for event in events:
        if isinstance(event, TlsClientHello) and event.sni:
            words.sni.setdefault(event.sni, event.at.frame)
            yield event.sni
        elif isinstance(event, HttpRequest):
            if event.host:
                asked.append(event.host.split(":")[0].lower())
                words.hosts.setdefault(asked[-1], event.at.frame)
            if event.user_agent:
                words.agents[event.user_agent] = None
    yield from asked


def count_contacts(traffic: Traffic) -> ContactTable:
    """The conversations of the capture; those to a proxy may go on elsewhere, so they are looked at one by one."""
    known: ContactTable | None = traffic.memo.get("contacts")
    if known is None:
        known = traffic.memo["contacts"] = ContactTable(traffic, traffic.spoken.http)
    return known


def forget_contacts(traffic: Traffic) -> None:
    """Give up the table of conversations: once all hosts are looked at nobody asks for it."""
    traffic.memo.pop("contacts", None)


def _stretches(facts: Facts) -> Iterator[Stretch]:
    """What the host's addresses did, but for what another MAC sent from them."""
    mac = None if facts.mac is None else int.from_bytes(facts.mac, "big")
    for address in facts.addresses:
        found = count_contacts(facts.traffic).stretches(address)
        yield from (s for s in found if mac is None or s.mac in (0, mac))


def _contacts(
    facts: Facts, stretches: Sequence[Stretch], alone: Sequence[tuple[Service, Outline, bytes]], words: _Words
) -> Contacts:
    """Contacts of the host in one direction; flows that stand ``alone`` come with their service and far side."""
    table = count_contacts(facts.traffic)
    own, others = facts.names_told, facts.traffic.names

    def names(service: Service, far: bytes) -> tuple[str, ...]:
        known = own.get(far) or others.get(far) or ()
        said = words.by_server.get((service, far))
        return tuple(dict.fromkeys((*said, *known))) if said else tuple(known)

    counted = [(service, table.sum_of(flow, far)) for service, flow, far in alone]
    far_sides = table.far_sides(stretches).union(far for _, _, far in alone)
    return Contacts(HostServices(table, stretches, facts.addresses, counted, names), far_sides)


def _asked_after_lease(facts: Facts) -> list[str]:
    """Names asked within a minute of a lease."""
    acks = [c.ack.at.time_ns for c in facts.dhcp if c.ack is not None]
    is_soon = (k.name for k in facts.asked if any(0 <= t - ack <= ns(AFTER_LEASE_S) for t in k.times for ack in acks))
    return list(dict.fromkeys(is_soon))
