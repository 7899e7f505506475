"""What a host did, in the form in which signatures recognise it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pcapaudit.diagnose.domains import registered_domain
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.params import ns
from pcapaudit.flows.flow import TCP, UDP, Flow
from pcapaudit.model.events import HttpRequest, TlsClientHello
from pcapaudit.model.traits import Contact, Traits

AFTER_LEASE_S = 60.0
TRANSPORTS = {TCP: "tcp", UDP: "udp"}
MAX_FLOWS = 5000
"""Flows of one host that are read for its traits; a host with more is no gateway."""


def traits_of(facts: Facts) -> Traits:
    """Names, contacts and habits of one host.

    Args:
        facts: The host, without a signature.
    """
    flows = [facts.traffic.flow(i) for i in facts.flows[:MAX_FLOWS] if facts.traffic.ends(i)[4] in TRANSPORTS]
    flows = [f if f.has_opening else f.seen_from(_own(f, facts)) for f in flows]
    outward = [f for f in flows if f.orig[0] in facts.addresses]
    sni, hosts, agents = _said(facts, outward)
    queried = _first_frames((q.name, m.at.frame) for q in facts.lookups for m in q.sent)
    return Traits(
        host=facts.host.key,
        mac=facts.mac,
        addresses=tuple(facts.host.addresses),
        queried=queried,
        sni=sni,
        http_hosts=hosts,
        contacts=tuple(_contacts(facts, outward, sni_of=_sni_by_flow(facts, outward))),
        inbound=tuple(
            _contacts(
                facts,
                [f for f in flows if f.resp[0] in facts.addresses and f.orig[0] not in facts.addresses],
                sni_of={},
            )
        ),
        registered_domains=len({registered_domain(n) for n in queried}),
        user_agents=tuple(agents),
        answers_dns=not facts.addresses.isdisjoint(facts.traffic.dns_answerers),
        is_router=facts.host.is_router,
        sent_tcp=any(f.proto == TCP and f.sent for f in outward),
        asked_after_lease=tuple(_asked_after_lease(facts)),
        query_counts=Counter(q.name for q in facts.lookups for _ in q.sent),
        is_shared=facts.is_outside_view,
    )


def _own(flow: Flow, facts: Facts) -> bytes:
    return flow.orig[0] if flow.orig[0] in facts.addresses else flow.resp[0]


def _first_frames(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    table: dict[str, int] = {}
    for name, frame in pairs:
        table.setdefault(name, frame)
    return table


def _said(facts: Facts, flows: Iterable[Flow]) -> tuple[dict[str, int], dict[str, int], list[str]]:
    """SNI and HTTP host names with the frame of each one's first use, and the user agents."""
    sni: dict[str, int] = {}
    hosts: dict[str, int] = {}
    agents: dict[str, None] = {}
    for flow in flows:
        if flow.proto != TCP:
            continue
        for event in facts.traffic.conversation(flow.index):
            if isinstance(event, TlsClientHello) and event.sni:
                sni.setdefault(event.sni, event.at.frame)
            elif isinstance(event, HttpRequest):
                if event.host:
                    hosts.setdefault(event.host.split(":")[0].lower(), event.at.frame)
                if event.user_agent:
                    agents[event.user_agent] = None
    return sni, hosts, list(agents)


def _sni_by_flow(facts: Facts, flows: Iterable[Flow]) -> dict[int, list[str]]:
    table: dict[int, list[str]] = {}
    for flow in flows:
        events = facts.traffic.conversation(flow.index) if flow.proto == TCP else []
        names = [e.sni for e in events if isinstance(e, TlsClientHello) and e.sni]
        names += [e.host.split(":")[0].lower() for e in events if isinstance(e, HttpRequest) and e.host]
        table[flow.index] = names
    return table


def _contacts(facts: Facts, flows: Iterable[Flow], *, sni_of: dict[int, list[str]]) -> list[Contact]:
    """One contact per far address and service port, in order of the first frame."""
    groups: dict[tuple[int, bytes, int], list[Flow]] = {}
    for flow in flows:
        far = flow.resp[0] if flow.orig[0] in facts.addresses else flow.orig[0]
        groups.setdefault((flow.proto, far, flow.resp[1]), []).append(flow)
    return [_contact(facts, far, port, proto, group, sni_of) for (proto, far, port), group in groups.items()]


def _contact(
    facts: Facts, far: bytes, port: int, proto: int, flows: list[Flow], sni_of: dict[int, list[str]]
) -> Contact:
    said = [n for f in flows for n in sni_of.get(f.index, ())]
    payloads = [p.payload_len for f in flows for p in f.sent if p.payload_len]
    sources = [f.orig[1] for f in flows]
    return Contact(
        transport=TRANSPORTS[proto],
        address=far,
        port=port,
        names=tuple(dict.fromkeys([*said, *facts.names.get(far, ())])),
        first_frame=min(f.first_frame for f in flows),
        tries=sum(max(1, len(f.syns)) if f.proto == TCP else len(f.sent) for f in flows),
        payload_low=min(payloads, default=0),
        payload_high=max(payloads, default=0),
        source_low=min(sources),
        source_high=max(sources),
        answered=any(f.received for f in flows),
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
