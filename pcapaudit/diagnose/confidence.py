"""How sure a finding is: base, plus, minus, cap. Source: catalogue, section 14.3."""

from __future__ import annotations

from collections.abc import Mapping

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Fired
from pcapaudit.diagnose.proof import Proof
from pcapaudit.diagnose.registry import Evidence, lookup
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import STAGES, Identification, Stage, State

FLOOR, CEILING = 5, 100
UNSEEN = (State.NOT_OBSERVED, State.NOT_REACHED)


@dataclass(frozen=True, slots=True)
class HealthCaps:
    """What capture health lets findings of one device claim.

    ``absence`` caps findings of class absence, ``any`` every finding; 100 means no cap.
    ``is_refused``: a sampled capture gives no diagnosis at all (CAP-SAMPLED), nor does one of whose packets of the
    device some are not kept (CAP-TABLE-FULL).
    """

    absence: int = CEILING
    any: int = CEILING
    is_refused: bool = False


def confidence_of(fired: Fired, facts: Facts, stages: Mapping[Stage, Proof], caps: HealthCaps) -> int:
    """Confidence of a finding, 0 to 100.

    Args:
        fired: The finding.
        facts: The device.
        stages: The device's ladder: stages before the finding's that were not seen cost 10 each.
        caps: See ``HealthCaps``.
    """
    evidence = lookup(fired.rule).evidence
    value = int(evidence) + _plus(fired) - _minus(fired, evidence, stages) + fired.adjust
    return max(FLOOR, min(value, _cap(evidence, facts, caps)))


def _plus(fired: Fired) -> int:
    again = min(10, 5 * (fired.independent - 1))
    return again + (10 if fired.is_agreed else 0) + (10 if fired.has_contrast else 0)


def _minus(fired: Fired, evidence: Evidence, stages: Mapping[Stage, Proof]) -> int:
    earlier = STAGES[: STAGES.index(fired.stage)]
    unseen = sum(1 for s in earlier if s in stages and s is not Stage.TIME and stages[s].state in UNSEEN)
    # One explicit refusal is explicit; one silence, or one odd event, may be chance.
    alone = 20 if fired.independent == 1 and fired.tries <= 1 and evidence is not Evidence.EXPLICIT else 0
    return min(20, 10 * unseen) + alone


def _cap(evidence: Evidence, facts: Facts, caps: HealthCaps) -> int:
    cap = caps.any
    if evidence is Evidence.ABSENCE:
        cap = min(cap, caps.absence)
    if facts.identification == Identification.ADDRESS:
        cap = min(cap, 60)
    return cap
