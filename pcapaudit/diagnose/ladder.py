"""The device's own rungs, LINK to TIME: what was seen, what follows from later stages, what failed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from pcapaudit.diagnose import ipv6
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Fired
from pcapaudit.diagnose.needs import NeedJudgement
from pcapaudit.diagnose.proof import Proof
from pcapaudit.flows.flow import Flow
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.words import STAGES, WORST_FIRST, Outcome, Stage, State

SOFT_STAGES = frozenset({Stage.TIME})
"""Stages that degrade and do not fail (catalogue 14.1)."""
HARD_RULES = frozenset({"NTP-OFFSET-LARGE"})
"""What fails a soft stage all the same: a later hard failure names it."""
OWN_STAGES: tuple[Stage, ...] = (Stage.LINK, Stage.DHCP, Stage.GATEWAY, Stage.DNS, Stage.TIME)
WHOLE_WINDOW = frozenset({"DEV-REBOOT-LOOP", "LINK-FLAP", "PATH-LOSS"})
"""Rules that later successes do not repair (catalogue 14.2, step 9a); with all of stage PERSIST."""


def own_stages(facts: Facts, fired: Sequence[Fired], needs: Sequence[NeedJudgement]) -> dict[Stage, Proof]:
    """State of LINK, DHCP, GATEWAY, DNS and TIME of one device.

    Args:
        facts: The device.
        fired: Its findings; a failed one is overruled by a later proof of the same or a later stage.
        needs: Its needs, judged.
    """
    answered = max((n.answered_ns for n in needs if n.answered_ns is not None), default=None)
    seen = {
        Stage.LINK: _link(facts),
        Stage.DHCP: _dhcp(facts),
        Stage.GATEWAY: _gateway(facts),
        Stage.DNS: _dns(facts, needs),
        Stage.TIME: _time(facts),
    }
    standing = [f for f in fired if f.outcome is not Outcome.FAILED or repaired_ns(f, facts, needs) is None]
    stages = {stage: _weigh(stage, seen[stage], standing, needs) for stage in OWN_STAGES}
    _imply(stages, facts, answered)
    _apply_signature(stages, facts)
    _stop_after_failure(stages)
    return stages


def repaired_ns(finding: Fired, facts: Facts, needs: Sequence[NeedJudgement]) -> int | None:
    """When a later success overruled a failed finding of the device's own stages; None when none did.

    A stage is repaired by its own success (a lease after a refusal) or by traffic that comes back
    from beyond the gateway, for which every earlier stage must work. An answer inside the subnet
    (a local resolver) says nothing of the gateway.
    """
    if finding.rule in WHOLE_WINDOW:
        return None
    own = {Stage.DHCP: _dhcp, Stage.TIME: _time}.get(finding.stage)
    proof = own(facts) if own is not None else None
    times = [proof.time_ns] if proof is not None and proof.state is State.OK else []
    if finding.stage is not Stage.TIME:
        times += [n.answered_ns for n in needs if n.answered_ns is not None]
        times += facts.heard_beyond_ns[bisect_right(facts.heard_beyond_ns, finding.began_ns) :][:1]
    if finding.stage is Stage.DNS:
        times = [n.answered_ns for n in needs if n.answered_ns is not None]
    return min((t for t in times if t > finding.began_ns), default=None)


def _weigh(stage: Stage, seen: Proof | None, fired: Sequence[Fired], needs: Sequence[NeedJudgement]) -> Proof:
    own = [f for f in fired if f.stage is stage and not f.is_optional and (f.need is None or f.need.required)]
    failed = [f for f in own if f.outcome is Outcome.FAILED]
    if stage is Stage.DNS and needs:
        from_needs = [n.stages[Stage.DNS] for n in needs if n.need.required and Stage.DNS in n.stages]
        broken = [p for p in from_needs if p.state is State.FAILED]
        if broken:
            return broken[0]
        failed = [f for f in failed if not f.lookups]
    if failed:
        worst = next((f for f in failed if f.rule in HARD_RULES), failed[0])
        state = State.DEGRADED if stage in SOFT_STAGES and worst.rule not in HARD_RULES else State.FAILED
        return Proof(state, worst.summary, tuple(worst.frames), worst.began_ns)
    degraded = [f for f in own if f.outcome is Outcome.DEGRADED]
    if degraded:
        return Proof(State.DEGRADED, degraded[0].summary, tuple(degraded[0].frames), degraded[0].began_ns)
    if seen is not None:
        return seen
    return Proof(State.NOT_OBSERVED, "", reason="not in the capture")


def _link(facts: Facts) -> Proof | None:
    host = facts.host
    if host.frames == 0:
        return Proof(State.NOT_OBSERVED, "", reason="no frame of the device in the capture")
    if facts.is_outside_view:
        return Proof(State.NOT_APPLICABLE, "", reason="outside view")
    frames = tuple(dict.fromkeys((host.first_frame, host.last_frame)))
    return Proof(State.OK, f"{host.frames} frames sent", frames, host.last_ns)


def _dhcp(facts: Facts) -> Proof | None:
    if facts.is_outside_view:
        return Proof(State.NOT_APPLICABLE, "", reason="outside view")
    for cycle in reversed(facts.dhcp):
        if cycle.ack is not None:
            frames = tuple(
                m.at.frame for m in (*cycle.discovers[:1], *cycle.offers[-1:], *cycle.requests[-1:], cycle.ack)
            )
            return Proof(State.OK, f"lease of {ip_text(cycle.ack.yiaddr)}", frames, cycle.ack.at.time_ns)
    return ipv6.assignment(facts)


def _gateway(facts: Facts) -> Proof | None:
    if facts.is_outside_view:
        return Proof(State.NOT_APPLICABLE, "", reason="outside view")
    for flow in reversed(facts.flows_beyond):
        back = _last_from(flow)
        if back is not None:
            return Proof(State.OK, "traffic passes the gateway both ways", (flow.first_frame, back[0]), back[1])
    for question in facts.arps:
        if question.target == facts.gateway and question.is_answered:
            first, reply = question.requests[0].at, question.replies[-1].at
            return Proof(State.OK, f"{ip_text(question.target)} answers ARP", (first.frame, reply.frame), reply.time_ns)
    return ipv6.router_answer(facts)


def _last_from(flow: Flow) -> tuple[int, int] | None:
    """Frame and time of the last packet that came back from the far side."""
    last = flow.received[-1] if flow.received else flow.last_answer
    return (last.frame, last.time_ns) if last is not None else None


def _dns(facts: Facts, needs: Sequence[NeedJudgement]) -> Proof | None:
    needed = [n.stages[Stage.DNS] for n in needs if n.need.required and Stage.DNS in n.stages]
    good = [p for p in needed if p.state is State.OK]
    if good:
        return max(good, key=lambda p: p.time_ns)
    resolved = [q for lookup in facts.lookups for q in lookup.resolved]
    if resolved:
        last = resolved[-1]
        return Proof(State.OK, f"{last.name} resolved", tuple(last.frames[:4]), last.answers[-1].at.time_ns)
    return None


def _time(facts: Facts) -> Proof | None:
    valid = [
        (p, p.answer) for p in facts.polls if p.is_valid and p.answer is not None and p.answer.stratum not in (0, 16)
    ]
    if not valid:
        return None
    last, answer = valid[-1]
    return Proof(
        State.OK,
        f"{ip_text(last.server)} gave the time",
        (last.query.at.frame, answer.at.frame),
        answer.at.time_ns,
    )


def _imply(stages: dict[Stage, Proof], facts: Facts, answered: int | None) -> None:
    """Back-fill "implied" from the latest success (catalogue 14.2, step 6)."""
    beyond = stages[Stage.GATEWAY].state is State.OK or answered is not None or facts.goes_out_unseen
    named = stages[Stage.DNS].state is State.OK or answered is not None
    for stage, holds, why in (
        (Stage.DHCP, beyond or named, "it uses a routable address"),
        (Stage.GATEWAY, answered is not None or facts.goes_out_unseen, "later stages work"),
        (Stage.DNS, answered is not None or _uses_unseen_answer(facts), "it uses the addresses"),
    ):
        if holds and stages[stage].state is State.NOT_OBSERVED:
            stages[stage] = Proof(State.IMPLIED, why, reason="not in the capture")


def _uses_unseen_answer(facts: Facts) -> bool:
    """Whether the device, having asked for names, goes to addresses that only an unseen answer can have told."""
    return facts.goes_out_unseen and bool(facts.lookups)


def _apply_signature(stages: dict[Stage, Proof], facts: Facts) -> None:
    if facts.signature is None:
        if stages[Stage.TIME].state is State.NOT_OBSERVED:
            stages[Stage.TIME] = Proof(State.NOT_APPLICABLE, "", reason="no signature")
        return
    for name, word in facts.signature.stages.items():
        stage = Stage(name)
        if word == "not_applicable" and stage in stages and stages[stage].state is State.NOT_OBSERVED:
            stages[stage] = Proof(State.NOT_APPLICABLE, "", reason="the product does not use it")


def _stop_after_failure(stages: dict[Stage, Proof]) -> None:
    failed = next((s for s in OWN_STAGES if stages[s].state is State.FAILED), None)
    if failed is None:
        return
    for stage in OWN_STAGES[OWN_STAGES.index(failed) + 1 :]:
        if stages[stage].state is State.NOT_OBSERVED:
            stages[stage] = Proof(State.NOT_REACHED, "", reason=f"{failed} failed")


def service_stages(needs: Sequence[NeedJudgement], own: dict[Stage, Proof]) -> dict[Stage, Proof]:
    """CONNECT to PERSIST of the device: the worst state over its required needs (report contract)."""
    required = [n for n in needs if n.need.required]
    relevant = [n for n in required if n.was_seen] or required
    blocked = next((s for s in OWN_STAGES if own[s].state is State.FAILED), None)
    return {stage: _worst(stage, relevant, blocked) for stage in STAGES[len(OWN_STAGES) :]}


def _worst(stage: Stage, needs: Sequence[NeedJudgement], blocked: Stage | None) -> Proof:
    known = [n.stages.get(stage) or _absent(n, blocked) for n in needs]
    stated = [p for p in known if p.state is not State.NOT_APPLICABLE] or known
    if stage is Stage.PERSIST:
        # Not every need lasts; the one that was seen to last, or not to, speaks.
        stated = [p for p in stated if p.state is not State.NOT_OBSERVED] or stated
    for state in WORST_FIRST:
        for proof in stated:
            if proof.state is state:
                return proof
    return Proof(State.NOT_APPLICABLE, "", reason="no signature")


def _absent(need: NeedJudgement, blocked: Stage | None) -> Proof:
    if blocked is not None and not need.attempts:
        return Proof(State.NOT_REACHED, "", reason=f"{blocked} failed")
    return Proof(
        State.NOT_OBSERVED, "", reason="not tried in the capture" if not need.attempts else "the capture cannot tell"
    )
