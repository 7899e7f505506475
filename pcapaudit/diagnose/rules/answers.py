"""DNS answers that lead nowhere: empty, poisoned, out of date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.domains import is_public_name, registered_domain
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired
from pcapaudit.diagnose.lookups import (
    attempts_for,
    lookup_finding,
    need_of,
    relevant_by_name,
    relevant_lookups,
    times_words,
)
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.flows import layout
from pcapaudit.flows.exchanges import NOERROR, A, DnsQuery, Lookup
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text, is_inside, is_private, is_public, mac_text
from pcapaudit.model.events import DnsMessage, Packet
from pcapaudit.model.words import Outcome, Stage

NOT_SERVERS = (b"\x00", b"\x7f")
DOCUMENTATION = (b"\xc0\x00\x02", b"\xc6\x33\x64", b"\xcb\x00\x71")
"""RFC 5737: 192.0.2/24, 198.51.100/24, 203.0.113/24."""

UNUSED_S = 60.0
"""How long the device must leave a good answer alone (catalogue, DNS-ANSWER-UNUSED)."""
MIN_DOMAINS, MAX_NAMES = 3, 200
"""Unrelated domains that no honest server stands for alone, and names of one address that are looked at."""
MIN_ASKED_AGAIN = 2
"""Questions repeated while their answer is valid; one may have crossed it."""


def _empty_answers(lookup: Lookup) -> list[DnsMessage]:
    """Answers without error and without an address of the type asked."""
    return [
        m
        for m in lookup.answers
        if m.rcode == NOERROR
        and m.is_complete
        and not m.is_truncated
        and not any(isinstance(r.data, bytes) for r in m.answers)
    ]


def _stripped_answers(lookup: Lookup) -> list[DnsMessage]:
    """Answers without an address, or with none but 0.0.0.0 or ``::``, which some filters put in its place."""
    null = [m for m in lookup.answers if _addresses(m) and not any(any(a) for a in _addresses(m))]
    return sorted([*_empty_answers(lookup), *null], key=lambda m: m.at.frame)


def _expects_private(facts: Facts, name: str) -> bool:
    return any(n.expects_private_address and any(p.matches(name) for p in n.hosts) for n in facts.needs)


@rule("DNS-NODATA", stage=Stage.DNS, outcomes="F", evidence=Evidence.EXPLICIT)
def nodata(facts: Facts) -> Iterator[Fired]:
    """The name exists but has no address.

    **Seen**: no error, and no A record for a name that the device needs.

    **Means**: the record is filtered, or the name is wrong.

    **Not this rule**: AAAA alone is empty: normal; a rebinding filter that empties private answers
    (DNS-REBIND-FILTERED).

    **Ask the network team**: unblock the name in the DNS filter.
    """
    for lookup in relevant_lookups(facts):
        empty = _empty_answers(lookup)
        if lookup.kind == A and empty and not lookup.resolved and not _is_rebinding(facts, lookup, empty):
            yield lookup_finding(
                facts,
                "DNS-NODATA",
                f"{ip_text(empty[-1].at.src)} knows {lookup.name} but gives no address",
                [lookup],
                empty,
            )


def _is_rebinding(facts: Facts, lookup: Lookup, empty: Sequence[DnsMessage]) -> bool:
    """An empty answer without even the zone's SOA (RFC 2308), for a name that must give a private address."""
    return _expects_private(facts, lookup.name) and not any(m.has_soa for m in empty)


