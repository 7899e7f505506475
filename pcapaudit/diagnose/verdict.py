"""The verdict model: findings and needs become one verdict, one root cause, roles and confidence.

Source: catalogue, sections 14.2 and 14.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.confidence import HealthCaps, confidence_of
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Fired
from pcapaudit.diagnose.ladder import (
    HARD_RULES,
    OWN_STAGES,
    SOFT_STAGES,
    WHOLE_WINDOW,
    own_stages,
    repaired_ns,
    service_stages,
)
from pcapaudit.diagnose.needs import WORKING, NeedJudgement, first_answer_after, is_special, judge_need
from pcapaudit.diagnose.proof import Proof
from pcapaudit.diagnose.registry import Evidence, lookup
from pcapaudit.diagnose.witness import Considered, consider_rules
from pcapaudit.flows.exchanges import A
from pcapaudit.model.words import STAGES, Identification, Outcome, Role, Stage, State, Verdict

INTERCEPTORS = frozenset({"CAPTIVE-PORTAL", "HTTP-BLOCK-PAGE", "TLS-INTERCEPT", "PROXY-ONLY-NET"})
"""What sits in the middle explains the rest, also failures at an earlier stage (14.2, step 7)."""
SUMMARIES = frozenset(
    {
        "TCP-ALL-PORTS-FAIL",
        "UDP-SERVER-WALK",
        "ARP-OFFLINK",
        "TLS-CERT-INVALID",
        "DHCP-RELAY-NO-REPLY",
        "DHCP6-NO-ADVERTISE",
        "DNS-EDNS-DROP",
        "PATH-SWITCH",
    }
)
"""Rules that say in one sentence what other findings of the stage show piece by piece, or why they came about."""
REFUSALS = frozenset({"TCP-RST-INJECTED"})
"""Rules whose evidence is weighed, but that speak of a packet that refuses: such a packet precedes silence as well."""
MIN_ASKED = 3
"""Lookups of a name that nothing follows, from which on the device wanted something."""
WORKING_ONLY = frozenset({"TCP-ALT-PORT-OK"})
"""Remarks that are true only while their need works."""


@dataclass
class Weighed:
    """A finding after combining."""

    fired: Fired
    outcome: Outcome
    role: Role = Role.NOTE
    confidence: int = 0
    recovered_ns: int | None = None


@dataclass
class Diagnosis:
    """One device, judged."""

    facts: Facts
    verdict: Verdict
    stages: dict[Stage, Proof]
    needs: list[NeedJudgement]
    findings: list[Weighed]
    root: Weighed | None = None
    since_ns: int | None = None
    open_questions: list[str] = field(default_factory=list)
    considered: list[Considered] = field(default_factory=list)
    is_refused: bool = False
    """What the packets show and lack says nothing of the device: the capture is a sample (CAP-SAMPLED), or not all that
    the device said is kept (CAP-TABLE-FULL)."""


def diagnose_device(facts: Facts, caps: HealthCaps, *, is_witnessed: bool = False) -> Diagnosis:
    """Fire every rule on a device and weigh what they say.

    Args:
        facts: The device.
        caps: What capture health allows the findings to claim.
        is_witnessed: Keep what each rule asked of the facts (``account.accounts`` puts it into words).
    """
    considered = [] if caps.is_refused else consider_rules(facts, is_witnessed=is_witnessed)
    fired = [f for c in considered for f in c.fired]
    mark_attempts(fired)
    needs = [judge_need(n, facts, fired) for n in facts.needs if not is_special(n)]
    stages = own_stages(facts, fired, needs)
    _block_needs(needs, stages)
    weighed = [_weigh(f, facts, needs) for f in fired if not _is_outdated(f, needs)]
    stages.update(service_stages(needs, stages) if facts.signature else _general_services())
    result = Diagnosis(facts, Verdict.UNDECIDED, stages, needs, weighed, considered=considered)
    result.is_refused = caps.is_refused
    if not caps.is_refused:
        result.verdict = _verdict(result)
    _assign_roles(result)
    for w in weighed:
        w.confidence = confidence_of(w.fired, facts, stages, caps)
    return result


def mark_attempts(fired: Sequence[Fired]) -> None:
    """Note on every attempt the earliest stage at which a failed finding stops it."""
    for finding in fired:
        if finding.outcome is not Outcome.FAILED:
            continue
        for attempt in finding.attempts:
            known = attempt.failed_at
            if known is None or STAGES.index(finding.stage) < STAGES.index(known):
                attempt.failed_at = finding.stage
                attempt.lost_ns = _lost_ns(attempt, finding)


def _lost_ns(attempt: Attempt, finding: Fired) -> int | None:
    """When a connection broke on which the service had answered before; None when it never worked."""
    answer = attempt.flow.last_answer
    is_later = finding.stage is Stage.RETURN and answer is not None and answer.time_ns < finding.first_ns
    return finding.first_ns if is_later else None


def _is_outdated(fired: Fired, needs: Sequence[NeedJudgement]) -> bool:
    """Whether a remark says that a need works which, all in all, does not."""
    return fired.rule in WORKING_ONLY and any(n.need is fired.need and n.state is State.FAILED for n in needs)


def _general_services() -> dict[Stage, Proof]:
    absent = Proof(State.NOT_APPLICABLE, "", reason="no signature")
    return dict.fromkeys(STAGES[len(OWN_STAGES) :], absent)


def _block_needs(needs: Sequence[NeedJudgement], stages: dict[Stage, Proof]) -> None:
    """A need that was not tried because an earlier rung broke is not reached."""
    blocked = next((s for s in OWN_STAGES if stages[s].state is State.FAILED), None)
    for need in needs:
        if blocked is not None and need.state is State.NOT_OBSERVED and not need.attempts:
            need.state = State.NOT_REACHED


# --- findings ---------------------------------------------------------------------------------


def _weigh(fired: Fired, facts: Facts, needs: Sequence[NeedJudgement]) -> Weighed:
    """Decide what is left of a finding when later successes and optional needs are counted."""
    weighed = Weighed(fired, fired.outcome)
    if fired.outcome not in (Outcome.FAILED, Outcome.DEGRADED):
        return weighed
    if fired.is_optional or (fired.need is not None and not fired.need.required):
        weighed.outcome = Outcome.NOTE
        return weighed
    if fired.stage not in SOFT_STAGES and (fired.need is not None or (fired.stage is Stage.DNS and fired.lookups)):
        return _weigh_by_need(weighed, facts, needs)
    weighed.recovered_ns = repaired_ns(fired, facts, needs)
    if weighed.recovered_ns is not None and fired.outcome is Outcome.FAILED:
        weighed.outcome = Outcome.NOTE
    if fired.stage in SOFT_STAGES and fired.rule not in HARD_RULES and weighed.outcome is Outcome.FAILED:
        weighed.outcome = Outcome.DEGRADED
    return weighed


def _weigh_by_need(weighed: Weighed, facts: Facts, needs: Sequence[NeedJudgement]) -> Weighed:
    fired = weighed.fired
    if fired.stage is Stage.DNS and fired.lookups:
        concerned = [n for n in needs if n.need.required and _mentions(n, facts, fired.lookups)]
        if not concerned and facts.signature is None:
            return weighed
    else:
        concerned = [n for n in needs if n.need is fired.need]
    if not concerned:
        weighed.outcome = Outcome.NOTE
        return weighed
    if fired.stage is Stage.PERSIST or fired.rule in WHOLE_WINDOW or fired.outcome is Outcome.DEGRADED:
        return weighed
    if all(_is_overruled(n, fired) for n in concerned):
        weighed.outcome = Outcome.NOTE
        answers = (first_answer_after(n, fired) for n in concerned)
        weighed.recovered_ns = min((t for t in answers if t is not None), default=None)
    elif all(n.state not in (State.FAILED, State.DEGRADED) for n in concerned):
        weighed.outcome = Outcome.UNDECIDABLE if all(n.state is State.NOT_OBSERVED for n in concerned) else Outcome.NOTE
    return weighed


def _mentions(need: NeedJudgement, facts: Facts, names: Sequence[str]) -> bool:
    if facts.signature is not None and facts.signature.walks_servers:
        return True
    return any(p.matches(name) for p in need.need.hosts for name in names)


def _is_overruled(need: NeedJudgement, fired: Fired) -> bool:
    """Whether the need works although this finding fired: later, or by another member of its group."""
    if need.state in WORKING:
        return True
    if need.state is State.DEGRADED and fired.attempts:
        return set(need.failing).isdisjoint(fired.attempts)
    return fired.stage is Stage.DNS and need.stages.get(Stage.DNS, Proof(State.NOT_OBSERVED, "")).state in WORKING


# --- verdict ----------------------------------------------------------------------------------


def _verdict(d: Diagnosis) -> Verdict:
    required = [n for n in d.needs if n.need.required]
    failed = any(n.state is State.FAILED and not n.need.soft for n in required) or any(
        d.stages[s].state is State.FAILED for s in OWN_STAGES
    )
    if failed:
        is_guess = d.facts.identification == Identification.ADDRESS
        return Verdict.DEGRADED if is_guess else Verdict.FAILED
    if d.facts.signature is None:
        return _general_verdict(d)
    d.open_questions = _open_questions(required, d)
    carried = any(n.state in (*WORKING, State.DEGRADED) and n.answered_ns is not None for n in required)
    if not carried or d.open_questions:
        return Verdict.UNDECIDED
    return Verdict.DEGRADED if _is_degraded(d, required) else Verdict.HEALTHY


def _general_verdict(d: Diagnosis) -> Verdict:
    """Without a signature: healthy when something beyond the gateway answered the device."""
    if d.stages[Stage.GATEWAY].state is State.OK:
        return Verdict.HEALTHY
    return Verdict.UNDECIDED


def _open_questions(required: Sequence[NeedJudgement], d: Diagnosis) -> list[str]:
    """Required needs that had to be seen and were not (contract, verdict ``healthy``)."""
    missing = []
    for n in required:
        if n.need.soft:
            continue
        is_due = n.need.when == "always" or (n.need.when == "boot" and d.facts.has_boot)
        # Whether others reach the device is for them to say: it tried nothing itself.
        had_tried = bool(n.attempts) and n.need.direction == "out"
        had_to = had_tried or is_due or _is_asked_in_vain(n.need, d.facts) or _is_sought_in_vain(n.need, d.facts)
        if had_to and n.state not in (*WORKING, State.DEGRADED):
            missing.append(n.need.what)
    return missing


def _is_asked_in_vain(need: Need, facts: Facts) -> bool:
    """Whether the device asked again and again for names of this need, and went to none of them."""
    lookups = [k for k in facts.needed_lookups if any(p.matches(k.name) for p in need.hosts)]
    went = {a.host for a in facts.attempts}
    return sum(len(k.queries) for k in lookups if k.kind == A and k.name not in went) >= MIN_ASKED


def _is_sought_in_vain(need: Need, facts: Facts) -> bool:
    """Whether the device asked on its link for a peer of this need, and nobody replied: it tried, however often."""
    sought = (q.target for q in facts.arps if not q.is_answered)
    return any(p.matches(name) for target in sought for name in facts.names.get(target, ()) for p in need.hosts)


def _is_degraded(d: Diagnosis, required: Sequence[NeedJudgement]) -> bool:
    if any(n.state in (State.DEGRADED, State.FAILED) for n in required):
        return True
    if any(d.stages[s].state in (State.FAILED, State.DEGRADED) for s in SOFT_STAGES):
        return True
    return any(w.outcome is Outcome.DEGRADED for w in d.findings)


# --- roles ------------------------------------------------------------------------------------


def _assign_roles(d: Diagnosis) -> None:
    """Name the root cause; what else failed is its consequence, or a cause of its own need."""
    if d.verdict not in (Verdict.FAILED, Verdict.DEGRADED):
        return
    level = Outcome.FAILED if any(w.outcome is Outcome.FAILED for w in d.findings) else Outcome.DEGRADED
    candidates = [w for w in d.findings if w.outcome is level]
    if not candidates:
        return
    d.root = min(candidates, key=lambda w: _rank(w, d))
    d.root.role = Role.CAUSE
    for w in sorted(d.findings, key=lambda w: _rank(w, d)):
        if w is not d.root and w.outcome in (Outcome.FAILED, Outcome.DEGRADED):
            w.role = _role_beside(w, d.root, d)
    d.since_ns = _since(d)


def _rank(w: Weighed, d: Diagnosis) -> tuple[int, ...]:
    """Smaller is nearer to the root: interceptors, then stage, explicit refusal, summary, evidence, attempts."""
    rule = lookup(w.fired.rule)
    stops = _stops_need(w, d)
    return (
        0 if w.fired.rule in INTERCEPTORS else 1,
        0 if stops else 1,
        STAGES.index(w.fired.stage),
        0 if rule.evidence is Evidence.EXPLICIT or w.fired.rule in REFUSALS else 1,
        0 if w.fired.rule in SUMMARIES else 1,
        -int(rule.evidence),
        -w.fired.independent,
        w.fired.frames[0] if w.fired.frames else 0,
    )


def _stops_need(w: Weighed, d: Diagnosis) -> bool:
    """Whether the finding speaks of the stage at which its need (or the device) fails."""
    if w.fired.need is None:
        return True
    return any(n.need is w.fired.need and (n.failed_stage is None or n.failed_stage is w.fired.stage) for n in d.needs)


def _role_beside(w: Weighed, root: Weighed, d: Diagnosis) -> Role:
    independent = (
        w.fired.need is not None
        and root.fired.need is not None
        and w.fired.need is not root.fired.need
        and w.fired.rule != root.fired.rule
        and root.fired.rule not in INTERCEPTORS
        and _stops_need(w, d)
    )
    already = any(x.role is Role.CAUSE and x.fired.need is w.fired.need for x in d.findings)
    return Role.CAUSE if independent and not already else Role.CONSEQUENCE


def _since(d: Diagnosis) -> int | None:
    """When the failure began inside the window."""
    if d.verdict is not Verdict.FAILED:
        return None
    times = [n.since_ns for n in d.needs if n.need.required and n.since_ns is not None]
    if d.root is not None and d.root.fired.stage in OWN_STAGES:
        return d.root.fired.first_ns
    return min(times) if times else (d.root.fired.first_ns if d.root else None)
