"""Needs judged by the exchanges of their own stage: name resolution, time, the connectivity ping."""

from __future__ import annotations

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.needs import NeedJudgement
from pcapaudit.diagnose.verdict import Diagnosis
from pcapaudit.model.addresses import is_inside
from pcapaudit.model.words import Result, Stage, State

_RESULTS = {
    State.OK: Result.WORKS,
    State.IMPLIED: Result.WORKS,
    State.DEGRADED: Result.NO_ANSWER,
    State.FAILED: Result.NO_ANSWER,
}


def special_need(need: Need, d: Diagnosis) -> NeedJudgement:
    """Judge a DNS, NTP or ping need; its state never stands in the way of a healthy verdict by itself."""
    if any(e.transport == "icmp" for e in need.endpoints):
        return _ping(need, d)
    stage = Stage.DNS if any(e.app == "dns" for e in need.endpoints) else Stage.TIME
    proof = d.stages[stage]
    tried = bool(d.facts.polls if stage is Stage.TIME else d.facts.lookups)
    state = proof.state if tried or proof.state in (State.FAILED, State.NOT_REACHED) else State.NOT_OBSERVED
    judged = NeedJudgement(need, [], state)
    judged.result = _RESULTS.get(state, Result.CANNOT_TELL if tried else Result.NOT_ATTEMPTED)
    return judged


def _ping(need: Need, d: Diagnosis) -> NeedJudgement:
    pings = [p for p in d.facts.pings if _is_meant(need, p.request.at.dst)]
    judged = NeedJudgement(need, [])
    if pings:
        answered = any(p.reply is not None for p in pings)
        judged.state = State.OK if answered else State.DEGRADED
        judged.result = Result.WORKS if answered else Result.NO_ANSWER
    return judged


def _is_meant(need: Need, address: bytes) -> bool:
    """Whether a ping there is the need's; one without addresses is served by any."""
    return not need.addresses or any(is_inside(address, network) for network in need.addresses)
