"""Why each rule fired, stayed quiet or could not tell, for ``pcapaudit audit --why``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.params import NS
from pcapaudit.diagnose.verdict import Diagnosis, Weighed
from pcapaudit.diagnose.witness import Asked, Considered
from pcapaudit.flows.arps import ArpQuestion
from pcapaudit.flows.exchanges import DhcpCycle, Lookup, NtpPoll, Ping
from pcapaudit.flows.flow import Flow
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.events import DhcpMessage
from pcapaudit.model.report import RuleAccount
from pcapaudit.model.words import Outcome, Role, RuleState

MAX_SHOWN = 12
"""Facts shown of one rule."""
MAX_NAMES = 4


def accounts(d: Diagnosis) -> tuple[RuleAccount, ...]:
    """Every rule that was put to a device and what came of it, along the ladder.

    Args:
        d: A diagnosis made with ``is_witnessed``; without, nobody wrote down why, and there are no accounts.
    """
    weighed = {id(w.fired): w for w in d.findings}
    return tuple(_account(c, d, weighed) for c in d.considered if c.asked)


def _account(considered: Considered, d: Diagnosis, weighed: Mapping[int, Weighed]) -> RuleAccount:
    rule = considered.rule
    if considered.fired:
        said = [_say_finding(weighed.get(id(f)), f.summary) for f in considered.fired]
        state, because = RuleState.FIRED, "; ".join(dict.fromkeys(said))
    else:
        state, because = _say_silence(considered.asked, d)
    return RuleAccount(rule.id, rule.title, rule.stage, state, because, tuple(_say_facts(considered.asked)))


# --- fired -----------------------------------------------------------------------------------------


def _say_finding(weighed: Weighed | None, summary: str) -> str:
    """What the verdict model made of a finding, and the finding itself."""
    if weighed is None:
        return f"left out, since the need it says works does not: {summary}"
    return f"{_weight_of(weighed)}: {summary}"


def _weight_of(weighed: Weighed) -> str:
    if weighed.role is not Role.NOTE:
        return str(weighed.role)
    if weighed.outcome is Outcome.UNDECIDABLE:
        return "counts neither way"
    if weighed.fired.outcome is Outcome.NOTE:
        return "a note"
    if weighed.recovered_ns is not None:
        return "a note, since it worked later"
    if weighed.fired.is_optional or (weighed.fired.need is not None and not weighed.fired.need.required):
        return "a note, since the device can do without"
    return "a note, since what it needs works all the same"


# --- silent ----------------------------------------------------------------------------------------


def _say_silence(asked: Sequence[Asked], d: Diagnosis) -> tuple[RuleState, str]:
    hindrances = [words for a in asked if (words := _hindrance(a, d)) is not None]
    if hindrances:
        return RuleState.CANNOT_TELL, "; ".join(dict.fromkeys(hindrances))
    told = [a for a in asked if a.name in _WORDS]
    if told and not any(_holds_something(a.answer) for a in told):
        return RuleState.QUIET, "nothing of the kind is in the capture"
    return RuleState.QUIET, "not seen"


def _hindrance(asked: Asked, d: Diagnosis) -> str | None:
    """Why a question could not be answered for the device's sake; None for an answer that helps."""
    if asked.name == "has_waited" and asked.answer is False:
        since_ns, wait_s = asked.arguments[:2]
        return f"the capture ends {(d.facts.end_ns - since_ns) / NS:.1f} s later, and {wait_s:g} s must pass"
    if asked.name == "counted" and len(asked.answer) < len(asked.arguments[0]):
        missing = len(asked.arguments[0]) - len(asked.answer)
        return f"the capture ends too early after {missing} of {len(asked.arguments[0])} tries"
    if asked.name == "visibility":
        return _GATES["sees_inbound"][1] if asked.answer.missing == "inbound" else None
    hindering, words = _GATES.get(asked.name, (None, ""))
    return words if asked.answer is hindering and hindering is not None else None


_GATES: dict[str, tuple[bool, str]] = {
    "sees_inbound": (False, "frames to the device are not all in the capture, so a missing answer proves nothing"),
    "goes_out_unseen": (True, "frames to the device are not in the capture, so a missing answer proves nothing"),
    "is_lossy": (True, "the capture lost frames"),
    "is_duplicated": (True, "frames are there twice and cannot be told from repeats"),
    "is_outside_view": (True, "a router stands between the device and the mirror"),
}
"""Fact -> the answer that keeps a rule from judging, and what it means (ground rules G1 to G8)."""


def _holds_something(answer: Any) -> bool:
    return bool(len(answer)) if hasattr(answer, "__len__") else answer is not None and answer is not False


