"""DNS: resolvers that do not answer, refuse or fail, and devices that do not ask."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property

from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.encrypted import uses_encrypted_dns
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired, Target
from pcapaudit.diagnose.lookups import lookup_finding, relevant_by_name, relevant_lookups, times_words
from pcapaudit.diagnose.odds import may_be_lost
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.flows.exchanges import NOERROR, NXDOMAIN, REFUSED, SERVFAIL, A, DnsQuery, Lookup
from pcapaudit.flows.flow import Flow
from pcapaudit.model.addresses import ip_text, is_link_local, is_public
from pcapaudit.model.events import DnsMessage, Packet
from pcapaudit.model.words import Outcome, Stage

MIN_ANSWERS = {SERVFAIL: 2}
"""One failure of a resolver may be chance; a refusal or "no such name" says what it says."""
BOOT_WAIT_S = 60.0
WENT_ON_S = 30.0
"""A connection this soon after a question uses its answer."""


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
    asked, sequels = facts.lookups, _Sequels(facts)
    unanswered = [(k, q) for k in relevant_lookups(facts) for q in k.queries if q.sent and not q.answers]
    spoke = _last_answers(asked) if unanswered else {}
    for lookup, query in unanswered:
        is_open = query.began_ns > spoke.get(query.resolver, 0) and not _is_cut_elsewhere(lookup)
        if is_open and not sequels.was_used(query):
            silent.setdefault(query.resolver, []).append((lookup, query))
    newest = max((m.at.time_ns for q in asked for m in q.sent), default=0) if silent else 0
    for resolver, pairs in silent.items():
        packets = [m.at for _, q in pairs for m in q.sent]
        counted = _counted_per_name(facts, pairs, newest)
        # A query that is sent again unchanged got no answer; one that would have come anyway may have lost it.
        is_repeated = any(len(q.sent) > 1 for _, q in pairs)
        if len(counted) < 2 or (not is_repeated and may_be_lost(facts, len(counted))):
            continue
        if not facts.has_waited(counted[0].time_ns, facts.params.dns_wait):
            # An impatient device repeats within seconds; the capture ends before the first answer was due.
            continue
        yield _silent_resolver(facts, resolver, [lookup for lookup, _ in pairs], packets, counted)


def _last_answers(lookups: Sequence[Lookup]) -> dict[bytes, int]:
    """Resolver -> when it last answered this device: a question before that was lost, not ignored."""
    answers = sorted((m.at for lookup in lookups for m in lookup.answers), key=lambda p: p.time_ns)
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


class _Sequels:
    """What the device did after its questions; gathered once, for there may be thousands of them."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    @cached_property
    def _flows(self) -> list[Flow]:
        return sorted((f for f in self._facts.outward_flows if f.resp[1] not in (53, 123)), key=lambda f: f.first_ns)

    @cached_property
    def _bound(self) -> dict[int, Attempt]:
        """What the connection itself says (SNI, Host) names an address whose answer is not in the capture."""
        return {a.flow.index: a for a in self._facts.attempts}

    @cached_property
    def _sought_ns(self) -> list[int]:
        facts = self._facts
        known = {facts.gateway, *(q.resolver for k in facts.lookups for q in k.queries), *facts.addresses}
        return sorted(m.at.time_ns for q in facts.arps if q.target not in known for m in q.requests)

    def was_used(self, query: DnsQuery) -> bool:
        """Whether the device used an address right after asking: then the answer was only not seen."""
        last = query.sent[-1].at.time_ns
        until = last + ns(WENT_ON_S)
        low = bisect_left(self._flows, last, key=lambda f: f.first_ns)
        high = bisect_right(self._flows, until, key=lambda f: f.first_ns)
        if any(self._is_sequel(query, self._flows[place]) for place in range(low, high)):
            return True
        # In a capture of its direction alone: it looked on the link for somebody else than gateway and resolver.
        if self._facts.sees_inbound:
            return False
        return bisect_left(self._sought_ns, last) < bisect_right(self._sought_ns, until)

    def _is_sequel(self, query: DnsQuery, flow: Flow) -> bool:
        attempt = self._bound.get(flow.index)
        if query.name in self._facts.names.get(flow.resp[0], ()) or (attempt and attempt.host == query.name):
            return True
        # A connection that begins without its SYN shows that frames are missing: the answer may be among them.
        is_holed = attempt is not None and attempt.transport == "tcp" and not flow.syns
        if attempt is not None and is_holed and any(p.matches(query.name) for p in attempt.need.hosts):
            return True
        return not self._facts.sees_inbound and is_public(flow.resp[0])


