"""DNS: no answer, refusals, wrong answers, filters that empty or poison them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Unpack

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.domains import is_public_name
from pcapaudit.diagnose.facts import Details, Facts
from pcapaudit.diagnose.fired import Cause, Fired, Target
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.flows.exchanges import NOERROR, NXDOMAIN, REFUSED, SERVFAIL, A, DnsQuery, Lookup
from pcapaudit.model.addresses import ip_text, is_link_local, is_private, is_public, mac_text
from pcapaudit.model.events import DnsMessage, Packet
from pcapaudit.model.words import Outcome, Stage

MIN_GENERAL = 3
"""Queries that a device without a signature must have asked before its DNS is called broken."""
MIN_ANSWERS = {SERVFAIL: 2}
"""One failure of a resolver may be chance; a refusal or "no such name" says what it says."""
NOT_SERVERS = (b"\x00", b"\x7f")
DOCUMENTATION = (b"\xc0\x00\x02", b"\xc6\x33\x64", b"\xcb\x00\x71")
"""RFC 5737: 192.0.2/24, 198.51.100/24, 203.0.113/24."""
ENCRYPTED_DNS = 853
BOOT_WAIT_S = 60.0
WENT_ON_S = 30.0
"""A connection this soon after a question uses its answer."""


def relevant(facts: Facts) -> list[Lookup]:
    """Lookups that decide: the signature's names; without a signature every name, if all of them fail."""
    if facts.signature is not None:
        return [q for q in facts.needed_lookups if facts.needs_name(q.name)]
    # A search list makes names that exist nowhere (gk.sensorist.com.corp.local); they fail by design.
    public = [q for q in facts.lookups if is_public_name(q.name)]
    if sum(len(q.sent) for q in public) < MIN_GENERAL or any(q.resolved for q in facts.lookups):
        return []
    return public


def need_of(facts: Facts, name: str) -> Need | None:
    """The first required need that mentions a name."""
    return next((n for n in facts.needs if n.required and any(p.matches(name) for p in n.hosts)), None)


def _answers_with(lookup: Lookup, rcode: int) -> list[DnsMessage]:
    return [m for m in lookup.answers if m.rcode == rcode]


def _resolver(lookup: Lookup, messages: Sequence[DnsMessage]) -> bytes:
    return messages[-1].at.src if messages and messages[-1].is_response else lookup.queries[-1].resolver


def _fire(
    facts: Facts,
    rule_id: str,
    text: str,
    lookups: Sequence[Lookup],
    messages: Sequence[DnsMessage],
    /,
    **extra: Unpack[Details],
) -> Fired:
    """A finding about names: queries and the answers in question as evidence."""
    asked = [m.at for q in lookups for m in q.sent]
    details: Details = {
        "decisive": [m.at.frame for m in messages][:8],
        "lookups": tuple(dict.fromkeys(q.name for q in lookups)),
        "began_ns": max((p.time_ns for p in asked), default=messages[-1].at.time_ns if messages else 0),
        "independent": max(1, len(messages)),
        "target": Target(lookups[0].name, _resolver(lookups[0], messages), "udp", 53),
        **extra,
    }
    return facts.finding(rule_id, Stage.DNS, text, [*asked, *(m.at for m in messages)], **details)


@rule("DNS-NO-REPLY", stage=Stage.DNS, outcomes="F", evidence=Evidence.BEHAVIOUR)
def no_reply(facts: Facts) -> Iterator[Fired]:
    """The resolver does not answer.

    **Seen**: the question is sent twice or more and no answer comes, with time left for one.

    **Means**: port 53 to this resolver is blocked, or the resolver is down.

    **Not this rule**: another resolver answers the same question (DNS-PARTIAL); the device goes on to
    the right address, so the answer was only not mirrored.

    **Ask the network team**: allow UDP and TCP 53 to this resolver, or give the device another one.
    """
    silent: dict[bytes, list[tuple[Lookup, DnsQuery]]] = {}
    spoke = _last_answers(facts)
    for lookup in relevant(facts):
        for query in lookup.queries:
            is_open = query.sent and not query.answers and query.began_ns > spoke.get(query.resolver, 0)
            if is_open and not _was_used(facts, query):
                silent.setdefault(query.resolver, []).append((lookup, query))
    newest = max((m.at.time_ns for q in facts.lookups for m in q.sent), default=0)
    for resolver, pairs in silent.items():
        packets = [m.at for _, q in pairs for m in q.sent]
        counted = _counted_per_name(facts, pairs, newest)
        if len(counted) < 2:
            continue
        yield _silent_resolver(facts, resolver, [lookup for lookup, _ in pairs], packets, counted)


