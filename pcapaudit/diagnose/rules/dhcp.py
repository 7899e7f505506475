"""DHCP: no offer, no acknowledgment, refusals, and leases that lack what a device needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapaudit.diagnose import ipv6
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.unserved import unoffered
from pcapaudit.flows.exchanges import DhcpCycle
from pcapaudit.flows.outward import Outward
from pcapaudit.model.addresses import ip_text, is_inside, is_link_local, mac_text, network
from pcapaudit.model.events import DhcpMessage, Packet
from pcapaudit.model.times import duration
from pcapaudit.model.words import Outcome, Stage

ROUTER, DNS = 3, 6
SELF_ASSIGNED = bytes((169, 254))
LATE_PORT_S = 50.0
"""As long as spanning tree and a slow relay together may keep a port closed (catalogue: DHCP-LATE-START)."""
MIN_NAKS = 2
"""Refusals that say so at once; a single one after a move is normal (catalogue, DHCP-NAK)."""
SHORT_REST_S = 10.0
"""Less than this left after a poor lease costs confidence (catalogue: DHCP-NO-ROUTER, DHCP-NO-DNS)."""


def _packets(messages: Sequence[DhcpMessage]) -> list[Packet]:
    return [m.at for m in messages]


def _answered_elsewhere(facts: Facts, since_ns: int) -> DhcpMessage | None:
    """An OFFER or ACK that another client got: the server is alive."""
    return next(
        (m for m in facts.traffic.dhcp_given if m.chaddr != facts.mac and m.at.time_ns >= since_ns - ns(3600)),
        None,
    )


@rule("DHCP-NO-OFFER", stage=Stage.DHCP, outcomes="F", evidence=Evidence.BEHAVIOUR)
def no_offer(facts: Facts) -> Iterator[Fired]:
    """The device asks for an address and gets no offer.

    **Seen**: two or more DISCOVERs of this client, and no OFFER for any of them; the device repeats,
    or the capture went on long enough after the last one.

    **Means**: no DHCP server hears it, or none will serve it: server down, pool empty, MAC filter,
    wrong VLAN, missing relay.

    **Not this rule**: the server refuses (DHCP-NAK); an offer comes and is not taken
    (DHCP-OFFER-IGNORED); a REQUEST follows, so an offer came that the mirror did not show; the first
    tries of a boot fail and a later one succeeds (DHCP-LATE-START); IPv6 carries what the device needs.

    **Ask the network team**: DHCP for this MAC and port: pool, reservation, filter, relay, access VLAN.
    """
    if ipv6.works(facts):
        return
    for cycle, counted in unoffered(facts):
        if len(counted) < facts.params.dhcp_min_tries:
            continue
        other = _answered_elsewhere(facts, counted[0].time_ns)
        span = duration((counted[-1].time_ns - counted[0].time_ns) / 1e9)
        yield facts.finding(
            "DHCP-NO-OFFER",
            Stage.DHCP,
            f"{len(counted)} DISCOVERs in {span}, no OFFER came",
            counted,
            began_ns=counted[-1].time_ns,
            independent=len({m.xid for m in cycle.discovers})
            if len({m.xid for m in cycle.discovers}) > 1
            else len(counted),
            causes=_offer_causes(facts, counted, other),
            is_agreed=_is_self_assigned(facts, counted[0].time_ns),
            has_contrast=other is not None,
            decisive=[other.at.frame] if other is not None else [],
            facts={"secs": [m.secs for m in cycle.discovers][:10]},
        )


def _offer_causes(facts: Facts, tries: Sequence[Packet], other: DhcpMessage | None) -> list[Cause]:
    late = _late_port(facts, tries)
    if other is None:
        why = "no DHCP server speaks in this capture"
        return [*late, Cause("the server is down or not reached (relay, VLAN)", 15, why, "dhcp")]
    when = f"at {facts.clock.readable(other.at.time_ns)} (frame {other.at.frame})"
    why = f"{mac_text(other.chaddr)} gets its lease from the same network {when}"
    text = "this port or MAC is not served: filter, reservation, pool, VLAN"
    return [*late, Cause(text, 35, why, "dhcp", is_contrast=True)]


def _late_port(facts: Facts, tries: Sequence[Packet]) -> list[Cause]:
    """The device gave up while its switch port was still closed: frames reach it later (catalogue: DHCP-LATE-START)."""
    first, last = tries[0].time_ns, tries[-1].time_ns
    if last - first > ns(LATE_PORT_S) or not facts.has_waited(last, LATE_PORT_S):
        return []
    heard = _first_heard(facts)
    if heard is None or heard[1] <= last:
        return []
    why = f"the first frame reaches the device after it gave up (frame {heard[0]})"
    return [Cause("the port did not forward yet (spanning tree, 802.1X before the MAC)", 40, why, "dhcp")]


def _first_heard(facts: Facts) -> tuple[int, int] | None:
    """Frame and time (ns) of the first unicast frame to the device."""
    if facts.mac is None:
        return None
    pairs = facts.traffic.result.pairs
    found = pairs[pairs["dmac"] == int.from_bytes(facts.mac, "big")][["first_frame", "first_ns"]].tolist()
    return min(found, default=None)


def _is_self_assigned(facts: Facts, since_ns: int) -> bool:
    """Whether the device takes an address of 169.254/16 afterwards (RFC 3927)."""
    own = facts.traffic.arps_of(facts.mac) if facts.mac is not None else []
    return any(m.target_ip[:2] == SELF_ASSIGNED and m.at.time_ns > since_ns for m in own)


@rule("DHCP-OFFER-IGNORED", stage=Stage.DHCP, outcomes="F", evidence=Evidence.BEHAVIOUR)
def offer_ignored(facts: Facts) -> Iterator[Fired]:
    """Offers come, and the device goes on asking.

    **Seen**: two or more OFFERs for this client, no REQUEST, further DISCOVERs.

    **Means**: the offer is lost between the mirror point and the device, or lacks what it needs.

    **Not this rule**: a REQUEST that names another server: two servers are normal.

    **Ask the network team**: the port and VLAN towards the device; add missing options to the scope.
    """
    for cycle in facts.dhcp:
        offers = cycle.offers
        later = [m for m in cycle.discovers if offers and m.at.frame > offers[0].at.frame]
        if len(offers) < 2 or cycle.requests or cycle.ack is not None or not later:
            continue
        yield facts.finding(
            "DHCP-OFFER-IGNORED",
            Stage.DHCP,
            f"{len(offers)} OFFERs, yet the device sends {len(later)} more DISCOVERs and no REQUEST",
            _packets([*cycle.discovers, *offers]),
            began_ns=later[-1].at.time_ns,
            independent=len(later),
            causes=[_ignored_cause(cycle)],
        )


def _ignored_cause(cycle: DhcpCycle) -> Cause:
    """What an offer lacks of that the device asked for, else the way to the device."""
    asked = {o for m in cycle.discovers for o in m.asked_options}
    needs = ((ROUTER, "a router (option 3)", "routers"), (DNS, "a DNS server (option 6)", "dns_servers"))
    lacks = [
        text for option, text, name in needs if option in asked and not any(getattr(m, name) for m in cycle.offers)
    ]
    if lacks and all(m.is_complete for m in cycle.offers):
        return Cause(f"the offer lacks {' and '.join(lacks)}", 35, "the device asked for it", "dhcp")
    why = "the offers are whole, and no REQUEST follows"
    return Cause("the offers are lost between the mirror point and the device", 20, why, "device_filter")


@rule("DHCP-NO-ACK", stage=Stage.DHCP, outcomes="F", evidence=Evidence.BEHAVIOUR)
def no_ack(facts: Facts) -> Iterator[Fired]:
    """The device takes an offer and gets no acknowledgment.

    **Seen**: the REQUEST is repeated, and neither ACK nor NAK comes.

    **Means**: the server dropped it, or the answer is lost.

    **Not this rule**: one REQUEST and then ordinary traffic (the ACK was only not mirrored); a REQUEST
    for an old lease at boot that a server who does not know it may ignore.

    **Ask the network team**: the DHCP server's log for this MAC.
    """
    for cycle in facts.dhcp:
        selecting = [m for m in cycle.requests if m.server_id is not None and m.ciaddr == bytes(4)]
        if len(selecting) < 2 or cycle.ack is not None or cycle.naks:
            continue
        last = selecting[-1].at
        used = (facts.outward_flows.first_ns > last.time_ns).any()
        if used or _has_taken(facts, selecting[-1].requested, last.time_ns):
            continue
        yield facts.finding(
            "DHCP-NO-ACK",
            Stage.DHCP,
            f"{len(selecting)} REQUESTs for {ip_text(selecting[0].requested or bytes(4))}, neither ACK nor NAK came",
            _packets(selecting),
            began_ns=last.time_ns,
            independent=len(selecting),
        )


def _has_taken(facts: Facts, address: bytes | None, since_ns: int) -> bool:
    """Whether the device asks its neighbours under this address: somebody acknowledged it, seen or not."""
    asked = (m for question in facts.arps for m in question.requests)
    return any(m.sender_ip == address and m.at.time_ns > since_ns for m in asked)


def _lives_on(facts: Facts, since_ns: int) -> bool:
    """Whether the device still speaks, or is spoken to, under an address of its own: it has a lease all the same."""
    flows = {i for a in facts.addresses if not is_link_local(a) for i in facts.traffic.flows_by_address.get(a, ())}
    ends = ((facts.traffic.ends(i), int(facts.traffic.result.flows[i]["last_ns"])) for i in flows)
    return any(last > since_ns and not {a_port, b_port} & {67, 68} for (_, a_port, _, b_port, _), last in ends)


@rule("DHCP-NAK", stage=Stage.DHCP, outcomes="F", evidence=Evidence.EXPLICIT)
def nak(facts: Facts) -> Iterator[Fired]:
    """The DHCP server refuses the address.

    **Seen**: a NAK answers the device's REQUEST, and no lease follows.

    **Means**: the device asks for an address of another network, or two servers disagree.

    **Not this rule**: one NAK after a move, followed by a lease: the device recovered.

    **Ask the network team**: remove the stale reservation; look for a second DHCP server.
    """
    naks = [m for c in facts.dhcp for m in c.naks]
    if not naks or _lives_on(facts, naks[-1].at.time_ns):
        return
    # Who is refused begins anew (RFC 2131, section 3.1, step 5); a client that does not has another server's lease.
    again = [m for c in facts.dhcp for m in (*c.discovers, *c.requests) if m.at.frame > naks[-1].at.frame]
    if len(naks) < MIN_NAKS and not (again and facts.has_waited(again[0].at.time_ns, facts.params.dhcp_wait)):
        return
    servers = {m.server_id for m in naks if m.server_id is not None}
    who = f" by {', '.join(sorted(ip_text(s) for s in servers))}" if servers else ""
    yield facts.finding(
        "DHCP-NAK",
        Stage.DHCP,
        f"the address request is refused{who}: {len(naks)} NAK",
        _packets([*(m for c in facts.dhcp if c.naks for m in c.requests), *naks]),
        decisive=[m.at.frame for m in naks],
        began_ns=naks[-1].at.time_ns,
        independent=len(naks),
        causes=_nak_causes(facts, servers),
    )


def _nak_causes(facts: Facts, refusing: set[bytes]) -> list[Cause]:
    """A second server that refuses what the first one offers, or a refusal of what the server itself offers."""
    offering = {m.server_id for c in facts.dhcp for m in (*c.offers, *c.of_kind(5)) if m.server_id is not None}
    if offering - refusing and refusing - offering:
        no, yes = (", ".join(sorted(map(ip_text, who))) for who in (refusing, offering))
        return [Cause("a second DHCP server answers on this network", 35, f"{no} refuses what {yes} gives", "dhcp")]
    if offering & refusing:
        why = "the same server offers the address and refuses it"
        return [Cause("a stale reservation, or the address is given to another client", 20, why, "dhcp")]
    why = "the device asks for an address of its own choice"
    return [Cause("the device wants an address of another network", 20, why, "device")]


@rule("DHCP-NO-ROUTER", stage=Stage.DHCP, outcomes="F", evidence=Evidence.EXPLICIT)
def no_router(facts: Facts) -> Iterator[Fired]:
    """The lease names no usable gateway.

    **Seen**: the ACK lacks option 3 although the device asked for it, or the router lies outside the
    subnet; the device then sends nothing off-link, or asks by ARP for far addresses.

    **Means**: the DHCP scope is incomplete; nothing beyond the subnet can be reached.

    **Not this rule**: classless routes (option 121) supply the way out; the options were cut by the
    snap length.

    **Ask the network team**: add the default gateway to the scope.
    """
    ack = facts.lease
    if ack is None or not ack.is_complete or ack.has_classless_routes or ROUTER not in _asked(facts):
        return
    subnet = network(ack.yiaddr, ack.mask) if ack.mask is not None else None
    outside = bool(ack.routers) and subnet is not None and not any(is_inside(r, subnet) for r in ack.routers)
    if ack.routers and not outside:
        return
    # Who sends beyond the subnet has a way out from elsewhere, whatever comes back on it.
    if _is_answered_beyond(facts, ack) if outside else _after(facts, ack).has_sent.any():
        return
    what = f"router {ip_text(ack.routers[0])} lies outside the subnet" if outside else "no router (option 3)"
    yield facts.finding(
        "DHCP-NO-ROUTER",
        Stage.DHCP,
        f"the lease of {ip_text(ack.yiaddr)} has {what}"
        if not outside
        else f"in the lease of {ip_text(ack.yiaddr)} {what}",
        [ack.at],
        began_ns=ack.at.time_ns,
        adjust=0 if facts.has_waited(ack.at.time_ns, SHORT_REST_S) else -20,
    )


@rule("DHCP-NO-DNS", stage=Stage.DHCP, outcomes="F", evidence=Evidence.EXPLICIT)
def no_dns(facts: Facts) -> Iterator[Fired]:
    """The lease names no DNS server, and the device asks none.

    **Seen**: the ACK lacks option 6 although the device asked for it; afterwards no query leaves, or
    only to a built-in resolver that does not answer.

    **Means**: the DHCP scope is incomplete; the device cannot resolve its vendor's names.

    **Not this rule**: a built-in resolver answers (WennSoft asks 8.8.8.8 anyway); the options were cut.

    **Ask the network team**: add DNS servers to the scope.
    """
    ack = facts.lease
    if ack is None or not ack.is_complete or ack.dns_servers or DNS not in _asked(facts):
        return
    later = [q for lookup in facts.lookups for q in lookup.queries if q.began_ns > ack.at.time_ns]
    if any(q.answers for q in later) or _is_answered_beyond(facts, ack):
        return
    if any(m.dns_servers for m in facts.traffic.icmp if m.type == 134):
        return
    yield facts.finding(
        "DHCP-NO-DNS",
        Stage.DHCP,
        f"the lease of {ip_text(ack.yiaddr)} names no DNS server (option 6)",
        [ack.at],
        began_ns=ack.at.time_ns,
        adjust=0 if facts.has_waited(ack.at.time_ns, SHORT_REST_S) else -20,
    )


def _asked(facts: Facts) -> set[int]:
    """Options that the device requested in its last cycle (option 55)."""
    cycle: DhcpCycle = next(c for c in reversed(facts.dhcp) if c.ack is not None)
    return {o for m in (*cycle.discovers, *cycle.requests) for o in m.asked_options}


def _after(facts: Facts, ack: DhcpMessage) -> Outward:
    """Flows beyond the gateway that the device opened after it got its lease."""
    outward = facts.outward_flows
    return outward.where(facts.leads_beyond & (outward.first_ns > ack.at.time_ns))


def _is_answered_beyond(facts: Facts, ack: DhcpMessage) -> bool:
    return bool(_after(facts, ack).is_answered.any())


@rule("DHCP-ROGUE", stage=Stage.DHCP, outcomes="Fd", evidence=Evidence.EXPLICIT)
def rogue(facts: Facts) -> Iterator[Fired]:
    """Two DHCP servers give different answers.

    **Seen**: OFFERs or ACKs with two server identifiers and different router or DNS values. It is what cuts the
    device off where the lease that it took names a resolver that the other server does not know, and that one
    answers nobody.

    **Means**: an unauthorised server answers on this network; which one wins is chance.

    **Not this rule**: a failover pair with equal values; relays, whose source addresses differ.

    **Ask the network team**: find and remove the second server.
    """
    answers = [m for c in facts.dhcp for m in (*c.offers, *c.of_kind(5)) if m.server_id is not None]
    values = {m.server_id: (m.routers, m.dns_servers) for m in answers}
    if len(values) < 2 or len(set(values.values())) < 2:
        return
    servers = ", ".join(sorted(ip_text(s) for s in values if s is not None))
    taken = next((c.ack for c in reversed(facts.dhcp) if c.ack is not None), None)
    useless = _useless_resolver(facts, taken, answers) if taken is not None else None
    took = (
        f"; the device took the resolver {ip_text(useless)} of one of them, which answers nobody"
        if useless is not None
        else ""
    )
    yield facts.finding(
        "DHCP-ROGUE",
        Stage.DHCP,
        f"DHCP servers {servers} offer different routers or DNS servers{took}",
        _packets(answers),
        outcome=Outcome.DEGRADED if useless is None else Outcome.FAILED,
        began_ns=taken.at.time_ns if taken is not None else answers[-1].at.time_ns,
        independent=len(answers),
        causes=[Cause("a second DHCP server answers on this network", 35, f"{servers} both answer", "dhcp")],
    )


def _useless_resolver(facts: Facts, taken: DhcpMessage, answers: Sequence[DhcpMessage]) -> bytes | None:
    """The resolver that only the chosen server names and that gives no name to anybody; None without one."""
    if not facts.visibility.sees_inbound or any(k.resolved for k in facts.lookups):
        return None
    others = {a for m in answers if m.server_id != taken.server_id for a in m.dns_servers}
    asked = [q.resolver for k in facts.lookups for q in k.queries if q.resolver in set(taken.dns_servers) - others]
    given = facts.traffic.dns_answers_from
    return next((a for a in asked if not given(a).saying(lambda m: m.answers)), None)
