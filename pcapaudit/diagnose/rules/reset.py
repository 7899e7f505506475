"""Resets: made by a box on the way in the server's name, or by the server's side on a connection that worked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired
from pcapaudit.diagnose.once import once
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.resets import INJECTED, POSSIBLE, ResetVerdict, judge_reset
from pcapaudit.diagnose.rules.connect import refused_series, where
from pcapaudit.diagnose.rules.persist import (
    MAX_LOSSES,
    MIN_FLAPS,
    SURE_IDLE_S,
    idle_times,
    last_told_ns,
    lasting_attempts,
    unwanted_reset,
)
from pcapaudit.model.events import Packet
from pcapaudit.model.words import Outcome, Stage

MIN_SIGNS = 2
"""Independent signs of the catalogue's section 7.3 that make a reset a box's."""
MIN_RESETS = 2

Reset = tuple[Attempt, Packet, ResetVerdict]
"""An attempt, the reset that ended it, and who is likely to have made that."""


@rule("TCP-RST-INJECTED", stage=Stage.CONNECT, outcomes="Fdn", evidence=Evidence.HEURISTIC)
def rst_injected(facts: Facts) -> Iterator[Fired]:
    """A box on the way resets the connection in the server's name.

    **Seen**: a reset that does not fit the other packets of its address: another distance (TTL), too
    fast, or overtaken by the real answer; at least two independent signs. In answer to a SYN it stops the
    connection; on an established one it breaks it: once a remark, twice or more degraded, failed where the
    service does not answer any more.

    **Means**: a firewall or web filter closes the connection and pretends to be the server.

    **Not this rule**: a load balancer with a TTL of its own; IP ID 0 and window 0, which real servers
    send as well.

    **Ask the network team**: which rule resets this host and port for this device.
    """
    for series in refused_series(facts):
        refused = [(a, r) for a in series if a.need.direction == "out" for r in (a.flow.refusal,) if r is not None]
        injected = [(a, r, v) for a, r in refused for v in (judge_reset(facts, a.flow, r),) if _is_injected(v)]
        if injected:
            yield _refused(facts, injected)
    for need in facts.needs:
        broken = [b for b in _broken(facts, need) if _is_injected(b[2])]
        if broken:
            best = _likeliest(broken)
            who = f"a device on the way ({best.why})"
            yield _broken_finding(facts, "TCP-RST-INJECTED", need, broken, who, best.causes)


def _is_injected(verdict: ResetVerdict) -> bool:
    """Whether a reset is a box's: the score of the catalogue's section 7.3, and two independent signs."""
    return verdict.score >= INJECTED and verdict.signs >= MIN_SIGNS


def _refused(facts: Facts, injected: Sequence[Reset]) -> Fired:
    attempts = [a for a, _, _ in injected]
    best = _likeliest(injected)
    return facts.finding(
        "TCP-RST-INJECTED",
        Stage.CONNECT,
        f"a device on the way resets the connection to {where(attempts[0])}: {best.why}",
        [p for a, r, _ in injected for p in (*a.tries, r)],
        attempts=attempts,
        decisive=[*best.frames],
        causes=best.causes,
        facts={"score": best.score},
    )


def _likeliest(resets: Sequence[Reset]) -> ResetVerdict:
    """The verdict that speaks most for a box on the way."""
    return max((v for _, _, v in resets), key=lambda v: v.score)


@once
def _broken(facts: Facts, need: Need) -> list[Reset]:
    """The latest established connections of a need that a reset of the server's side broke; not the idle ones."""
    was_reset = facts.traffic.marks.reset
    lasting = [a for a in lasting_attempts(facts, need) if was_reset[a.flow.index]]
    resets = [(a, r) for a in lasting for r in (unwanted_reset(a, need),) if r is not None]
    idle = {x.attempt.flow.index for x in idle_times(facts, need).losses} if resets else set()
    broken = [(a, r) for a, r in resets if a.flow.index not in idle]
    return [(a, r, judge_reset(facts, a.flow, r)) for a, r in broken[-MAX_LOSSES:]]


@rule("TCP-RST-MIDSTREAM", stage=Stage.PERSIST, outcomes="Fdn", evidence=Evidence.STATISTICAL)
def rst_midstream(facts: Facts) -> Iterator[Fired]:
    """A working connection is reset.

    **Seen**: a reset from the server's side on an established connection, before either side closed it.
    Twice or more: degraded while the service still answers afterwards, failed if it does not.

    **Means**: the server restarted, a translator lost its table, or a box on the way interferes; TTL and
    timing of the reset tell which is likelier.

    **Not this rule**: resets after a FIN, or by the device after its request was answered: many stacks
    close so; a reset right after a TLS hello (TLS-RST-AFTER-SNI) or after idle time by a near box
    (NAT-IDLE-TIMEOUT); resets that a box provably made (TCP-RST-INJECTED); one reset and a good reconnect is only
    a note.

    **Ask the network team**: the log of firewall and intrusion prevention at these times; else the vendor.
    """
    for need in facts.needs:
        broken = [b for b in _broken(facts, need) if not _is_injected(b[2])]
        if not broken:
            continue
        worst = _likeliest(broken)
        who = "the server's side, or a box on the way," if worst.score >= POSSIBLE else "the server's side"
        yield _broken_finding(facts, "TCP-RST-MIDSTREAM", need, broken, who, _reset_causes(worst))


def _broken_finding(
    facts: Facts, rule_id: str, need: Need, broken: Sequence[Reset], who: str, causes: Sequence[Cause]
) -> Fired:
    """A finding about established connections that somebody reset."""
    attempts, resets = [a for a, _, _ in broken], [r for _, r, _ in broken]
    times = "once" if len(broken) == 1 else f"{len(broken)} times{' or more' if len(broken) == MAX_LOSSES else ''}"
    return facts.finding(
        rule_id,
        Stage.PERSIST,
        f"{who} resets the established connection to {where(attempts[0])}, {times}",
        [p for a, r, _ in broken for p in (a.flow.packets[0], r)],
        outcome=_reset_outcome(facts, need, resets),
        attempts=attempts,
        decisive=[r.frame for r in resets],
        causes=causes,
        facts={"score": _likeliest(broken).score},
    )


def _reset_outcome(facts: Facts, need: Need, resets: Sequence[Packet]) -> Outcome:
    if len(resets) < MIN_RESETS:
        return Outcome.NOTE
    last = resets[-1].time_ns
    answers = [told for a in facts.attempts_of(need) for told in (last_told_ns(facts, a),) if told is not None]
    works = any(told > last for told in answers)
    in_vain = sum(1 for r in resets if all(told < r.time_ns for told in answers))
    is_sure = in_vain >= MIN_FLAPS or facts.has_waited(last, SURE_IDLE_S)
    return Outcome.FAILED if is_sure and not works else Outcome.DEGRADED


def _reset_causes(verdict: ResetVerdict) -> list[Cause]:
    if verdict.score >= POSSIBLE:
        return list(verdict.causes)
    return [Cause("the server or its load balancer resets the connection", 20, verdict.why, "server")]