def _last_answers(facts: Facts) -> dict[bytes, int]:
    """Resolver -> when it last answered this device: a question before that was lost, not ignored."""
    answers = sorted((m.at for lookup in facts.lookups for m in lookup.answers), key=lambda p: p.time_ns)
    return {p.src: p.time_ns for p in answers}


def _counted_per_name(facts: Facts, pairs: Sequence[tuple[Lookup, DnsQuery]], newest: int) -> list[Packet]:
    """Transmissions that count; a name asked only once (in each type) proves nothing."""
    by_name: dict[tuple[str, int], list[Packet]] = {}
    for lookup, query in pairs:
        # From a link-local address nobody beyond the wire can answer: the device has no lease yet.
        sent = [m.at for m in query.sent if not is_link_local(m.at.src)]
        by_name.setdefault((lookup.name, lookup.kind), []).extend(sent)
    repeated = [p for packets in by_name.values() if len(packets) >= 2 for p in packets]
    counted = facts.counted(sorted(repeated, key=lambda p: p.frame), facts.params.dns_wait, last_activity_ns=newest)
    return [p for p in counted if facts.has_waited(p.time_ns, facts.params.dns_wait) or p.time_ns < newest]


def _was_used(facts: Facts, query: DnsQuery) -> bool:
    """Whether the device used an address right after asking: then the answer was only not seen."""
    last = query.sent[-1].at.time_ns
    for flow in facts.outward_flows:
        if flow.resp[1] in (53, 123) or not 0 <= flow.first_ns - last <= ns(WENT_ON_S):
            continue
        is_named = query.name in facts.names.get(flow.resp[0], ())
        if is_named or (not facts.sees_inbound and is_public(flow.resp[0])):
            return True
    return False


def _silent_resolver(
    facts: Facts, resolver: bytes, lookups: Sequence[Lookup], packets: Sequence[Packet], counted: Sequence[Packet]
) -> Fired:
    served = next(
        (m for m in facts.traffic.dns if m.is_response and m.at.src == resolver and m.at.dst not in facts.addresses),
        None,
    )
    others = [q.resolver for k in facts.lookups for q in k.queries if q.answers and q.resolver != resolver]
    causes = []
    if served is not None:
        text = f"it answers {ip_text(served.at.dst)} (frame {served.at.frame})"
        causes.append(Cause("a filter on this device", 35, text, "device_filter"))
    elif is_public(resolver):
        causes.append(Cause("port 53 to public resolvers is blocked", 25, "the resolver is a public one", "filter"))
    else:
        causes.append(Cause("the resolver is down", 20, "nobody gets an answer from it in this capture", "server"))
    names = ", ".join(dict.fromkeys(q.name for q in lookups))
    return facts.finding(
        "DNS-NO-REPLY",
        Stage.DNS,
        f"{len(counted)} queries to {ip_text(resolver)} for {names} unanswered",
        packets,
        lookups=tuple(dict.fromkeys(q.name for q in lookups)),
        began_ns=counted[-1].time_ns,
        independent=len(counted),
        tries=len(packets),
        has_contrast=served is not None or bool(others),
        decisive=[served.at.frame] if served is not None else [],
        target=Target(None, resolver, "udp", 53),
        causes=causes,
    )


