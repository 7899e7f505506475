"""ICMP errors about the device's packets: who refuses them, where no way leads on, and who points elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence

from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired, Target
from pcapaudit.diagnose.lookups import relevant_lookups
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.quoted import IcmpError
from pcapaudit.diagnose.refusals import (
    count_errors,
    delay_ns,
    describe_errors,
    errors_by_flow,
    has_foreign_ttl,
    is_stopped,
    matched_errors,
    name_senders,
    name_target,
)
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.rules.connect import where
from pcapaudit.diagnose.rules.time import time_outcome
from pcapaudit.flows.exchanges import DnsQuery, Lookup
from pcapaudit.flows.flow import TCP, UDP, Flow
from pcapaudit.model.addresses import ip_text, is_unicast
from pcapaudit.model.events import IcmpMessage, Packet
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import Outcome, Stage

UNREACHABLE = {4: 3, 6: 1}
"""Destination unreachable: RFC 792, RFC 4443."""
TIME_EXCEEDED = {4: 11, 6: 3}
REDIRECT = {4: 5, 6: 137}
NO_ROUTE = {4: frozenset({0}), 6: frozenset({0})}
NO_HOST = {4: frozenset({1}), 6: frozenset({3})}
PROHIBITED = {4: frozenset({9, 10, 13}), 6: frozenset({1, 5, 6})}
"""RFC 1812, section 5.2.7.1; RFC 4443, section 3.1."""
NO_PORT = {4: frozenset({3}), 6: frozenset({4})}
LATE_S = 2.0
"""A last-hop router gives up asking for the target by ARP about 3 s after the packet (catalogue M6)."""
SETTLE_S = 5.0
"""How long before a refused lookup another resolver may have given the answer."""
DNS_PORT, NTP_PORT = 53, 123
MAX_RESOLVERS = 50
TRACEROUTE = range(33434, 33690)
"""Ports that probes of a route are sent to (RFC 1393 and common tools)."""
MIN_LOOP, NORMAL_TTL = 3, 30

Match = Callable[[IcmpError], bool]


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What the four rules on refusals differ in."""

    rule: str
    verb: str
    causes: Callable[[Facts, Sequence[IcmpError]], list[Cause]]


# --- kinds ---------------------------------------------------------------------------------------


def _unreachable(error: IcmpError, codes: dict[int, frozenset[int]]) -> bool:
    m = error.message
    return m.type == UNREACHABLE[m.family] and m.code in codes[m.family]


def _is_prohibited(error: IcmpError) -> bool:
    return _unreachable(error, PROHIBITED)


def _is_no_way(error: IcmpError) -> bool:
    return _unreachable(error, NO_ROUTE) or _unreachable(error, NO_HOST)


def _is_closed_far(error: IcmpError) -> bool:
    return _unreachable(error, NO_PORT) and _is_from_target(error)


def _is_closed_near(error: IcmpError) -> bool:
    return _unreachable(error, NO_PORT) and not _is_from_target(error)


def _is_from_target(error: IcmpError) -> bool:
    quoted = error.message.quoted
    return quoted is not None and error.message.at.src == quoted.dst


# --- refusals by stage ----------------------------------------------------------------------------


def _refusals(facts: Facts, what: _Refusal, is_wanted: Match) -> Iterator[Fired]:
    """One finding per need, per refused resolver, for the time servers, and a note for the rest."""
    errors = [e for e in matched_errors(facts) if is_wanted(e)]
    if not errors:
        return
    bound = {a.flow.index for a in facts.attempts}
    yield from _of_needs(facts, what, errors)
    names = [e for e in errors if e.flow not in bound and _port(e) == DNS_PORT]
    yield from _of_names(facts, what, names)
    times = [e for e in errors if e.flow not in bound and _port(e) == NTP_PORT]
    yield from _of_time(facts, what, times)
    rest = [e for e in errors if e.flow not in bound and _port(e) not in (DNS_PORT, NTP_PORT)]
    yield from _of_others(facts, what, rest)


def _port(error: IcmpError) -> int | None:
    return error.message.quoted.dport if error.message.quoted is not None else None