@rule("DNS-REBIND-FILTERED", stage=Stage.DNS, outcomes="F", evidence=Evidence.ABSENCE)
def rebind_filtered(facts: Facts) -> Iterator[Fired]:
    """The resolver strips a private address from the answer.

    **Seen**: a name that by design points to a private address gets an answer without error, without
    record and without the zone's SOA; or with 0.0.0.0 instead of an address.

    **Means**: rebinding protection in the router or DNS filter removes the record.

    **Not this rule**: the name is not registered (NXDOMAIN, or a SOA comes along).

    **Ask the network team**: exempt the domain from rebinding protection, or use 1.1.1.1 (SKA-27).
    """
    for lookup in facts.needed_lookups:
        empty = _stripped_answers(lookup)
        is_resolved = any(any(a) for q in lookup.resolved for a in q.addresses)
        if lookup.kind != A or not empty or is_resolved or not _is_rebinding(facts, lookup, empty):
            continue
        resolver = empty[-1].at.src
        others = any(q.addresses and q.resolver == resolver for k in facts.lookups for q in k.queries)
        told = facts.traffic.dns_answers_about(lookup.name).saying(lambda m: m.answers)
        elsewhere = next((m for m in told if m.at.src != resolver), None)
        yield lookup_finding(
            facts,
            "DNS-REBIND-FILTERED",
            f"{ip_text(resolver)} answers {lookup.name} without error, {_rest_of(empty[-1])} ({times_words(empty)})",
            [lookup],
            empty,
            has_contrast=elsewhere is not None or others,
            is_agreed=any(m.extended_error == 15 for m in empty),
            need=need_of(facts, lookup.name),
            causes=[
                Cause(
                    "rebinding protection removes private addresses",
                    35,
                    "other names resolve there" if others else "the SOA is missing",
                    "dns",
                )
            ],
        )


def _rest_of(message: DnsMessage) -> str:
    left = ", ".join(ip_text(a) for a in _addresses(message))
    return f"with {left} instead of an address" if left else "record or SOA"


@rule("DNS-SINKHOLE", stage=Stage.DNS, outcomes="F", evidence=Evidence.EXPLICIT)
def sinkhole(facts: Facts) -> Iterator[Fired]:
    """The name resolves to a place where no server is.

    **Seen**: a public vendor name gets 0.0.0.0, a loopback, private or documentation address; or a public one that
    stands for three or more unrelated domains, and nothing there serves the device.

    **Means**: a DNS block list answers in the vendor's place.

    **Not this rule**: names that point to a private address by design; split DNS where the
    connection then works.

    **Ask the network team**: take the name off the block list.
    """
    for lookup in relevant_lookups(facts):
        if facts.signature is None or _expects_private(facts, lookup.name):
            continue
        poisoned = [m for m in lookup.answers if _addresses(m) and all(_is_bad(facts, a) for a in _addresses(m))]
        if not poisoned or _is_used_well(facts, poisoned):
            continue
        bad = ", ".join(dict.fromkeys(ip_text(a) for m in poisoned for a in _addresses(m)))
        yield lookup_finding(
            facts,
            "DNS-SINKHOLE",
            f"{ip_text(poisoned[-1].at.src)} answers {lookup.name} with {bad}",
            [lookup],
            poisoned,
            causes=[Cause("a DNS block list", 35, f"{bad} is no address of a public server", "dns")],
            is_agreed=any(m.extended_error in (15, 16, 17) for m in poisoned),
        )


def _addresses(message: DnsMessage) -> list[bytes]:
    return [r.data for r in message.answers if isinstance(r.data, bytes)]


def _is_bad(facts: Facts, address: bytes) -> bool:
    if _is_no_server(address):
        return True
    # Whether the device tried it, and neither it nor anybody else got a connection there.
    is_dead = _is_catch_all(facts.traffic, address) and not _serves_somebody(facts.traffic, address)
    return is_dead and address in facts.called


def _is_catch_all(traffic: Traffic, address: bytes) -> bool:
    """Whether names of several unrelated owners lead to one address; found once per capture."""
    known: dict[bytes, bool] = traffic.memo.setdefault("catch_all", {})
    if address not in known:
        names = traffic.names.get(address, ())[:MAX_NAMES]
        known[address] = len({registered_domain(n) for n in names if is_public_name(n)}) >= MIN_DOMAINS
    return known[address]


def _serves_somebody(traffic: Traffic, address: bytes) -> bool:
    """Whether any host got a connection at an address, a shared server's say; found once per capture."""
    known: dict[bytes, bool] = traffic.memo.setdefault("serving", {})
    if address not in known:
        flows = traffic.flows_by_address.get(address, ())[:MAX_NAMES]
        known[address] = any(traffic.digests.table[i, layout.STATE] & layout.ESTABLISHED for i in flows)
    return known[address]


def _is_no_server(address: bytes) -> bool:
    if len(address) == 16:
        return not any(address[:15]) or is_private(address)
    return address[:1] in NOT_SERVERS or address[:3] in DOCUMENTATION or is_private(address)