# --- facts -----------------------------------------------------------------------------------------


def _say_facts(asked: Iterable[Asked]) -> Iterator[str]:
    """The facts of a rule in words, each once, in the order in which it asked."""
    told = dict.fromkeys(words for a in asked if (words := _say_fact(a)))
    yield from list(told)[:MAX_SHOWN]


def _say_fact(asked: Asked) -> str | None:
    if asked.name.startswith("params."):
        return f"{asked.name.removeprefix('params.')} = {asked.answer:g}"
    words = _WORDS.get(asked.name)
    return words(asked.answer) if words is not None else None


def _amount(count: int, thing: str, things: str) -> str:
    return f"no {thing}" if not count else f"{count} {thing if count == 1 else things}"


def _say_dhcp(cycles: Sequence[DhcpCycle]) -> str:
    leased = sum(c.ack is not None for c in cycles)
    return _amount(len(cycles), "DHCP exchange", "DHCP exchanges") + (f", {leased} acknowledged" if cycles else "")


def _say_lease(ack: DhcpMessage | None) -> str:
    return "no lease" if ack is None else f"lease of {ip_text(ack.yiaddr)} in frame {ack.at.frame}"


def _say_lookups(lookups: Sequence[Lookup]) -> str:
    answered = sum(bool(k.answers) for k in lookups)
    names = list(dict.fromkeys(k.name for k in lookups))
    told = ", ".join(names[:MAX_NAMES]) + (f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else "")
    what = _amount(len(lookups), "DNS lookup", "DNS lookups")
    return what + (f" ({told}), {answered} answered" if lookups else "")


def _say_arps(questions: Sequence[ArpQuestion]) -> str:
    answered = sum(q.is_answered for q in questions)
    return _amount(len(questions), "ARP question", "ARP questions") + (f", {answered} answered" if questions else "")


def _say_polls(polls: Sequence[NtpPoll]) -> str:
    answered = sum(p.answer is not None for p in polls)
    return _amount(len(polls), "NTP poll", "NTP polls") + (f", {answered} answered" if polls else "")


def _say_pings(pings: Sequence[Ping]) -> str:
    answered = sum(p.reply is not None for p in pings)
    return _amount(len(pings), "echo request", "echo requests") + (f", {answered} answered" if pings else "")


def _say_attempts(attempts: Sequence[Attempt]) -> str:
    answered = sum(a.answered_ns is not None for a in attempts)
    ports = ", ".join(dict.fromkeys(f"{a.transport.upper()} {a.port}" for a in attempts[:50]))
    what = _amount(len(attempts), "attempt at a service", "attempts at services")
    return what + (f" ({ports}), {answered} answered" if attempts else "")


def _say_flows(flows: Sequence[Flow]) -> str:
    answered = sum(bool(f.received) for f in flows)
    return _amount(len(flows), "flow outward", "flows outward") + (f", {answered} answered" if flows else "")


def _counted(thing: str, things: str) -> Callable[[Any], str]:
    return lambda found: _amount(len(found), thing, things)


_WORDS: dict[str, Callable[[Any], str]] = {
    "dhcp": _say_dhcp,
    "lease": _say_lease,
    "lookups": _say_lookups,
    "needed_lookups": _say_lookups,
    "arps": _say_arps,
    "polls": _say_polls,
    "pings": _say_pings,
    "attempts": _say_attempts,
    "attempts_of": _say_attempts,
    "attempts_saying": _counted("connection with such messages", "connections with such messages"),
    "series": lambda found: _say_attempts([a for s in found for a in s.attempts]),
    "outward_flows": _say_flows,
    "flows_beyond": _say_flows,
    "icmp_errors": _counted("ICMP error about its packets", "ICMP errors about its packets"),
    "errors_about": _counted("ICMP error about the attempt", "ICMP errors about the attempt"),
    "gateway": lambda address: f"gateway {'not known' if address is None else ip_text(address)}",
    "has_boot": lambda seen: f"its start is {'' if seen else 'not '}in the capture",
    "signature": lambda product: "no product recognised" if product is None else f"taken for {product.id}",
    "traffic.eapol": _counted("802.1X frame", "802.1X frames"),
    "traffic.arp": _counted("ARP message on the wire", "ARP messages on the wire"),
    "traffic.dhcp": _counted("DHCP message on the wire", "DHCP messages on the wire"),
    "traffic.icmp": _counted("ICMP message on the wire", "ICMP messages on the wire"),
    "traffic.ntp": _counted("NTP message on the wire", "NTP messages on the wire"),
    "traffic.dns": _counted("DNS message on the wire", "DNS messages on the wire"),
}
"""Fact -> how its value is said; facts that say nothing to a reader are left out."""