def _of_needs(facts: Facts, what: _Refusal, errors: Sequence[IcmpError]) -> Iterator[Fired]:
    about = errors_by_flow(errors)
    for need in facts.needs:
        tried = [a for a in facts.attempts_of(need) if need.direction == "out"]
        refused = [a for a in tried if is_stopped(a, about.get(a.flow.index, ()))]
        own = [e for a in refused for e in about[a.flow.index]]
        if not refused:
            continue
        contrast = facts.reached_by_others(refused[0].address, refused[0].transport, refused[0].port)
        yield facts.finding(
            what.rule,
            Stage.CONNECT,
            f"{name_senders(own)} {what.verb} {where(refused[0])}{_others(refused)}: "
            f"{count_errors(own)} for {_tries(refused)}",
            _evidence(refused, own),
            attempts=refused,
            decisive=[e.message.at.frame for e in own],
            causes=what.causes(facts, own),
            has_contrast=contrast is not None,
            tries=sum(len(a.tries) for a in refused),
            facts=describe_errors(own),
        )


def _evidence(attempts: Sequence[Attempt], errors: Sequence[IcmpError]) -> list[Packet]:
    return [*(a.tries[0] for a in attempts if a.tries), *(e.message.at for e in errors)]


def _of_names(facts: Facts, what: _Refusal, errors: Sequence[IcmpError]) -> Iterator[Fired]:
    """Refused queries, resolver by resolver; harmless when another resolver gives the answer."""
    quotes = [(e, e.message.quoted) for e in errors if e.message.quoted is not None]
    needed = {id(k) for k in relevant_lookups(facts)}
    answered = _last_answers(facts)
    for resolver in list(dict.fromkeys(q.dst for _, q in quotes))[:MAX_RESOLVERS]:
        own = [e for e, q in quotes if q.dst == resolver]
        ports = {q.sport for _, q in quotes if q.dst == resolver}
        pairs = [(k, q) for k in facts.lookups for q in k.queries if q.resolver == resolver and _is_refused(q, ports)]
        failed = [(k, q) for k, q in pairs if id(k) in needed and answered.get(k.name, 0) < q.began_ns - ns(SETTLE_S)]
        asked = failed or pairs
        if asked:
            yield _refused_names(facts, what, resolver, asked, own, Outcome.FAILED if failed else Outcome.NOTE)


def _is_refused(query: DnsQuery, ports: Container[int | None]) -> bool:
    return bool(query.sent) and not query.answers and query.sent[0].at.sport in ports


def _last_answers(facts: Facts) -> dict[str, int]:
    """Name -> when an address for it last came, from whatever resolver."""
    table: dict[str, int] = {}
    for lookup in facts.lookups:
        times = [m.at.time_ns for q in lookup.resolved for m in q.answers]
        table[lookup.name] = max([table.get(lookup.name, 0), *times])
    return table


def _refused_names(
    facts: Facts,
    what: _Refusal,
    resolver: bytes,
    pairs: Sequence[tuple[Lookup, DnsQuery]],
    errors: Sequence[IcmpError],
    outcome: Outcome,
) -> Fired:
    names = tuple(dict.fromkeys(k.name for k, _ in pairs))
    queries = [m.at for _, q in pairs for m in q.sent]
    return facts.finding(
        what.rule,
        Stage.DNS,
        f"{name_senders(errors)} {what.verb} DNS at {ip_text(resolver)}, asked for "
        f"{', '.join(names[:3])}: {count_errors(errors)}",
        [*queries, *(e.message.at for e in errors)],
        outcome=outcome,
        decisive=[e.message.at.frame for e in errors],
        lookups=names if outcome is Outcome.FAILED else (),
        began_ns=max(p.time_ns for p in queries),
        independent=len(pairs),
        target=Target(None, resolver, "udp", DNS_PORT),
        causes=what.causes(facts, errors),
        facts=describe_errors(errors),
    )


