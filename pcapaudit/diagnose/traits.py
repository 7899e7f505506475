"""What a host did, in the form in which signatures recognise it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field

from pcapaudit.diagnose.attempts import proxied_to
from pcapaudit.diagnose.domains import is_public_name, registered_domain
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.params import ns
from pcapaudit.flows.contacts import INWARD, MAX_FLOWS, TRANSPORTS, ContactTable, HostServices, Stretch
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
    outward, inward = _worded(facts)
    words = _words(facts, outward)
    table = _contact_table(facts.traffic)
    stretches = [s for s in _stretches(facts, table) if s.way != INWARD]
    queried = _first_frames((q.name, m.at.frame) for q in facts.lookups for m in q.sent)
    return Traits(
        host=facts.host.key,
        mac=facts.mac,
        addresses=tuple(facts.host.addresses),
        queried=queried,
        sni=words.sni,
        http_hosts=words.hosts,
        contacts=_contacts(facts, stretches, outward, words),
        inbound=_inbound(facts, inward),
        # Names that nobody can register, such as wpad or those of a search list, tell nothing of a browser.
        registered_domains=len({registered_domain(n) for n in queried if is_public_name(n)}),
        user_agents=tuple(words.agents),
        answers_dns=not facts.addresses.isdisjoint(facts.traffic.dns_answerers),
        is_proxy=_is_proxy(facts, inward),
        is_router=facts.host.is_router,
        sent_tcp=any(s.has_sent for s in stretches if s.service[0] == "tcp") or any(f.sent.packets for f in outward),
        asked_after_lease=tuple(_asked_after_lease(facts)),
        query_counts=Counter(q.name for q in facts.lookups for _ in q.sent),
        is_shared=facts.is_outside_view,
    )


def _worded(facts: Facts) -> tuple[list[Outline], list[Outline]]:
    """Flows in which something may be said that can be read: those that the host opened, and those of others to it."""
    known = facts.traffic.spoken.known
    flows = [facts.traffic.outline(i) for i in facts.flows[:MAX_FLOWS] if known[i]]
    flows = [f if _is_direction_known(f) else f.seen_from(_own(f, facts)) for f in flows]
    own = facts.addresses
    inward = [f for f in flows if f.orig[0] not in own and f.resp[0] in own]
    return [f for f in flows if f.orig[0] in own], inward


def _is_proxy(facts: Facts, inward: Sequence[Outline]) -> bool:
    """Whether others ask the host to go somewhere for them; what it does then is their business, not its own."""
    asked = [f.index for f in inward if f.sent.payload_high and facts.traffic.spoken.http[f.index]][:MAX_ASKED]
    return any(proxied_to(facts.traffic.conversation(index)) is not None for index in asked)


def _is_direction_known(flow: Outline) -> bool:
    return flow.has_opening or flow.received.answer_isn is not None


def _own(flow: Outline, facts: Facts) -> bytes:
    return flow.orig[0] if flow.orig[0] in facts.addresses else flow.resp[0]


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


def _words(facts: Facts, flows: Iterable[Outline]) -> _Words:
    """SNI, HTTP host names and user agents of these flows."""
    words = _Words()
    for flow in flows:
        # Who is seen in the middle of a connection only may be its server: the client's words are not his.
        own = [e for e in facts.traffic.conversation(flow.index) if e.at.src in facts.addresses]
        said = list(_names_said(own, words))
        target = proxied_to(own) if said or facts.traffic.spoken.http[flow.index] else None
        if target is not None:
            name, words.proxied[flow.index] = target[0].lower(), target[1]
            said.append(name)
            words.hosts.setdefault(name, flow.first_frame)
        if said:
            words.by_server.setdefault((_service(flow, words), flow.resp[0]), []).extend(said)
    return words


def _service(flow: Outline, words: _Words) -> Service:
    return TRANSPORTS[flow.proto], words.proxied.get(flow.index, flow.resp[1])


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


def _contact_table(traffic: Traffic) -> ContactTable:
    """The conversations of the capture; those to a proxy may go on elsewhere, so they are looked at one by one."""
    known: ContactTable | None = traffic.memo.get("contacts")
    if known is None:
        known = traffic.memo["contacts"] = ContactTable(traffic, traffic.spoken.http)
    return known


def _stretches(facts: Facts, table: ContactTable) -> Iterator[Stretch]:
    """What the host's addresses did, but for what another MAC sent from them."""
    mac = None if facts.mac is None else int.from_bytes(facts.mac, "big")
    for address in facts.addresses:
        yield from (s for s in table.stretches(address) if mac is None or s.mac in (0, mac))


def _contacts(facts: Facts, stretches: Iterable[Stretch], outward: Iterable[Outline], words: _Words) -> Contacts:
    """Where the host goes."""
    table, http = _contact_table(facts.traffic), facts.traffic.spoken.http
    asked = [(_service(f, words), table.sum_of(f, f.resp[0])) for f in outward if http[f.index]]

    def names(service: Service, far: bytes) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*words.by_server.get((service, far), ()), *facts.names.get(far, ())]))

    return Contacts(HostServices(table, stretches, facts.addresses, asked, names))


def _inbound(facts: Facts, inward: Iterable[Outline]) -> Contacts:
    """Who comes to it."""
    table, http = _contact_table(facts.traffic), facts.traffic.spoken.http
    asked = [((TRANSPORTS[f.proto], f.resp[1]), table.sum_of(f, f.orig[0])) for f in inward if http[f.index]]
    stretches = (s for s in _stretches(facts, table) if s.way == INWARD)
    return Contacts(
        HostServices(table, stretches, facts.addresses, asked, lambda _, far: tuple(facts.names.get(far, ())))
    )


def _asked_after_lease(facts: Facts) -> list[str]:
    """Names asked within a minute of a lease."""
    acks = [c.ack.at.time_ns for c in facts.dhcp if c.ack is not None]
    names = {
        q.name: None
        for q in facts.lookups
        for m in q.sent
        if any(0 <= m.at.time_ns - ack <= ns(AFTER_LEASE_S) for ack in acks)
    }
    return list(names)