@rule("DNS-REFUSED", stage=Stage.DNS, outcomes="F", evidence=Evidence.EXPLICIT)
def refused(facts: Facts) -> Iterator[Fired]:
    """The resolver refuses the question.

    **Seen**: response code 5 for a name that the device needs.

    **Means**: the resolver does not serve this subnet, or is a forwarder without an upstream (extended
    error 14).

    **Not this rule**: another resolver answers the name; only a foreign zone is refused (split DNS).

    **Ask the network team**: allow the device's subnet on the resolver; set its upstream.
    """
    yield from _by_rcode(facts, "DNS-REFUSED", REFUSED, "refuses to resolve")


@rule("DNS-SERVFAIL", stage=Stage.DNS, outcomes="F", evidence=Evidence.EXPLICIT)
def servfail(facts: Facts) -> Iterator[Fired]:
    """The resolver fails.

    **Seen**: response code 2 for a name that the device needs, repeatedly.

    **Means**: the resolver cannot reach its upstream, or DNSSEC validation fails, often through a wrong clock.

    **Not this rule**: one failure, then success.

    **Ask the network team**: the resolver's way to the internet, its DNSSEC settings and its clock.
    """
    yield from _by_rcode(facts, "DNS-SERVFAIL", SERVFAIL, "fails to resolve")


@rule("DNS-NXDOMAIN", stage=Stage.DNS, outcomes="F", evidence=Evidence.EXPLICIT)
def nxdomain(facts: Facts) -> Iterator[Fired]:
    """The resolver says the name does not exist.

    **Seen**: response code 3 for a name that the device needs.

    **Means**: a DNS filter hides the name, the name was retired, or the configuration has a typing error.

    **Not this rule**: the name with a local search suffix appended; AAAA alone while A resolves; names
    that no signature needs.

    **Ask the network team**: unblock the name in the DNS filter; else ask the vendor.
    """
    yield from _by_rcode(facts, "DNS-NXDOMAIN", NXDOMAIN, "says there is no")


def _by_rcode(facts: Facts, rule_id: str, rcode: int, words: str) -> Iterator[Fired]:
    for name, lookups in _by_name(relevant(facts)).items():
        wrong = [m for q in lookups for m in _answers_with(q, rcode)]
        if len(wrong) < MIN_ANSWERS.get(rcode, 1) or (
            all(q.kind != A for q in lookups if _answers_with(q, rcode)) and any(q.kind == A for q in lookups)
        ):
            continue
        last = max(q.began_ns for k in lookups for q in k.queries)
        healed = any(q.began_ns >= wrong[-1].at.time_ns for k in lookups for q in k.resolved)
        elsewhere = next(
            (m for m in facts.traffic.dns if m.question == name and m.is_response and m.answers and m not in wrong),
            None,
        )
        yield _fire(
            facts,
            rule_id,
            f"resolver {ip_text(wrong[-1].at.src)} {words} {name} ({_times(wrong)})",
            lookups,
            wrong,
            has_contrast=elsewhere is not None,
            is_optional=False,
            causes=_wrong_causes(rule_id, wrong, elsewhere),
            facts={"ede": wrong[-1].extended_error, "last_query_ns": last, "healed": healed},
        )


def _wrong_causes(rule_id: str, wrong: Sequence[DnsMessage], elsewhere: DnsMessage | None) -> list[Cause]:
    if elsewhere is not None:
        text = f"the same name resolves in frame {elsewhere.at.frame}"
        return [Cause("a filter on this resolver", 35, text, "dns")]
    codes = {m.extended_error for m in wrong}
    if codes & {15, 16, 17}:
        return [
            Cause("the resolver blocks the name on purpose", 35, "extended DNS error says blocked or filtered", "dns")
        ]
    if 14 in codes:
        return [Cause("the resolver has no upstream", 35, "extended DNS error 14, not ready", "dns")]
    return {
        "DNS-NXDOMAIN": [
            Cause("a DNS filter, or the name no longer exists", 15, "only the answer itself is known", "dns")
        ],
        "DNS-REFUSED": [Cause("the resolver does not serve this subnet", 20, "it answers, and refuses", "dns")],
        "DNS-SERVFAIL": [Cause("the resolver cannot reach its upstream", 20, "it answers, and fails", "uplink")],
    }[rule_id]