def _of_time(facts: Facts, what: _Refusal, errors: Sequence[IcmpError]) -> Iterator[Fired]:
    """Refused time servers: soft, and nothing but a note once another server gives the time."""
    if not errors:
        return
    last = errors[-1].message.at
    servers = dict.fromkeys(e.message.quoted.dst for e in errors if e.message.quoted is not None)
    yield facts.finding(
        what.rule,
        Stage.TIME,
        f"{name_senders(errors)} {what.verb} NTP at {', '.join(ip_text(s) for s in servers)}: {count_errors(errors)}",
        [e.message.at for e in errors],
        outcome=time_outcome(facts, last.time_ns),
        independent=len(servers),
        target=Target(None, next(iter(servers)), "udp", NTP_PORT),
        causes=what.causes(facts, errors),
        facts=describe_errors(errors),
    )


def _of_others(facts: Facts, what: _Refusal, errors: Sequence[IcmpError]) -> Iterator[Fired]:
    """What the device tried beside its vendor's services: worth a note, never a verdict."""
    if not errors:
        return
    targets = dict.fromkeys(name_target(e) for e in errors)
    quoted = errors[0].message.quoted
    transport = "tcp" if quoted is not None and quoted.proto == TCP else "udp"
    yield facts.finding(
        what.rule,
        Stage.CONNECT,
        f"{name_senders(errors)} {what.verb} {', '.join(list(targets)[:3])}: "
        f"{count_errors(errors)}, no service of the vendor",
        [e.message.at for e in errors],
        outcome=Outcome.NOTE,
        target=Target(None, quoted.dst, transport, quoted.dport) if quoted is not None and len(targets) == 1 else None,
        facts=describe_errors(errors),
    )


def _tries(attempts: Sequence[Attempt]) -> str:
    return "1 attempt" if len(attempts) == 1 else f"{len(attempts)} attempts"


def _others(attempts: Sequence[Attempt]) -> str:
    count = len({a.key for a in attempts}) - 1
    return f" and {count} other endpoint{'s' if count > 1 else ''}" if count else ""


# --- causes ---------------------------------------------------------------------------------------


def _reject_causes(facts: Facts, errors: Sequence[IcmpError]) -> list[Cause]:
    sender = errors[0].message.at
    near = "the gateway" if sender.src == facts.gateway else "a device on the way"
    return [
        Cause(
            f"{near} at {ip_text(sender.src)} rejects it by rule",
            35,
            f"it says so itself (frame {sender.frame})",
            "filter",
        )
    ]


def _closed_causes(facts: Facts, errors: Sequence[IcmpError]) -> list[Cause]:
    sender = errors[0].message.at
    if has_foreign_ttl(facts, errors[0].message):
        text = f"the error's TTL {sender.ttl} differs from that address's other packets (frame {sender.frame})"
        return [Cause("a firewall rejects it in the server's name", 40, text, "middlebox")]
    text = f"the error comes from {ip_text(sender.src)} itself (frame {sender.frame})"
    return [Cause("the service is not running at the server, or the server is the wrong one", 35, text, "server")]


def _way_causes(facts: Facts, errors: Sequence[IcmpError]) -> list[Cause]:
    first = errors[0].message
    sender = f"{ip_text(first.at.src)} (frame {first.at.frame})"
    if first.code in NO_ROUTE[first.family]:
        return [
            Cause("a router has no route to the target", 35, f"{sender} says so at once: network unreachable", "uplink")
        ]
    waited = max(delay_ns(facts, e) for e in errors)
    if waited >= ns(LATE_S):
        text = f"{sender} says so {waited / 1e9:.1f} s after the packet, as a router does whose ARP stays unanswered"
        return [Cause("the target is off or has another address", 35, text, "server")]
    return [Cause("a firewall rejects it as host unreachable", 20, f"{sender} says so at once", "filter")]


# --- the rules ------------------------------------------------------------------------------------