def _is_used_well(facts: Facts, poisoned: Sequence[DnsMessage]) -> bool:
    """A private address that then serves the device is split DNS, not a sinkhole."""
    addresses = {a for m in poisoned for a in _addresses(m)}
    return any(a.address in addresses and a.answered_ns is not None for a in facts.attempts)


# --- right answers ---------------------------------------------------------------------------------


@rule("DNS-ANSWER-UNUSED", stage=Stage.DNS, outcomes="F", evidence=Evidence.BEHAVIOUR)
def answer_unused(facts: Facts) -> Iterator[Fired]:
    """A good answer passes the mirror point, and the device asks again instead of using it.

    **Seen**: a needed name resolves; then for a minute or more no packet and no ARP request goes to any address
    of the name, while the device repeats the question: the same packet again, or a new one long before the
    answer has run out.

    **Means**: the answer gets lost between the mirror point and the device, or the device does not accept it.

    **Not this rule**: a question whose answer has run out is asked again: that is how names are kept fresh;
    the device uses the service by whatever address.

    **Ask the network team**: look between the mirror point and the device; else ask the vendor.
    """
    for name, lookups in relevant_by_name(facts).items():
        good = next((q for k in lookups for q in k.resolved if q.sent), None)
        if good is None or not facts.has_waited(good.answers[0].at.time_ns, UNUSED_S) or _is_in_use(facts, name, good):
            continue
        asked, answers = _asked_again(lookups)
        if len(asked) >= MIN_ASKED_AGAIN and not _goes_there(facts, lookups):
            yield lookup_finding(
                facts,
                "DNS-ANSWER-UNUSED",
                f"{ip_text(good.resolver)} answers {name}, the device asks {len(asked)} times more and goes nowhere",
                lookups,
                answers,
                decisive=[answers[0].at.frame, *(p.frame for p in asked[:4])],
                began_ns=asked[-1].time_ns,
                independent=len(asked),
                need=need_of(facts, name),
                causes=[
                    Cause(
                        "the answers get lost between the mirror point and the device", 25, "it asks again", "filter"
                    ),
                    Cause("the device does not accept the answer", 15, "it asks again", "device"),
                ],
            )


def _is_in_use(facts: Facts, name: str, good: DnsQuery) -> bool:
    """Whether the device spoke to the service after the answer, or has a connection there that stands idle."""
    since = good.answers[0].at.time_ns
    flows = [a.flow for a in attempts_for(facts, [name])]
    if any(f.last_ns >= since or (f.has_two_way_data and f.closed_at is None) for f in flows):
        return True
    # A connection of old may lead to an address that no answer in the capture names; its port is the service's.
    ranges = [r for n in facts.needs if any(p.matches(name) for p in n.hosts) for e in n.endpoints for r in e.ports]
    outward = facts.outward_flows
    ports = set(outward.ports[outward.is_answered & (outward.last_ns >= since)].tolist())
    return any(r.low <= port <= r.high for port in ports for r in ranges)


def _asked_again(lookups: Sequence[Lookup]) -> tuple[list[Packet], list[DnsMessage]]:
    """Questions sent although an answer for the same type was valid, and those answers."""
    asked: list[Packet] = []
    answers: list[DnsMessage] = []
    for lookup in lookups:
        valid_ns, last = 0, None
        for m in sorted((m for q in lookup.queries for m in (*q.sent, *q.answers)), key=lambda m: m.at.frame):
            if m.is_response and _addresses(m):
                lifetime = min(r.ttl for r in m.answers if isinstance(r.data, bytes))
                valid_ns, last = m.at.time_ns + ns(lifetime), m
            elif not m.is_response and last is not None and (m.at.time_ns < valid_ns or _is_same(m, last)):
                asked.append(m.at)
                answers.append(last)
    return asked, answers


def _is_same(question: DnsMessage, answer: DnsMessage) -> bool:
    """Whether a question carries the id and port that an answer was for: the same one, sent again (catalogue, M9)."""
    return (question.id, question.at.sport) == (answer.id, answer.at.dport)


