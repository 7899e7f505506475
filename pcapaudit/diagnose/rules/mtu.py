"""RETURN: packets that are too large for the way, out or back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired
from pcapaudit.diagnose.refusals import errors_by_flow
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.rules.connect import where
from pcapaudit.diagnose.stuck import MIN_REPEATS, WRAP, Stuck, size_limit, stopped_stage, tcp_attempts
from pcapaudit.flows.flow import ACK, RST, SYN, Flow
from pcapaudit.flows.marks import LARGE
from pcapaudit.flows.streams import distance
from pcapaudit.model.events import Packet
from pcapaudit.model.words import Outcome, Stage

MIN_HOLES = 2
"""Connections on which the server's large segments must be missing."""


@rule("MTU-BLACKHOLE", stage=Stage.RETURN, outcomes="Fn", evidence=Evidence.STATISTICAL)
def mtu_blackhole(facts: Facts) -> Iterator[Fired]:
    """Large packets vanish, small ones pass.

    **Seen**: segments above a size, sent with "don't fragment", are repeated and never acknowledged while
    smaller ones are; or the server's full-size segments are missing while its small ones arrive; or a
    router says "fragmentation needed" and the device keeps its size.

    **Means**: a tunnel or PPPoE line takes smaller packets only, and the ICMP message that says so is
    dropped.

    **Not this rule**: loss that hits all sizes (PATH-LOSS); frames larger than the link allows: those
    are cut later by an offload engine.

    **Ask the network team**: clamp the MSS on the tunnel; let ICMP "fragmentation needed" pass (RFC 8899).
    """
    for need in facts.needs:
        limit = size_limit(facts, need)
        if limit is not None:
            yield _outbound_limit(facts, *limit)
        outrun = facts.traffic.marks.outrun
        lacking = [a for a in tcp_attempts(facts, need) if outrun[a.flow.index]]
        holes = [(a, h) for a in lacking for h in (_hole(a.flow),) if h is not None]
        if len(holes) >= MIN_HOLES:
            yield _inbound_limit(facts, holes)
        yield from _too_big(facts, need)


def _outbound_limit(facts: Facts, smallest: int, stuck: Sequence[tuple[Attempt, Stuck]]) -> Fired:
    attempts = [a for a, _ in stuck]
    return facts.finding(
        "MTU-BLACKHOLE",
        stopped_stage(attempts[-1]),
        f"segments of {smallest} bytes and more to {where(attempts[0])} are repeated without acknowledgment, "
        "smaller ones pass",
        [p for _, s in stuck for p in s.sends],
        attempts=attempts,
        causes=[_mtu_cause("every acknowledged segment is smaller")],
        tries=sum(len(s.sends) for _, s in stuck),
        adjust=-20 if facts.is_lossy else 0,
        facts={"smallest_lost": smallest},
    )


def _mtu_cause(because: str) -> Cause:
    return Cause("a path that takes smaller packets only, with its ICMP message filtered", 30, because, "filter")


def _hole(flow: Flow) -> tuple[Packet, Packet] | None:
    """The device's last ACK below a hole of a full segment or more, and the server's packet beyond it."""
    if flow.resp_isn is None or not flow.received or not flow.is_established:
        return None
    expected = (flow.resp_isn + 1) % WRAP
    beyond: Packet | None = None
    for p in flow.received:
        ahead = distance(p.seq, expected)
        if ahead > LARGE and not p.flags & RST:
            beyond = beyond or p
        elif p.payload_len and ahead <= 0:
            expected = max((p.seq + p.payload_len) % WRAP, expected, key=lambda s: distance(s, expected))
    acks = [p for p in flow.sent if p.flags & ACK and not p.flags & (SYN | RST)]
    if beyond is None or not acks or any(distance(p.ack, expected) > 0 for p in acks):
        return None
    after = [p for p in acks if p.frame > beyond.frame]
    return (after[-1], beyond) if after and distance(beyond.seq, expected) > LARGE else None


def _inbound_limit(facts: Facts, holes: Sequence[tuple[Attempt, tuple[Packet, Packet]]]) -> Fired:
    attempts = [a for a, _ in holes]
    return facts.finding(
        "MTU-BLACKHOLE",
        stopped_stage(attempts[-1]),
        f"full-size segments of {where(attempts[0])} are missing on {len(holes)} connections, "
        "small ones behind them arrive",
        [p for _, pair in holes for p in pair],
        attempts=attempts,
        decisive=[beyond.frame for _, (_, beyond) in holes],
        causes=[_mtu_cause("only the server's large segments are missing")],
        adjust=-20 if facts.is_lossy else 0,
    )


def _too_big(facts: Facts, need: Need) -> Iterator[Fired]:
    """A router says that packets are too big; whether the device then sends smaller ones decides."""
    about = errors_by_flow(facts.icmp_errors)
    for attempt in tcp_attempts(facts, need):
        errors = [
            e.message
            for e in about.get(attempt.flow.index, ())
            if (e.message.family, e.message.type, e.message.code) in ((4, 3, 4), (6, 2, 0))
        ]
        if not errors:
            continue
        limit = errors[-1].mtu or 0
        told = errors[min(len(errors), MIN_REPEATS) - 1].at.frame
        later = [p for p in attempt.flow.sent_data if p.frame > told]
        keeps = len(errors) >= MIN_REPEATS and bool(later) and limit > 0 and all(p.ip_len > limit for p in later)
        said = f"router says that {where(attempt)} takes at most {limit} bytes ({len(errors)} times)"
        yield facts.finding(
            "MTU-BLACKHOLE",
            stopped_stage(attempt),
            f"{said}, the device {'keeps its size' if keeps else 'adapts'}",
            [*(m.at for m in errors), *later[:3]],
            outcome=Outcome.FAILED if keeps else Outcome.NOTE,
            attempts=[attempt],
            decisive=[m.at.frame for m in errors],
            causes=[Cause("the device ignores the router's message", 30, "it goes on with the same size", "device")]
            if keeps
            else [],
        )