@rule("ICMP-ADMIN", stage=Stage.CONNECT, outcomes="Fdn", evidence=Evidence.EXPLICIT)
def admin(facts: Facts) -> Iterator[Fired]:
    """A firewall says that it forbids this traffic.

    **Seen**: ICMP unreachable code 9, 10 or 13 (IPv6: code 1, 5 or 6) that quotes a packet of the device
    which is in the file, and nothing better came for that attempt afterwards. Fewer errors than packets
    are normal: routers limit their rate.

    **Means**: the device at the error's source address refuses by rule; applications report "no route to
    host" or "network unreachable".

    **Not this rule**: an error that quotes a packet nobody sent; an error on a connection that works;
    port unreachable from a router (ICMP-PORT-UNREACH-NEAR); a reset (TCP-SYN-RST).

    **Ask the network team**: open this protocol and port for the device on the box that sent the error.
    """
    yield from _refusals(facts, _Refusal("ICMP-ADMIN", "forbade", _reject_causes), _is_prohibited)


@rule("ICMP-UNREACH", stage=Stage.CONNECT, outcomes="Fdn", evidence=Evidence.EXPLICIT)
def unreach(facts: Facts) -> Iterator[Fired]:
    """A router knows no way to the target.

    **Seen**: ICMP unreachable code 0 (network) or 1 (host), IPv6 code 0 or 3, that quotes a packet of the
    device which is in the file; the attempt went no further.

    **Means**: code 0 at once: no route; code 1 after about three seconds: the last router gets no ARP
    answer, the target is off or has moved; code 1 at once: a firewall.

    **Not this rule**: one error while routes settle, then success (RFC 1122 calls these codes soft); an
    explicit prohibition (ICMP-ADMIN).

    **Ask the network team**: the route of the router that sent the error; else whether the target is up.
    """
    yield from _refusals(facts, _Refusal("ICMP-UNREACH", "knew no way to", _way_causes), _is_no_way)


@rule("ICMP-PORT-UNREACH-FAR", stage=Stage.CONNECT, outcomes="Fdn", evidence=Evidence.EXPLICIT)
def port_unreach_far(facts: Facts) -> Iterator[Fired]:
    """The server says that nothing listens on this port.

    **Seen**: ICMP port unreachable from the very address that the device had sent to.

    **Means**: the service is down, or this is the wrong server.

    **Not this rule**: the error comes from another address (ICMP-PORT-UNREACH-NEAR); the device itself
    sends it for an answer that came too late; the error's TTL is not the server's, then a firewall
    speaks in its name, which the causes say.

    **Ask the network team**: nothing, unless the TTL says firewall; ask the vendor for the service's state.
    """
    yield from _refusals(
        facts, _Refusal("ICMP-PORT-UNREACH-FAR", "had nothing that listens on", _closed_causes), _is_closed_far
    )


@rule("ICMP-PORT-UNREACH-NEAR", stage=Stage.CONNECT, outcomes="Fdn", evidence=Evidence.EXPLICIT)
def port_unreach_near(facts: Facts) -> Iterator[Fired]:
    """A firewall answers in ICMP that the port is unreachable.

    **Seen**: ICMP port unreachable from an address that is not the one the device had sent to.

    **Means**: a firewall rejects with its default answer; the application sees "connection refused".

    **Not this rule**: the server itself says so (ICMP-PORT-UNREACH-FAR); a code that names a prohibition
    (ICMP-ADMIN).

    **Ask the network team**: open this protocol and port for the device on the box that sent the error.
    """
    yield from _refusals(facts, _Refusal("ICMP-PORT-UNREACH-NEAR", "rejected", _reject_causes), _is_closed_near)


