"""DNS answers that are too large for the way: cut off by the resolver, or lost with their extension or fragments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired, Target
from pcapaudit.diagnose.lookups import (
    attempts_for,
    lookup_finding,
    relevant_by_name,
    served_after,
    times_words,
)
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.flows.exchanges import DnsQuery, Lookup
from pcapaudit.flows.flow import TCP, Flow
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.events import DnsMessage, Packet
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import Outcome, Stage

DNS_PORT = 53
MIN_TRIES = 2
"""A single try may be lost by chance; a repeat is the device's own word (ground rule G1)."""


# --- cut off --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cut:
    """A name whose answers over UDP were cut off, and what became of the device's tries over TCP."""

    name: str
    lookups: Sequence[Lookup]
    answers: Sequence[DnsMessage]
    flows: Sequence[Flow]

    @property
    def resolver(self) -> bytes:
        """Who cut the last answer."""
        return self.answers[-1].at.src

    @property
    def since_ns(self) -> int:
        """When the first cut answer came."""
        return self.answers[0].at.time_ns


@rule("DNS-TRUNCATED", stage=Stage.DNS, outcomes="Fdn", evidence=Evidence.EXPLICIT)
def truncated(facts: Facts) -> Iterator[Fired]:
    """The answer is too large for UDP, and TCP to the resolver does not work.

    **Seen**: the resolver marks its answer for a needed name as cut off (TC); the device's connection to TCP 53
    of that resolver gets no answer or is refused, or it opens none and asks over UDP again and again; the name
    stays unresolved.

    **Means**: a filter lets UDP 53 pass and TCP 53 not, or the device cannot ask over TCP.

    **Not this rule**: the question over TCP is answered; the device uses the addresses that the cut answer
    holds, or finds the name otherwise: then it is a remark, or degrades a service that works.

    **Ask the network team**: allow TCP 53 to the resolver beside UDP 53 (RFC 7766).
    """
    if facts.visibility.missing == "outbound":
        return
    for name, lookups in relevant_by_name(facts).items():
        cut = _cut_of(facts, name, lookups)
        if cut is None:
            continue
        blocked = _blocked_tries(facts, cut.flows)
        outcome = _cut_outcome(facts, cut, blocked)
        if outcome is not None:
            yield _truncated(facts, cut, blocked, outcome)


def _cut_of(facts: Facts, name: str, lookups: Sequence[Lookup]) -> _Cut | None:
    """The cut answers for a name; None without any, or when TCP brought the whole answer."""
    answers = sorted((m for k in lookups for m in k.answers), key=lambda m: m.at.frame)
    cut = [m for m in answers if m.is_truncated and m.transport == "udp"]
    if not cut or any(m.transport == "tcp" for m in answers):
        return None
    resolvers = {m.at.src for m in cut}
    tried = [f for f in facts.outward_flows if f.proto == TCP and f.resp[1] == DNS_PORT and f.resp[0] in resolvers]
    later = [f for f in tried if f.last_ns >= cut[0].at.time_ns]
    return None if any(f.received_data for f in later) else _Cut(name, lookups, cut, later)


def _blocked_tries(facts: Facts, flows: Sequence[Flow]) -> list[Packet]:
    """What the device sent to TCP 53 in vain: SYNs that count, refused ones, or data that nobody answers."""
    errors = {e.flow for e in facts.icmp_errors}
    silent = [p for f in flows if not f.received and f.index not in errors for p in f.syns]
    newest = max((p.time_ns for f in facts.outward_flows for p in f.syns[-1:]), default=0)
    newest = max([newest, *(m.at.time_ns for k in facts.lookups for m in k.sent[-1:])])
    counted = facts.counted(silent, facts.params.syn_wait, last_activity_ns=newest)
    refused = [f.syns[0] for f in flows if f.syns and (f.refusal is not None or f.index in errors)]
    mute = [f.sent_data[0] for f in flows if f.is_established and f.sent_data and not f.received_data]
    return [*(counted if len(counted) >= MIN_TRIES else []), *refused, *mute]


