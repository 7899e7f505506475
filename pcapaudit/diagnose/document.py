"""From a diagnosis to the report's words: the one place where packed things become text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pcapaudit.catalog.identify import Identified
from pcapaudit.diagnose.account import accounts
from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.confidence import FLOOR
from pcapaudit.diagnose.fields import Situation
from pcapaudit.diagnose.fired import Target, choose_frames
from pcapaudit.diagnose.indicator import indicator_of
from pcapaudit.diagnose.needs import NeedJudgement, endpoint_states, is_special
from pcapaudit.diagnose.proof import Proof
from pcapaudit.diagnose.registry import lookup
from pcapaudit.diagnose.remedies import advise
from pcapaudit.diagnose.sentences import headline, limits_of, next_step, said_note, unheard_note
from pcapaudit.diagnose.special import special_need
from pcapaudit.diagnose.switchport import port_of
from pcapaudit.diagnose.timeline import timeline_of
from pcapaudit.diagnose.vantage import vantage_of
from pcapaudit.diagnose.verdict import Diagnosis, Weighed
from pcapaudit.flows.clock import Clock
from pcapaudit.flows.flow import UDP
from pcapaudit.model.addresses import ip_text, mac_text
from pcapaudit.model.report import (
    CauseReport,
    DeviceReport,
    EndpointRef,
    EndpointReport,
    EvidenceReport,
    FindingReport,
    NeedReport,
    RootCause,
    Said,
    StageReport,
)
from pcapaudit.model.words import (
    STAGES,
    Direction,
    Group,
    Outcome,
    Role,
    Severity,
    Stage,
    State,
    Vantage,
    Verdict,
    When,
)

OF_NEEDS = STAGES[STAGES.index(Stage.CONNECT) :]
"""Stages that each need has for itself; those before them are the device's own."""
CONTRADICTED = 15
"""What a LED or log statement that contradicts the capture takes from a finding (catalogue, section 14.3)."""


def device_report(d: Diagnosis, identified: Identified | None, capture: int, said: Said) -> DeviceReport:
    """The report of one device.

    Args:
        d: Its diagnosis.
        identified: How it was recognised; None for a device without a signature.
        capture: Index of its capture in the document.
        said: What the engineer said of LED and log.
    """
    facts = d.facts
    signature = facts.signature
    vantage = vantage_of(facts)
    indicator = indicator_of(d)
    note = said_note(d, indicator, said)
    minus = 0 if note is None else CONTRADICTED
    situation = Situation(said.mirror_point, d.stages)
    other = identified if identified and signature and identified.signature not in (None, signature.id) else None
    return DeviceReport(
        capture=capture,
        mac=None if facts.mac is None or vantage is Vantage.WAN else mac_text(facts.mac),
        addresses=tuple(ip_text(a) for a in facts.host.addresses),
        maker=None,
        vlan=facts.host.vlan,
        vantage=vantage,
        signature=signature.id if signature else None,
        vendor=signature.vendor if signature else None,
        candidates=tuple(identified.candidates) if identified and signature is None else (),
        identification=facts.identification,
        identified_by=tuple(identified.by) if identified and not other else (),
        verdict=d.verdict,
        since=facts.clock.rfc3339(d.since_ns) if d.since_ns is not None else None,
        next_step=_audit_as(other) if other and d.verdict is Verdict.UNDECIDED else next_step(d),
        root_cause=_root(d.root, minus),
        indicator=indicator,
        stages=tuple(_stage(s, d.stages[s]) for s in STAGES),
        needs=tuple(_need(n, facts.clock) for n in _all_needs(d)),
        findings=tuple(_finding(w, d, capture, minus, situation) for w in sorted(d.findings, key=_order)),
        title=f"{signature.vendor_title} / {signature.title}" if signature else None,
        summary=headline(d),
        switch=port_of(facts),
        said_note=note or unheard_note(d, said.led),
        timeline=timeline_of(d),
        why=accounts(d),
    )


def _audit_as(other: Identified) -> str:
    """The engineer took the device for one product, and all that it does is of another."""
    return (
        f"By what it does this is {other.signature} ({', '.join(other.by)}), not the product that was named: audit it "
        "as that one, or name none."
    )


def _order(w: Weighed) -> tuple[int, int, int, str]:
    """Causes first, then consequences, then notes; inside, along the ladder."""
    roles = (Role.CAUSE, Role.CONSEQUENCE, Role.NOTE)
    return (roles.index(w.role), STAGES.index(w.fired.stage), w.fired.frames[0] if w.fired.frames else 0, w.fired.rule)


def _root(root: Weighed | None, minus: int) -> RootCause | None:
    return None if root is None else RootCause(root.fired.stage, root.fired.rule, _confidence(root, minus))


def _confidence(w: Weighed, minus: int) -> int:
    """Confidence of a finding, less when what it accuses contradicts what the engineer saw."""
    return w.confidence if w.role is Role.NOTE else max(FLOOR, w.confidence - minus)


def _stage(stage: Stage, proof: Proof) -> StageReport:
    return StageReport(stage, proof.state, proof.summary or None, tuple(proof.frames), proof.reason)


# --- needs ----------------------------------------------------------------------------------------


def _all_needs(d: Diagnosis) -> list[NeedJudgement]:
    """Needs in the signature's order, those judged by DNS, NTP or ping among them."""
    judged = {id(n.need): n for n in d.needs}
    return [
        judged.get(id(need)) or special_need(need, d)
        for need in d.facts.needs
        if id(need) in judged or is_special(need)
    ]


