"""Which lookups decide for a device, and findings about names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Unpack

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.domains import is_public_name
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Details, Fired, Target
from pcapaudit.diagnose.once import once
from pcapaudit.flows.exchanges import Lookup
from pcapaudit.model.events import DnsMessage
from pcapaudit.model.words import Stage

MIN_GENERAL = 3
"""Queries that a device without a signature must have asked before its DNS is called broken."""
DNS_PORT = 53


@once
def relevant_lookups(facts: Facts) -> list[Lookup]:
    """Lookups that decide: the signature's names; without one every name, if all fail and nothing far away answers."""
    if facts.signature is not None:
        return [q for q in facts.needed_lookups if facts.needs_name(q.name)]
    # A search list makes names that exist nowhere (gk.sensorist.com.corp.local); they fail by design.
    public = [q for q in facts.lookups if is_public_name(q.name)]
    if sum(len(q.sent) for q in public) < MIN_GENERAL or any(map(_may_be_resolved, facts.lookups)):
        return []
    return [] if _is_served_far_away(facts, public[0].queries[0].began_ns) else public


def _is_served_far_away(facts: Facts, since_ns: int) -> bool:
    """Whether anything beyond the gateway but a resolver answered the device with data after a moment."""
    far = facts.flows_beyond
    lively = far.where((far.ports != DNS_PORT) & (far.last_ns > since_ns))
    return any(f.last_answer is not None and f.last_answer.time_ns > since_ns for f in lively)


def _may_be_resolved(lookup: Lookup) -> bool:
    """Whether an answer gave an address, or gave records that lie behind the snap length."""
    return bool(lookup.resolved) or any(not m.is_complete and m.rcode == 0 and m.answer_count for m in lookup.answers)


def need_of(facts: Facts, name: str) -> Need | None:
    """The first required need that mentions a name."""
    return next((n for n in facts.needs if n.required and any(p.matches(name) for p in n.hosts)), None)


@once
def relevant_by_name(facts: Facts) -> dict[str, list[Lookup]]:
    """The lookups that decide by the name asked for, whatever the type, in order of the first question."""
    table: dict[str, list[Lookup]] = {}
    for lookup in relevant_lookups(facts):
        table.setdefault(lookup.name, []).append(lookup)
    return table


def attempts_for(facts: Facts, names: Collection[str]) -> list[Attempt]:
    """Attempts at the required services that these names lead to; all of them for a product of unknown names."""
    is_nameless = facts.signature is not None and facts.signature.walks_servers
    needs = [n for n in facts.needs if n.required and n.direction == "out"]
    wanted = [n for n in needs if is_nameless or any(p.matches(name) for p in n.hosts for name in names)]
    return [a for n in wanted for a in facts.attempts_of(n)]


def served_after(facts: Facts, names: Collection[str], since_ns: int) -> bool:
    """Whether a service that these names lead to answered after a moment, by whatever address the device had."""
    answers = (a.answered_ns for a in attempts_for(facts, names))
    return any(t is not None and t > since_ns for t in answers)


def _resolver(lookup: Lookup, messages: Sequence[DnsMessage]) -> bytes:
    return messages[-1].at.src if messages and messages[-1].is_response else lookup.queries[-1].resolver


def lookup_finding(
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
    told_ns = max((m.at.time_ns for m in messages), default=None)
    # What was asked later, of another resolver say, is no part of what failed.
    failed_ns = [p.time_ns for p in asked if told_ns is None or p.time_ns <= told_ns]
    details: Details = {
        "decisive": [m.at.frame for m in messages][:8],
        "lookups": tuple(dict.fromkeys(q.name for q in lookups)),
        "began_ns": max(failed_ns, default=told_ns or 0),
        "independent": max(1, len(messages)),
        "target": Target(lookups[0].name, _resolver(lookups[0], messages), "udp", 53),
        **extra,
    }
    return facts.finding(rule_id, Stage.DNS, text, [*asked, *(m.at for m in messages)], **details)


def times_words(messages: Sequence[DnsMessage]) -> str:
    """``once`` or ``3 times``."""
    return "once" if len(messages) == 1 else f"{len(messages)} times"