def _goes_there(facts: Facts, lookups: Sequence[Lookup]) -> bool:
    """Whether the device sends anything, be it an ARP request, to an address of the name."""
    addresses = {a for k in lookups for q in k.queries for a in q.addresses}
    if any(q.target in addresses for q in facts.arps):
        return True
    return any(facts.traffic.ends(i)[s] in addresses for i in facts.flows for s in (0, 2))


@rule("DNS-ADDR-UNEXPECTED", stage=Stage.DNS, outcomes="n", evidence=Evidence.EXPLICIT)
def address_unexpected(facts: Facts) -> Iterator[Fired]:
    """The name leads to an address that the vendor's paper does not list.

    **Seen**: none of the public addresses in the answer for a needed name is among those of the paper.

    **Means**: nothing bad: the papers are old and say that addresses change. A firewall rule by address,
    however, blocks the new one.

    **Not this rule**: a private or impossible address (DNS-SINKHOLE).

    **Ask the network team**: allow the service by name or port, not by the addresses of the paper.
    """
    for need in facts.needs:
        if not need.required or not need.addresses:
            continue
        for lookup in facts.needed_lookups:
            if not any(p.matches(lookup.name) for p in need.hosts):
                continue
            new = [q for q in lookup.resolved if q.addresses and not any(_is_listed(need, a) for a in q.addresses)]
            if not new:
                continue
            shown = ", ".join(dict.fromkeys(ip_text(a) for q in new for a in q.addresses[:3]))
            yield lookup_finding(
                facts,
                "DNS-ADDR-UNEXPECTED",
                f"{lookup.name} resolves to {shown}, which the vendor's paper does not list",
                [lookup],
                [m for q in new for m in q.answers],
                outcome=Outcome.NOTE,
                need=need,
            )


def _is_listed(need: Need, address: bytes) -> bool:
    """Whether the paper lists an address, or lists none of its kind, or it is none of a public server at all."""
    is_of_other_kind = all(network.max_prefixlen != 8 * len(address) for network in need.addresses)
    return is_of_other_kind or not is_public(address) or any(is_inside(address, net) for net in need.addresses)


@rule("DNS-STALE-ANSWER", stage=Stage.DNS, outcomes="F", evidence=Evidence.BEHAVIOUR)
def stale_answer(facts: Facts) -> Iterator[Fired]:
    """The name still points to an address that the peer has left.

    **Seen**: the private address in the answer is unanswered by ARP or ICMP, and the peer's MAC is seen
    with another address. Or the device keeps calling an address in vain that served it and whose answer has
    run out, while a newer answer in the capture names another one, where the service answers somebody else.

    **Means**: the peer's address changed and DNS has not followed yet (SKA-26).

    **Not this rule**: the peer is off (its MAC is not seen): ARP-PEER-NO-REPLY alone.

    **Ask the network team**: a fixed address for the peer; until DNS follows wait, or use 1.1.1.1.
    """
    for lookup in facts.needed_lookups:
        if lookup.kind != A or not _expects_private(facts, lookup.name) or not lookup.resolved:
            continue
        query = lookup.resolved[-1]
        for address in query.addresses:
            moved = _moved_owner(facts, address)
            if moved is not None and _is_unreachable(facts, address):
                mac, now, frame = moved
                yield lookup_finding(
                    facts,
                    "DNS-STALE-ANSWER",
                    f"{lookup.name} still resolves to {ip_text(address)}, "
                    f"whose owner {mac_text(mac)} now uses {ip_text(now)}",
                    [lookup],
                    query.answers,
                    decisive=[*query.frames[-2:], *(p.frame for p in _unanswered_arps(facts, address))],
                    need=need_of(facts, lookup.name),
                    has_contrast=True,
                    causes=[
                        Cause(
                            "the DNS record is out of date",
                            35,
                            f"{mac_text(mac)} uses {ip_text(now)} (frame {frame})",
                            "dns",
                        )
                    ],
                )

    if facts.signature is not None:
        yield from _outdated(facts)