def _need(n: NeedJudgement, clock: Clock) -> NeedReport:
    need = n.need
    first, last = _span(n.attempts, clock) if n.attempts else (None, None)
    return NeedReport(
        id=need.id,
        what=need.what,
        required=need.required,
        direction=Direction(need.direction),
        when=When(need.when),
        group=Group(need.group),
        state=n.state,
        result=n.result,
        attempts=count_attempts(n.attempts),
        first=first,
        last=last,
        frames=tuple(choose_frames(_frames(n.attempts))),
        stages=tuple(_stage(s, n.stages.get(s) or _unknown(n)) for s in OF_NEEDS),
        endpoints=tuple(_endpoint(attempts, state, word, clock) for attempts, state, word in endpoint_states(n)),
    )


def _unknown(n: NeedJudgement) -> Proof:
    reason = "not tried in the capture" if not n.attempts else "the capture cannot tell"
    state = State.NOT_REACHED if n.state is State.NOT_REACHED else State.NOT_OBSERVED
    return Proof(state, "", reason=reason)


def count_attempts(attempts: Sequence[Attempt]) -> int:
    """Distinct initial sequence numbers or source ports; for UDP the datagrams that expect an answer."""
    return sum([len(a.tries) if a.flow.proto == UDP else 1 for a in attempts])


def _span(attempts: Sequence[Attempt], clock: Clock) -> tuple[str, str]:
    """When the first began and when the device last tried; one text where both are the same moment."""
    first_ns, last_ns = attempts[0].began_ns, max([a.last_try_ns for a in attempts])
    first = clock.rfc3339(first_ns)
    return first, first if last_ns == first_ns else clock.rfc3339(last_ns)


def _frames(attempts: Sequence[Attempt]) -> list[int]:
    """Frames of all tries."""
    return [p.frame for a in attempts for p in a.tries]


def _endpoint(attempts: Sequence[Attempt], state: State, word: str, clock: Clock) -> EndpointReport:
    far, frames = attempts[0], _frames(attempts)
    first, last = _span(attempts, clock)
    return EndpointReport(
        host=far.host,
        address=ip_text(far.address),
        transport=far.transport,
        port=far.port,
        state=state,
        result=word,
        attempts=count_attempts(attempts),
        tries=len(frames),
        first=first,
        last=last,
        frames=tuple(choose_frames(frames)),
    )


# --- findings -------------------------------------------------------------------------------------


def _finding(w: Weighed, d: Diagnosis, capture: int, minus: int, situation: Situation) -> FindingReport:
    fired, clock = w.fired, d.facts.clock
    advice = advise(d.facts, fired, situation) if w.role is Role.CAUSE else None
    return FindingReport(
        rule=fired.rule,
        title=lookup(fired.rule).title,
        severity=_severity(w, d),
        outcome=w.outcome,
        stage=fired.stage,
        role=w.role,
        confidence=_confidence(w, minus),
        recovered_at=clock.rfc3339(w.recovered_ns) if w.recovered_ns is not None else None,
        summary=fired.summary,
        remedy=advice.remedies[0].text if advice and advice.remedies else None,
        endpoint=_target(w),
        causes=tuple(CauseReport(c.text, c.weight, c.because) for c in sorted(fired.causes, key=lambda c: -c.weight)),
        evidence=EvidenceReport(
            capture, tuple(fired.frames), clock.rfc3339(fired.first_ns), clock.rfc3339(fired.last_ns), _filter(w)
        ),
        facts=_facts(w),
        remedies=advice.remedies if advice else (),
        cites=advice.cites if advice else (),
        detail=_detail(w, d),
    )


def _detail(w: Weighed, d: Diagnosis) -> str | None:
    """The evidence in full, and what the capture cannot tell of its cause."""
    limits = limits_of(w, d)
    if not limits:
        return w.fired.detail
    said = w.fired.detail or f"{w.fired.summary.rstrip('.')}."
    return " ".join([said, *limits])


def _severity(w: Weighed, d: Diagnosis) -> Severity:
    if w.role is Role.NOTE or w.outcome not in (Outcome.FAILED, Outcome.DEGRADED):
        return Severity.NOTE
    if d.verdict is Verdict.FAILED and w.outcome is Outcome.FAILED:
        return Severity.ERROR
    return Severity.WARNING if d.verdict in (Verdict.FAILED, Verdict.DEGRADED) else Severity.NOTE


def _target(w: Weighed) -> EndpointRef | None:
    """The far side of a finding; of one that sums up several, the one that was tried first."""
    t = w.fired.target
    if t.address is None and w.fired.attempts:
        first = w.fired.attempts[0]
        port = first.port if t.port is None else t.port
        t = Target(t.host or first.host, first.address, first.transport, port)
    if t.host is None and t.address is None and t.port is None:
        return None
    return EndpointRef(t.host, ip_text(t.address) if t.address is not None else None, t.transport, t.port)


def _filter(w: Weighed) -> str | None:
    numbers = ", ".join(str(f) for f in w.fired.frames)
    own = f"frame.number in {{{numbers}}}" if numbers else ""
    if w.fired.filter and own:
        return f"({w.fired.filter}) || {own}"
    return w.fired.filter or own or None


def _facts(w: Weighed) -> Mapping[str, object]:
    return {"attempts": w.fired.independent, "tries": w.fired.tries, **w.fired.facts}