def _cut_outcome(facts: Facts, cut: _Cut, blocked: Sequence[Packet]) -> Outcome | None:
    """FAILED while the name stays unresolved, NOTE where the cut answer itself was of use; None: nothing to say."""
    if _is_used(facts, cut.name, {a for m in cut.answers for a in _addresses(m)}):
        return Outcome.NOTE
    whole = any(_is_whole(m) for k in cut.lookups for m in k.answers if m.at.time_ns >= cut.since_ns)
    known = whole or any(a.began_ns > cut.since_ns for a in attempts_for(facts, [cut.name]))
    if not known:
        asks_on = len(cut.answers) >= MIN_TRIES and not cut.flows
        waited = facts.has_waited(cut.answers[-1].at.time_ns, facts.params.dns_wait)
        return Outcome.FAILED if blocked or (asks_on and waited) else None
    if not blocked:
        return None
    return Outcome.DEGRADED if served_after(facts, [cut.name], cut.since_ns) else Outcome.NOTE


def _is_used(facts: Facts, name: str, addresses: set[bytes]) -> bool:
    return any(a.address in addresses for a in attempts_for(facts, [name]))


def _addresses(message: DnsMessage) -> list[bytes]:
    return [r.data for r in message.answers if isinstance(r.data, bytes)]


def _is_whole(message: DnsMessage) -> bool:
    return not message.is_truncated and bool(_addresses(message))


def _truncated(facts: Facts, cut: _Cut, blocked: Sequence[Packet], outcome: Outcome) -> Fired:
    resolver = ip_text(cut.resolver)
    if blocked:
        what = f"TCP 53 there does not answer ({len(blocked)} tries)"
        cause = Cause("TCP 53 is blocked where UDP 53 passes", 35, what, "filter")
    elif outcome is Outcome.NOTE:
        what = "the device uses what came"
        cause = Cause("the answer is too large for UDP", 15, what, "dns")
    else:
        what = "the device never asks over TCP"
        cause = Cause("the device cannot ask over TCP", 30, what, "device")
    return lookup_finding(
        facts,
        "DNS-TRUNCATED",
        f"{resolver} cuts its answer for {cut.name} off ({times_words(cut.answers)}), and {what}",
        cut.lookups,
        cut.answers,
        outcome=outcome,
        decisive=[*(m.at.frame for m in cut.answers[:3]), *(p.frame for p in blocked[:5])],
        independent=max(1, len(cut.flows)),
        tries=max(len(blocked), len(cut.answers)),
        causes=[cause],
    )


# --- lost -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Dropped:
    """Questions with an OPT record (RFC 6891) for one name to one resolver that nobody answers."""

    name: str
    resolver: bytes
    lookups: Sequence[Lookup]
    tries: Sequence[Packet]
    plain: DnsMessage | None
    openings: Sequence[Packet]


@rule("DNS-EDNS-DROP", stage=Stage.DNS, outcomes="Fd", evidence=Evidence.ABSENCE)
def edns_drop(facts: Facts) -> Iterator[Fired]:
    """Large DNS answers, or answers with the EDNS extension, are dropped on the way.

    **Seen**: questions with an OPT record stay unanswered twice or more, while the same resolver answers the
    same name when it is asked without one; or of the answers only the first fragment comes, again and again.

    **Means**: a filter drops UDP 53 answers above 512 bytes, their fragments, or the extension itself.

    **Not this rule**: an old resolver that says so (FORMERR); some question with the extension is answered:
    then packets were lost; the resolver answers nothing at all (DNS-NO-REPLY).

    **Ask the network team**: let UDP 53 answers above 512 bytes and their fragments pass, and allow TCP 53.
    """
    by_name = relevant_by_name(facts)
    asked = [(name, k, queries) for name, k in by_name.items() for queries in _extended_by_resolver(k).values()]
    newest_ns = max((m.at.time_ns for k in facts.lookups for m in k.sent), default=0) if asked else 0
    for name, lookups, queries in asked:
        dropped = _dropped_by_one(facts, name, lookups, queries, newest_ns)
        if dropped is not None:
            yield _edns_drop(facts, dropped)


def _extended_by_resolver(lookups: Sequence[Lookup]) -> dict[bytes, list[DnsQuery]]:
    """Questions with the extension by whom they were put to."""
    table: dict[bytes, list[DnsQuery]] = {}
    for query in (q for k in lookups for q in k.queries if _is_extended(q)):
        table.setdefault(query.resolver, []).append(query)
    return table