@rule("ICMP-TTL-LOOP", stage=Stage.GATEWAY, outcomes="Fn", evidence=Evidence.EXPLICIT)
def ttl_loop(facts: Facts) -> Iterator[Fired]:
    """The device's packets run in a circle between routers.

    **Seen**: three or more "time to live exceeded" for ordinary packets of the device, sent with an
    ordinary TTL.

    **Means**: a routing loop at the site or its provider.

    **Not this rule**: somebody traces the route: echo requests, rising TTLs, UDP to ports from 33434 on.

    **Ask the network team**: the routes of the routers that sent the errors.
    """
    errors = [
        e for e in matched_errors(facts) if e.message.type == TIME_EXCEEDED[e.message.family] and e.message.code == 0
    ]
    errors = [e for e in errors if _is_ordinary(facts, e)]
    if len(errors) < MIN_LOOP:
        return
    about = errors_by_flow(errors)
    lost = [a for a in facts.attempts if a.need.direction == "out" and is_stopped(a, about.get(a.flow.index, ()))]
    flows = set(about)
    works = any(f.received for f in facts.outward_flows if f.index not in flows and facts.is_off_link(f.resp[0]))
    targets = ", ".join(list(dict.fromkeys(name_target(e) for e in errors))[:3])
    # Where other ways out work only the looping services fail; where none does the way out itself is broken.
    yield facts.finding(
        "ICMP-TTL-LOOP",
        Stage.CONNECT if works else Stage.GATEWAY,
        f"{len(errors)} packets to {targets} outlived their TTL, says {name_senders(errors)}",
        [*(a.tries[0] for a in lost if a.tries), *(e.message.at for e in errors)],
        outcome=Outcome.FAILED if lost or not works else Outcome.NOTE,
        attempts=lost if works else (),
        decisive=[e.message.at.frame for e in errors],
        causes=[Cause("a routing loop", 35, f"{name_senders(errors)} report it", "uplink")],
        independent=len(flows),
        tries=len(errors),
        facts=describe_errors(errors),
    )


def _is_ordinary(facts: Facts, error: IcmpError) -> bool:
    """Whether the quoted packet is no probe of a route."""
    if error.flow is None:
        return False
    flow = facts.traffic.flow(error.flow)
    is_probe = flow.proto == UDP and flow.resp[1] in TRACEROUTE
    return not is_probe and flow.proto in (TCP, UDP) and _has_steady_ttl(flow)


def _has_steady_ttl(flow: Flow) -> bool:
    ttls = {p.ttl for p in flow.sent}
    return len(ttls) == 1 and min(ttls) >= NORMAL_TTL


@rule("ICMP-REDIRECT", stage=Stage.GATEWAY, outcomes="n", evidence=Evidence.EXPLICIT)
def redirect(facts: Facts) -> Iterator[Fired]:
    """The gateway sends the device to another router.

    **Seen**: ICMP redirects to the device (type 5; IPv6 137) that name a better first hop.

    **Means**: two routers stand on this subnet; if their firewalls do not share state, answers that come
    back by the other way are dropped.

    **Not this rule**: a redirect alone stops nothing; many stacks ignore it.

    **Ask the network team**: give the device the router that leads out, or let both share state.
    """
    heard = (m for m in facts.traffic.icmp_of(facts.addresses) if m.at.dst in facts.addresses)
    said = [m for m in heard if m.type == REDIRECT[m.family] and m.gateway]
    by_sender: dict[bytes, list[IcmpMessage]] = {}
    for m in said:
        by_sender.setdefault(m.at.src, []).append(m)
    for sender, messages in by_sender.items():
        last = messages[-1]
        better = ip_text(last.gateway or b"")
        about = last.quoted.dst if last.quoted is not None and is_unicast(last.quoted.dst) else None
        target = f" for {ip_text(about)}" if about is not None else ""
        yield facts.finding(
            "ICMP-REDIRECT",
            Stage.GATEWAY,
            f"{ip_text(sender)} points to router {better}{target} ({len(messages)} redirects), "
            f"the device {_reaction(facts, last)}",
            [m.at for m in messages],
            outcome=Outcome.NOTE,
            independent=len(messages),
            target=Target(None, about, None, None),
            facts={"family": last.family, "router": better},
        )


def _reaction(facts: Facts, message: IcmpMessage) -> str:
    """What the device did with a redirect, by the MAC that its later frames to the target carry."""
    if message.quoted is None:
        return "was not seen to react"
    flows = [f for f in facts.outward_flows if f.resp[0] == message.quoted.dst]
    after = [p.dmac for f in flows for p in f.sent if p.frame > message.at.frame]
    before = [p.dmac for f in flows for p in f.sent if p.frame < message.at.frame]
    if not after or not before:
        return "was not seen to react"
    return "follows it" if after[-1] != before[-1] else "goes on as before"