def _is_cut_elsewhere(lookup: Lookup) -> bool:
    """Whether some resolver answered in a message that the snap length cut: what it said is not known."""
    return any(not m.is_complete and m.rcode == NOERROR for m in lookup.answers)


def _silent_resolver(
    facts: Facts, resolver: bytes, lookups: Sequence[Lookup], packets: Sequence[Packet], counted: Sequence[Packet]
) -> Fired:
    given = facts.traffic.dns_answers_from(resolver)
    served = next((m for m in given if m.at.dst not in facts.addresses), None)
    others = [q.resolver for k in facts.lookups for q in k.queries if q.answers and q.resolver != resolver]
    causes = []
    if served is not None:
        text = f"it answers {ip_text(served.at.dst)} (frame {served.at.frame})"
        causes.append(Cause("a filter on this device", 35, text, "device_filter"))
    elif is_public(resolver) and facts.is_off_link(resolver):
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


def _answers_with(lookup: Lookup, rcode: int) -> list[DnsMessage]:
    return [m for m in lookup.answers if m.rcode == rcode]


def _by_rcode(facts: Facts, rule_id: str, rcode: int, words: str) -> Iterator[Fired]:
    for name, lookups in relevant_by_name(facts).items():
        wrong = [m for q in lookups for m in _answers_with(q, rcode)]
        if len(wrong) < MIN_ANSWERS.get(rcode, 1) or (
            all(q.kind != A for q in lookups if _answers_with(q, rcode)) and any(q.kind == A for q in lookups)
        ):
            continue
        last = max(q.began_ns for k in lookups for q in k.queries)
        healed = any(q.began_ns >= wrong[-1].at.time_ns for k in lookups for q in k.resolved)
        told, own = facts.traffic.dns_answers_about(name).saying(lambda m: m.answers), frozenset(wrong)
        elsewhere = next((m for m in told if m not in own), None)
        yield lookup_finding(
            facts,
            rule_id,
            f"resolver {ip_text(wrong[-1].at.src)} {words} {name} ({times_words(wrong)})",
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
    refusing = [q for q in queries if q.rcode in (REFUSED, SERVFAIL) and q.resolver not in good]
    if not good or not (waited or refusing):
        return
    resolver = (waited or refusing)[0].resolver
    how = "does not answer" if waited else "answers without an address"
    yield facts.finding(
        "DNS-PARTIAL",
        Stage.DNS,
        f"{ip_text(resolver)} {how}, {ip_text(min(good))} serves the device: harmless",
        [m.at for q in (waited or refusing) for m in (*q.sent, *q.answers)],
        outcome=Outcome.NOTE,
        target=Target(None, resolver, "udp", 53),
    )


@rule("DNS-NO-QUERY", stage=Stage.DNS, outcomes="F?", evidence=Evidence.ABSENCE)
def no_query(facts: Facts) -> Iterator[Fired]:
    """The device has an address but asks for no name.

    **Seen**: a lease that names a resolver, the boot inside the window, a minute or more of time in which the
    device is alive, and neither a query nor anything to a far address.

    **Means**: its DNS setting is broken, or it waits for something else. Where its name resolution is encrypted,
    or the device may still be starting, the capture cannot tell.

    **Not this rule**: the lease names no DNS server (DHCP-NO-DNS); it uses cached or literal addresses.

    **Ask the network team**: check the DNS setting of the device.
    """
    ack = facts.lease
    if ack is None or facts.signature is None or facts.lookups or not facts.has_waited(ack.at.time_ns, BOOT_WAIT_S):
        return
    if (
        not ack.dns_servers
        or not facts.has_boot
        or facts.visibility.missing == "outbound"
        or any(f.received for f in facts.outward_flows if is_public(f.resp[0]))
    ):
        return
    is_hidden = uses_encrypted_dns(facts)
    text = "name resolution is encrypted" if is_hidden else "the device has a lease, yet asks for no name"
    is_sure = not is_hidden and _is_idle_after_boot(facts, ack.at.time_ns)
    outcome = Outcome.FAILED if is_sure else Outcome.UNDECIDABLE
    yield facts.finding("DNS-NO-QUERY", Stage.DNS, text, [ack.at], outcome=outcome)


def _is_idle_after_boot(facts: Facts, since_ns: int) -> bool:
    """Whether a device that needs names is up for a minute and does nothing beyond its subnet, not even a ping."""
    needs_names = any(n.required and n.hosts and n.when in ("always", "boot") for n in facts.needs)
    is_up = facts.host.last_ns - since_ns >= ns(BOOT_WAIT_S)
    goes_out = any(is_public(f.resp[0]) for f in facts.outward_flows) or bool(facts.pings)
    return needs_names and is_up and not goes_out
