"""What the device must show at the end of the window, and what it showed before: the first line that holds."""

from __future__ import annotations

from collections.abc import Iterator

from pcapaudit.catalog.schema import Indicator
from pcapaudit.diagnose.verdict import Diagnosis
from pcapaudit.model.report import IndicatorChange, IndicatorState
from pcapaudit.model.words import STAGES, IndicatorKind, Outcome, Stage, State, Verdict


def indicator_of(d: Diagnosis) -> IndicatorState | None:
    """The LED or log line that follows from the ladder; None when vendor or state is unknown."""
    line = _line(d, d.verdict, {stage: proof.state for stage, proof in d.stages.items()})
    if line is None:
        return None
    return IndicatorState(IndicatorKind(line.kind), line.shows, ", ".join(line.source), tuple(_history(d, line)))


def _line(d: Diagnosis, verdict: Verdict, stages: dict[Stage, State]) -> Indicator | None:
    lines = d.facts.signature.indicators if d.facts.signature is not None else ()
    states = {str(stage): str(state) for stage, state in stages.items()}
    holding = (i for i in lines if i.when is not None and i.when.holds(states) and _fits(i.kind, verdict))
    return next(holding, None)


def _fits(kind: str, verdict: Verdict) -> bool:
    """A log sentence is no state of its own: it is stated only for a device that is not well."""
    return kind == IndicatorKind.LED or verdict in (Verdict.FAILED, Verdict.DEGRADED)


def _history(d: Diagnosis, line: Indicator) -> Iterator[IndicatorChange]:
    """What it showed, if that changed inside the window: when it began to fail, or began to work again."""
    change = _broke(d) if d.verdict is Verdict.FAILED else _recovered(d)
    if change is None:
        return
    began_ns, changed_ns, before = change
    if before is not None and (before.kind, before.shows) != (line.kind, line.shows):
        yield IndicatorChange(d.facts.clock.rfc3339(began_ns), before.shows)
        yield IndicatorChange(d.facts.clock.rfc3339(changed_ns), line.shows)


def _broke(d: Diagnosis) -> tuple[int, int, Indicator | None] | None:
    """First answer of a service, when it was lost, and the line of a device on which every rung stands."""
    if d.since_ns is None:
        return None
    attempts = [a for n in d.needs if n.need.required and n.since_ns is not None for a in n.attempts]
    answers = [p.time_ns for a in attempts if a.has(Stage.RETURN) for p in a.flow.received[:1]]
    first = min(answers, default=None)
    if first is None or first >= d.since_ns:
        return None
    return first, d.since_ns, _line(d, Verdict.HEALTHY, dict.fromkeys(STAGES, State.OK))


def _recovered(d: Diagnosis) -> tuple[int, int, Indicator | None] | None:
    """Begin and end of a failure that is over, and the line of a device that stopped on its rung."""
    past = [w for w in d.findings if w.fired.outcome is Outcome.FAILED and w.recovered_ns is not None]
    worst = min(past, key=lambda w: STAGES.index(w.fired.stage), default=None)
    if worst is None or worst.recovered_ns is None:
        return None
    return worst.fired.first_ns, worst.recovered_ns, _line(d, Verdict.FAILED, _stopped_at(worst.fired.stage))


def _stopped_at(stage: Stage) -> dict[Stage, State]:
    """A ladder whose first broken rung is this one."""
    at = STAGES.index(stage)
    rungs = {s: State.OK if STAGES.index(s) < at else State.NOT_REACHED for s in STAGES}
    return {**rungs, stage: State.FAILED}
