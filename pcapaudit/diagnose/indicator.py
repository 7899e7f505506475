"""What the device must show at the end of the window: the first line of its table that holds."""

from __future__ import annotations

from pcapaudit.diagnose.verdict import Diagnosis
from pcapaudit.model.report import IndicatorState
from pcapaudit.model.words import IndicatorKind, Verdict


def indicator_of(d: Diagnosis) -> IndicatorState | None:
    """The LED or log line that follows from the ladder; None when vendor or state is unknown."""
    signature = d.facts.signature
    if signature is None:
        return None
    states = {str(stage): str(proof.state) for stage, proof in d.stages.items()}
    for line in signature.indicators:
        if line.when is not None and line.when.holds(states) and _fits(line.kind, d.verdict):
            return IndicatorState(IndicatorKind(line.kind), line.shows, ", ".join(line.source), ())
    return None


def _fits(kind: str, verdict: Verdict) -> bool:
    """A log sentence is no state of its own: it is stated only for a device that is not well."""
    return kind == IndicatorKind.LED or verdict in (Verdict.FAILED, Verdict.DEGRADED)