def _times(messages: Sequence[DnsMessage]) -> str:
    return "once" if len(messages) == 1 else f"{len(messages)} times"


def _by_name(lookups: Sequence[Lookup]) -> dict[str, list[Lookup]]:
    table: dict[str, list[Lookup]] = {}
    for lookup in lookups:
        table.setdefault(lookup.name, []).append(lookup)
    return table


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
    for lookup in relevant(facts):
        empty = _empty_answers(lookup)
        if lookup.kind == A and empty and not lookup.resolved and not _is_rebinding(facts, lookup, empty):
            yield _fire(
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
    record and without the zone's SOA.

    **Means**: rebinding protection in the router or DNS filter removes the record.

    **Not this rule**: the name is not registered (NXDOMAIN, or a SOA comes along).

    **Ask the network team**: exempt the domain from rebinding protection, or use 1.1.1.1 (SKA-27).
    """
    for lookup in facts.needed_lookups:
        empty = _empty_answers(lookup)
        if lookup.kind != A or not empty or lookup.resolved or not _is_rebinding(facts, lookup, empty):
            continue
        resolver = empty[-1].at.src
        others = any(q.addresses and q.resolver == resolver for k in facts.lookups for q in k.queries)
        elsewhere = next(
            (m for m in facts.traffic.dns if m.question == lookup.name and m.answers and m.at.src != resolver), None
        )
        yield _fire(
            facts,
            "DNS-REBIND-FILTERED",
            f"{ip_text(resolver)} answers {lookup.name} without error, record or SOA ({_times(empty)})",
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


@rule("DNS-SINKHOLE", stage=Stage.DNS, outcomes="F", evidence=Evidence.EXPLICIT)
def sinkhole(facts: Facts) -> Iterator[Fired]:
    """The name resolves to a place where no server is.

    **Seen**: a public vendor name gets 0.0.0.0, a loopback, private or documentation address.

    **Means**: a DNS block list answers in the vendor's place.

    **Not this rule**: names that point to a private address by design; split DNS where the
    connection then works.

    **Ask the network team**: take the name off the block list.
    """
    for lookup in relevant(facts):
        if facts.signature is None or _expects_private(facts, lookup.name):
            continue
        poisoned = [m for m in lookup.answers if _addresses(m) and all(_is_no_server(a) for a in _addresses(m))]
        if not poisoned or _is_used_well(facts, poisoned):
            continue
        bad = ", ".join(dict.fromkeys(ip_text(a) for m in poisoned for a in _addresses(m)))
        yield _fire(
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


def _is_no_server(address: bytes) -> bool:
    if len(address) == 16:
        return not any(address[:15]) or is_private(address)
    return address[:1] in NOT_SERVERS or address[:3] in DOCUMENTATION or is_private(address)


def _is_used_well(facts: Facts, poisoned: Sequence[DnsMessage]) -> bool:
    """A private address that then serves the device is split DNS, not a sinkhole."""
    addresses = {a for m in poisoned for a in _addresses(m)}
    return any(f.resp[0] in addresses and f.has_two_way_data for f in facts.outward_flows)


@rule("DNS-STALE-ANSWER", stage=Stage.DNS, outcomes="F", evidence=Evidence.BEHAVIOUR)
def stale_answer(facts: Facts) -> Iterator[Fired]:
    """The name still points to an address that the peer has left.

    **Seen**: the private address in the answer is unanswered by ARP or ICMP, and the peer's MAC is seen
    with another address.

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
                yield _fire(
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


def _unanswered_arps(facts: Facts, address: bytes) -> list[Packet]:
    """ARP requests for an address after its last reply."""
    found: list[Packet] = []
    for question in facts.arps:
        if question.target == address:
            last = question.replies[-1].at.time_ns if question.replies else 0
            found += [m.at for m in question.requests if m.at.time_ns > last]
    return found


def _is_unreachable(facts: Facts, address: bytes) -> bool:
    silent = len(_unanswered_arps(facts, address)) >= facts.params.arp_min_tries
    errors = any(e.message.quoted is not None and e.message.quoted.dst == address for e in facts.icmp_errors)
    dead = any(f.resp[0] == address and f.syns and not f.received for f in facts.outward_flows)
    return silent or errors or dead


def _moved_owner(facts: Facts, address: bytes) -> tuple[bytes, bytes, int] | None:
    """MAC, present address and a frame of the host that serves the need and is not at the address.

    Known by its earlier use of the address, or as the one other host that listens on the need's port.
    """
    for host in facts.hosts:
        if host.mac is None or host.mac == facts.mac or host.is_router or not host.addresses:
            continue
        now = next((a for a in reversed(host.addresses) if len(a) == 4 and a != address and is_private(a)), None)
        if now is None:
            continue
        if address in host.addresses or _is_like_peer(facts, host.addresses):
            return host.mac, now, host.last_frame
    return None


def _is_like_peer(facts: Facts, addresses: Sequence[bytes]) -> bool:
    """Whether a host is recognised as the product that the device looks for."""
    peers: frozenset[bytes] = facts.traffic.memo.get("service_hosts", frozenset())
    return any(a in peers for a in addresses)


@rule("DNS-PARTIAL", stage=Stage.DNS, outcomes="n", evidence=Evidence.EXPLICIT)
def partial(facts: Facts) -> Iterator[Fired]:
    """One resolver fails, another one serves the device.

    **Seen**: queries to one resolver stay without a usable answer, every needed name resolves at another.

    **Means**: the device works; the spare resolver is blocked or down (WSC-13).

    **Not this rule**: a needed name resolves nowhere (DNS-NO-REPLY and its kin).

    **Ask the network team**: nothing is needed.
    """
    queries = [q for lookup in facts.needed_lookups for q in lookup.queries]
    good = {q.resolver for q in queries if q.addresses}
    silent = [q for q in queries if q.sent and not q.answers and q.resolver not in good]
    waited = [q for q in silent if facts.has_waited(q.sent[-1].at.time_ns, facts.params.dns_wait)]
    if not good or not waited:
        return
    resolver = waited[0].resolver
    yield facts.finding(
        "DNS-PARTIAL",
        Stage.DNS,
        f"{ip_text(resolver)} does not answer, {ip_text(min(good))} does: harmless",
        [m.at for q in waited for m in q.sent],
        outcome=Outcome.NOTE,
        target=Target(None, resolver, "udp", 53),
    )


@rule("DNS-NO-QUERY", stage=Stage.DNS, outcomes="?", evidence=Evidence.ABSENCE)
def no_query(facts: Facts) -> Iterator[Fired]:
    """The device has an address but asks for no name.

    **Seen**: a lease, its boot inside the window, a minute or more of time, and no query.

    **Means**: it uses cached or literal addresses, encrypted DNS, or its DNS setting is broken; the
    capture cannot tell which.

    **Not this rule**: the lease names no DNS server (DHCP-NO-DNS).

    **Ask the network team**: check the DNS setting of the device.
    """
    ack = facts.lease
    if ack is None or facts.signature is None or facts.lookups or not facts.has_waited(ack.at.time_ns, BOOT_WAIT_S):
        return
    if (
        not ack.dns_servers
        or not facts.has_boot
        or any(f.received for f in facts.outward_flows if is_public(f.resp[0]))
    ):
        return
    hidden = any(f.resp[1] == ENCRYPTED_DNS for f in facts.outward_flows)
    text = "name resolution is encrypted" if hidden else "the device has a lease, yet asks for no name"
    yield facts.finding("DNS-NO-QUERY", Stage.DNS, text, [ack.at], outcome=Outcome.UNDECIDABLE)
