"""Did the server send this reset, or a box on the way? The signs of the catalogue, section 7.3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause
from pcapaudit.flows.flow import RST, Flow
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import is_public
from pcapaudit.model.events import Packet

INJECTED, POSSIBLE = 50, 25
"""Scores from which a reset counts as injected, and as possibly so."""
FITS = "it fits the server's own packets"
MAX_FLOWS = 200
"""Flows of one address that are read for its normal TTL and round-trip time."""


@dataclass(frozen=True, slots=True)
class ResetVerdict:
    """Score for a box in the middle, how many independent signs, and the words and frames for it."""

    score: int
    signs: int
    why: str = FITS
    frames: tuple[int, ...] = ()
    causes: list[Cause] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Sign:
    weight: int
    text: str
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class _Usual:
    """How an address answers when nothing is wrong: the packets it sent that are no resets.

    ``ttls`` holds the TTL of each, ascending; ``frame`` is the first of them; ``fastest_ns`` the shortest time from
    a lone SYN to its SYN-ACK.
    """

    ttls: bytes
    frame: int | None
    fastest_ns: int | None


def judge_reset(facts: Facts, flow: Flow, reset: Packet) -> ResetVerdict:
    """Weigh the signs that a reset "from" the responder was made by something nearer.

    Args:
        facts: The device.
        flow: The flow that was reset.
        reset: The RST, sent in the responder's name.
    """
    own = _usual_of(facts.traffic, flow.resp[0])
    signs = [s for check in CHECKS for s in (check(facts, flow, reset, own),) if s is not None]
    plus = [s for s in signs if s.weight > 0]
    score = sum(s.weight for s in signs)
    if len(plus) < 2:
        # One sign alone may be a load balancer with a TTL of its own.
        score = min(score, INJECTED - 1)
    frames = tuple(s.frame for s in signs if s.frame is not None)
    why = "; ".join(s.text for s in plus) or FITS
    causes = [Cause("a box on the way resets it", s.weight, s.text, "middlebox") for s in plus]
    if not plus:
        text = "the server refuses: service down or port closed" if flow.refusal else "the server itself resets it"
        causes = [Cause(text, 15, why, "server")]
    return ResetVerdict(score, len(plus), why, (reset.frame, *frames), causes)


def _usual_of(traffic: Traffic, address: bytes) -> _Usual:
    """How the address answers; found once per capture, because many devices share a server."""
    known: dict[bytes, _Usual] = traffic.memo.setdefault("usual_answers", {})
    if address not in known:
        known[address] = _read_usual(traffic, address)
    return known[address]


def _read_usual(traffic: Traffic, address: bytes) -> _Usual:
    ttls = bytearray()
    frame = None
    times = []
    for index in traffic.flows_by_address.get(address, [])[:MAX_FLOWS]:
        flow = traffic.flow(index)
        for p in flow.packets:
            if p.src == address and not p.flags & RST:
                frame = p.frame if frame is None else frame
                ttls.append(p.ttl)
        if flow.resp[0] == address and len(flow.syns) == 1 and flow.syn_acks:
            times.append(flow.syn_acks[0].time_ns - flow.syns[0].time_ns)
    return _Usual(bytes(sorted(ttls)), frame, min((t for t in times if t > 0), default=None))


def _ttl(facts: Facts, flow: Flow, reset: Packet, own: _Usual) -> _Sign | None:
    if not own.ttls:
        return None
    usual = own.ttls[len(own.ttls) // 2]
    if all(abs(reset.ttl - t) >= facts.params.ttl_delta for t in set(own.ttls)):
        return _Sign(40, f"its TTL is {reset.ttl}, other packets of that address have {usual}", own.frame)
    return _Sign(-40, f"its TTL {reset.ttl} is that of the server")


def _near(facts: Facts, flow: Flow, reset: Packet, own: _Usual) -> _Sign | None:
    if own.ttls or not is_public(flow.resp[0]):
        return None
    hops = min((initial - reset.ttl for initial in (64, 128, 255) if initial >= reset.ttl), default=255)
    return _Sign(30, f"its TTL {reset.ttl} says {hops} hops, the address is public") if hops <= 1 else None


def _speed(facts: Facts, flow: Flow, reset: Packet, own: _Usual) -> _Sign | None:
    trigger = _trigger(flow, reset)
    usual = own.fastest_ns
    if trigger is None or usual is None:
        return None
    took = reset.time_ns - trigger.time_ns
    if 0 <= took < facts.params.rtt_factor * usual:
        return _Sign(30, f"it came after {took / 1e6:.1f} ms, the server's fastest answer took {usual / 1e6:.1f} ms")
    return None


def _trigger(flow: Flow, reset: Packet) -> Packet | None:
    return next((p for p in reversed(flow.sent) if p.frame < reset.frame), None)


def _race(facts: Facts, flow: Flow, reset: Packet, own: _Usual) -> _Sign | None:
    late = next((p for p in flow.received if p.frame > reset.frame and not p.flags & RST), None)
    return (
        _Sign(50, f"the server's real answer came after it (frame {late.frame})", late.frame)
        if late is not None
        else None
    )


def _rising(facts: Facts, flow: Flow, reset: Packet, own: _Usual) -> _Sign | None:
    sequences = [p.seq for p in flow.received if p.flags & RST and abs(p.time_ns - reset.time_ns) < 1_000_000_000]
    return _Sign(25, "several resets with rising sequence numbers") if len(set(sequences)) >= 3 else None


def _like_gateway(facts: Facts, flow: Flow, reset: Packet, own: _Usual) -> _Sign | None:
    gateway = facts.gateway
    if gateway is None or flow.resp[0] == gateway or not is_public(flow.resp[0]):
        return None
    ttls = {
        p.ttl
        for i in facts.traffic.flows_by_address.get(gateway, [])[:50]
        for p in facts.traffic.flow(i).packets
        if p.src == gateway
    }
    return _Sign(30, "its TTL is that of the gateway's own packets") if reset.ttl in ttls else None


Check = Callable[[Facts, Flow, Packet, _Usual], _Sign | None]
CHECKS: tuple[Check, ...] = (_ttl, _near, _speed, _race, _rising, _like_gateway)