def _dropped_by_one(
    facts: Facts, name: str, lookups: Sequence[Lookup], queries: Sequence[DnsQuery], newest_ns: int
) -> _Dropped | None:
    """What became of questions to one resolver; None unless each stayed without answer, and there are enough."""
    if sum(len(q.sent) for q in queries) < MIN_TRIES or any(q.answers for q in queries):
        return None
    resolver = queries[0].resolver
    sent = sorted((m.at for q in queries for m in q.sent), key=lambda p: p.frame)
    tries = facts.counted(sent, facts.params.dns_wait, last_activity_ns=newest_ns)
    if len(tries) < MIN_TRIES:
        return None
    plain = _plain_answer(facts, resolver, name)
    if not facts.sees_inbound or _knows_otherwise(facts, name, sent[0], plain):
        return None
    openings = _lone_openings(facts, resolver, {p.sport for p in sent})
    if plain is None and len(openings) < MIN_TRIES:
        return None
    return _Dropped(name, resolver, lookups, tries, plain, openings)


def _knows_otherwise(facts: Facts, name: str, since: Packet, plain: DnsMessage | None) -> bool:
    """Whether the device goes to the name all the same, without having asked in the other way: the answers came."""
    is_own = plain is not None and plain.at.dst in facts.addresses
    return not is_own and any(a.began_ns > since.time_ns for a in attempts_for(facts, [name]))


def _is_extended(query: DnsQuery) -> bool:
    return bool(query.sent) and all(m.has_edns for m in query.sent)


def _plain_answer(facts: Facts, resolver: bytes, name: str) -> DnsMessage | None:
    """The resolver's answer for the name to a question without OPT, of this device or of any other host."""
    table: dict[tuple[bytes, str], DnsMessage] | None = facts.traffic.memo.get("plain_answers")
    if table is None:
        table = facts.traffic.memo["plain_answers"] = _read_plain(facts.traffic)
    return table.get((resolver, name))


def _read_plain(traffic: Traffic) -> dict[tuple[bytes, str], DnsMessage]:
    """Resolver and name -> the first answer over UDP to a question that carried no OPT record."""
    asked: set[tuple[bytes, bytes, int, int, str | None]] = set()
    found: dict[tuple[bytes, str], DnsMessage] = {}
    for m in traffic.dns:
        if m.transport != "udp" or m.question is None:
            continue
        if not m.is_response and not m.has_edns:
            asked.add((m.at.src, m.at.dst, m.at.sport, m.id, m.question))
        elif m.is_response and (m.at.dst, m.at.src, m.at.dport, m.id, m.question) in asked:
            found.setdefault((m.at.src, m.question), m)
    return found


def _lone_openings(facts: Facts, resolver: bytes, ports: set[int]) -> list[Packet]:
    """First fragments of answers to these questions of which the rest is not in the capture."""
    return [
        p
        for p in facts.traffic.lone_openings
        if p.src == resolver and p.sport == DNS_PORT and p.dst in facts.addresses and p.dport in ports
    ]


def _edns_drop(facts: Facts, dropped: _Dropped) -> Fired:
    since = dropped.tries[0].time_ns
    resolver = ip_text(dropped.resolver)
    if dropped.openings:
        what = f"only the first fragment of its answers comes ({len(dropped.openings)} times)"
        cause = Cause("a filter drops the further fragments of large answers", 35, what, "filter")
    else:
        frame = dropped.plain.at.frame if dropped.plain is not None else 0
        what = f"it answers the same name when asked without the extension (frame {frame})"
        cause = Cause("a filter drops large answers, or the EDNS extension itself", 35, what, "filter")
    plain = [dropped.plain] if dropped.plain is not None else []
    tries = {p.frame for p in dropped.tries}
    return facts.finding(
        "DNS-EDNS-DROP",
        Stage.DNS,
        f"{len(dropped.tries)} questions with EDNS to {resolver} for {dropped.name} unanswered, and {what}",
        [*dropped.tries, *(m.at for m in plain), *dropped.openings],
        outcome=Outcome.DEGRADED if served_after(facts, [dropped.name], since) else Outcome.FAILED,
        decisive=[*sorted(tries)[:2], *(m.at.frame for m in plain), *(p.frame for p in dropped.openings[:3])],
        lookups=(dropped.name,),
        began_ns=dropped.tries[-1].time_ns,
        independent=len(dropped.tries),
        tries=len(dropped.tries),
        has_contrast=bool(plain),
        target=Target(dropped.name, dropped.resolver, "udp", DNS_PORT),
        causes=[cause],
    )
