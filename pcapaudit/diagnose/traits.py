"""What a host did, in the form in which signatures recognise it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pcapaudit.diagnose.attempts import proxied_to
from pcapaudit.diagnose.domains import is_public_name, registered_domain
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.params import ns
from pcapaudit.flows.flow import TCP, UDP
from pcapaudit.flows.outline import Outline
from pcapaudit.model.events import Event, HttpRequest, TlsClientHello
from pcapaudit.model.traits import Contact, Traits

AFTER_LEASE_S = 60.0
TRANSPORTS = {TCP: "tcp", UDP: "udp"}
MAX_ASKED = 200
"""Connections of others to one host that are read to see whether it is their proxy."""
MAX_FLOWS = 5000
"""Flows of one host that are read for its traits; a host with more is no gateway."""


def traits_of(facts: Facts) -> Traits:
    """Names, contacts and habits of one host.

    Args:
        facts: The host, without a signature.
    """
    flows = [facts.traffic.outline(i) for i in facts.flows[:MAX_FLOWS] if facts.traffic.ends(i)[4] in TRANSPORTS]
    flows = [f if _is_direction_known(f) else f.seen_from(_own(f, facts)) for f in flows]
    outward = [f for f in flows if f.orig[0] in facts.addresses]
    inward = [f for f in flows if f.orig[0] not in facts.addresses and f.resp[0] in facts.addresses]
    words = _words(facts, outward)
    queried = _first_frames((q.name, m.at.frame) for q in facts.lookups for m in q.sent)
    return Traits(
        host=facts.host.key,
        mac=facts.mac,
        addresses=tuple(facts.host.addresses),
        queried=queried,
        sni=words.sni,
        http_hosts=words.hosts,
        contacts=tuple(_contacts(facts, outward, words)),
        inbound=tuple(_contacts(facts, inward, _Words())),
        # Names that nobody can register, such as wpad or those of a search list, tell nothing of a browser.
        registered_domains=len({registered_domain(n) for n in queried if is_public_name(n)}),
        user_agents=tuple(words.agents),
        answers_dns=not facts.addresses.isdisjoint(facts.traffic.dns_answerers),
        is_proxy=_is_proxy(facts, inward),
        is_router=facts.host.is_router,
        sent_tcp=any(f.proto == TCP and f.sent.packets for f in outward),
        asked_after_lease=tuple(_asked_after_lease(facts)),
        query_counts=Counter(q.name for q in facts.lookups for _ in q.sent),
        is_shared=facts.is_outside_view,
    )


def _is_proxy(facts: Facts, inward: Sequence[Outline]) -> bool:
    """Whether others ask the host to go somewhere for them; what it does then is their business, not its own."""
    asked = [f.index for f in inward if f.proto == TCP and f.sent.payload_high][:MAX_ASKED]
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
    by_flow: dict[int, list[str]] = field(default_factory=dict)
    """Flow -> names said in it."""
    proxied: dict[int, int] = field(default_factory=dict)
    """Flow to a proxy -> the port that the proxy is asked for: that is where the host goes."""


def _words(facts: Facts, flows: Iterable[Outline]) -> _Words:
    """SNI, HTTP host names and user agents of the TCP flows among these."""
    words = _Words()
    for flow in flows:
        if flow.proto == TCP:
            # Who is seen in the middle of a connection only may be its server: the client's words are not his.
            own = [e for e in facts.traffic.conversation(flow.index) if e.at.src in facts.addresses]
            words.by_flow[flow.index] = list(_names_said(own, words))
            target = proxied_to(own)
            if target is not None:
                name, port = target[0].lower(), target[1]
                words.by_flow[flow.index].append(name)
                words.hosts.setdefault(name, flow.first_frame)
                words.proxied[flow.index] = port
    return words


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


def _contacts(facts: Facts, flows: Iterable[Outline], words: _Words) -> list[Contact]:
    """One contact per far address and service port, in order of the first frame."""
    groups: dict[tuple[int, bytes, int], list[Outline]] = {}
    for flow in flows:
        far = flow.resp[0] if flow.orig[0] in facts.addresses else flow.orig[0]
        port = words.proxied.get(flow.index, flow.resp[1])
        groups.setdefault((flow.proto, far, port), []).append(flow)
    return [_contact(facts, key, group, words.by_flow) for key, group in groups.items()]


def _contact(
    facts: Facts, key: tuple[int, bytes, int], flows: Sequence[Outline], said: Mapping[int, Sequence[str]]
) -> Contact:
    proto, far, port = key
    names = [n for f in flows for n in said.get(f.index, ())]
    filled = [f.sent for f in flows if f.sent.payload_high]
    sources = [f.orig[1] for f in flows]
    return Contact(
        transport=TRANSPORTS[proto],
        address=far,
        port=port,
        names=tuple(dict.fromkeys([*names, *facts.names.get(far, ())])),
        first_frame=min(f.first_frame for f in flows),
        tries=sum(max(1, f.sent.syns) if f.proto == TCP else f.sent.packets for f in flows),
        payload_low=min((s.payload_low for s in filled), default=0),
        payload_high=max((s.payload_high for s in filled), default=0),
        source_low=min(sources),
        source_high=max(sources),
        answered=any(f.received.packets for f in flows),
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