def _outdated(facts: Facts) -> Iterator[Fired]:
    """The device calls addresses whose answers have run out, and newer ones name another address that works."""
    for name, lookups in relevant_by_name(facts).items():
        last_told = {a: m for k in lookups for m in k.answers for a in _addresses(m)}
        stale = [] if _expects_private(facts, name) else _stale_attempts(attempts_for(facts, [name]), last_told)
        newer = facts.traffic.dns_answers_about(name).saying(_addresses) if stale and name else ()
        if not newer:
            continue
        current = newer[-1]
        for attempt in stale:
            old = last_told[attempt.address]
            if attempt.address in _addresses(current) or current.at.time_ns > attempt.began_ns:
                continue
            works = (
                facts.reached_by_others(a, attempt.transport, attempt.port, since_ns=current.at.time_ns)
                for a in _addresses(current)
            )
            contrast = next((c for c in works if c is not None), None)
            if contrast is None:
                continue
            yield lookup_finding(
                facts,
                "DNS-STALE-ANSWER",
                f"the device still calls {ip_text(attempt.address)} for {name}, which has moved to "
                f"{', '.join(ip_text(a) for a in _addresses(current)[:3])}",
                lookups,
                [old, current],
                began_ns=attempt.began_ns,
                need=attempt.need,
                decisive=[old.at.frame, current.at.frame, *attempt.frames[:2], contrast.frame],
                has_contrast=True,
                causes=[
                    Cause(
                        "the device holds on to an old address",
                        35,
                        f"its answer ran out, frame {old.at.frame}",
                        "device",
                    )
                ],
            )
            break


def _stale_attempts(attempts: Sequence[Attempt], last_told: Mapping[bytes, DnsMessage]) -> list[Attempt]:
    """Vain attempts at addresses that had served before, made after the last answer that named them ran out.

    An address that never served may be held back by a filter, like every other one.
    """
    ends = {address: _end_of(message) for address, message in last_told.items()}
    late = [a for a in attempts if a.began_ns > ends.get(a.address, a.began_ns) and not a.flow.is_established]
    served_ns = _first_served(attempts) if late else {}
    return [a for a in late if served_ns.get(a.address, a.began_ns) < a.began_ns]


def _first_served(attempts: Sequence[Attempt]) -> dict[bytes, int]:
    """Begin of the first answered attempt to each address, in ns."""
    served: dict[bytes, int] = {}
    for attempt in attempts:
        if attempt.answered_ns is not None:
            served[attempt.address] = min(attempt.began_ns, served.get(attempt.address, attempt.began_ns))
    return served


def _end_of(message: DnsMessage) -> int:
    """When an answer runs out."""
    return message.at.time_ns + ns(min(r.ttl for r in message.answers if isinstance(r.data, bytes)))


def _unanswered_arps(facts: Facts, address: bytes) -> list[Packet]:
    """ARP requests for an address after its last reply."""
    found: list[Packet] = []
    for question in facts.arps:
        if question.target == address:
            found += [m.at for m in question.requests if m.at.time_ns > question.answered_ns]
    return found


def _is_unreachable(facts: Facts, address: bytes) -> bool:
    silent = len(_unanswered_arps(facts, address)) >= facts.params.arp_min_tries
    errors = any(e.message.quoted is not None and e.message.quoted.dst == address for e in facts.icmp_errors)
    dead = any(f.resp[0] == address and f.syns and not f.received for f in facts.outward_flows)
    return silent or errors or dead


def _moved_owner(facts: Facts, address: bytes) -> tuple[bytes, bytes, int] | None:
    """MAC, present address and a frame of the host that serves the need and is not at the address.

    Known by its earlier use of the address, or, where nobody holds the address, as the vendor's product that the
    device looks for.
    """
    is_held = any(address in host.addresses for host in facts.hosts)
    for host in facts.hosts:
        if host.mac is None or host.mac == facts.mac or host.is_router or not host.addresses:
            continue
        now = next((a for a in reversed(host.addresses) if len(a) == 4 and a != address and is_private(a)), None)
        if now is None:
            continue
        if address in host.addresses or (not is_held and _is_like_peer(facts, host.addresses)):
            return host.mac, now, host.last_frame
    return None


def _is_like_peer(facts: Facts, addresses: Sequence[bytes]) -> bool:
    """Whether a host is recognised as another product of the device's vendor: the one that it looks for."""
    by_vendor: dict[str, frozenset[bytes]] = facts.traffic.memo.get("hosts_by_vendor", {})
    peers = by_vendor.get(facts.signature.vendor, frozenset()) if facts.signature is not None else frozenset()
    return any(a in peers for a in addresses)
