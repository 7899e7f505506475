"""Did the server send this reset, or a box on the way? The signs of the catalogue, section 7.3."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from itertools import islice, pairwise

import numpy as np

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause
from pcapaudit.flows.flow import ACK, RST, Flow
from pcapaudit.flows.hosts import Host
from pcapaudit.flows.rows import opening_times, rows_from, rows_received
from pcapaudit.flows.streams import distance
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import is_public
from pcapaudit.model.events import Packet
from pcapaudit.model.records import dataclass

INJECTED, POSSIBLE = 50, 25
"""Scores from which a reset counts as injected, and as possibly so."""
FIRST_WORDS = 2
"""Data segments of the device that make its first words: a greeting may need two."""
MIN_SERVERS = 3
MIN_COUNTED, COUNTER_STEP = 3, 1000
"""Packets that show an identification counter, and its steps (other flows of the server count in between)."""
BURST_NS = 100_000_000
MIN_RISING, RISING_NS = 3, 1_000_000_000
MAX_READ = 20
WINDOW = 65_535
FITS = "it fits the server's own packets"
MAX_FLOWS = 200
"""Flows of one address that are read for its normal TTL and round-trip time."""
MAX_GATEWAY_FLOWS = 50


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

    ``ttls`` are the TTLs that they have, ``usual`` the one in their middle; ``frame`` is the first of them;
    ``fastest_ns`` the shortest time from a lone SYN to its SYN-ACK.
    """

    ttls: frozenset[int]
    usual: int | None
    frame: int | None
    fastest_ns: int | None


def judge_reset(facts: Facts, flow: Flow, reset: Packet) -> ResetVerdict:
    """Weigh the signs that a reset "from" the responder was made by something nearer.

    Args:
        facts: The device.
        flow: The flow that was reset.
        reset: The RST, sent in the responder's name.
    """
    found: tuple[Host | None, dict[tuple[int, int], ResetVerdict]] = facts.traffic.memo.get("resets", (None, {}))
    whose, known = found
    if whose is not facts.host:
        # One device is judged at a time; the others' verdicts are not kept.
        known = {}
        facts.traffic.memo["resets"] = facts.host, known
    key = flow.index, reset.frame
    if key not in known:
        known[key] = _judge(facts, flow, reset)
    return known[key]


def _judge(facts: Facts, flow: Flow, reset: Packet) -> ResetVerdict:
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
    flows = traffic.flows_by_address.get(address, [])[:MAX_FLOWS]
    rows, said = traffic.result.rows, rows_from(traffic, address, flows)
    said = said[(rows["flags"][said] & RST) == 0]
    times = opening_times(traffic, address, flows)
    ttls = np.sort(rows["ttl"][said]).tolist()
    return _Usual(
        frozenset(ttls),
        ttls[len(ttls) // 2] if ttls else None,
        int(rows["frame"][said[0]]) if ttls else None,
        min(times[times > 0].tolist(), default=None),
    )


def _ttl(facts: Facts, flow: Flow, reset: Packet, own: _Usual) -> _Sign | None:
    if not own.ttls:
        return None
    if all(abs(reset.ttl - t) >= facts.params.ttl_delta for t in own.ttls):
        return _Sign(40, f"its TTL is {reset.ttl}, other packets of that address have {own.usual}", own.frame)
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
    # Coarse time stamps (CAP-COARSE-TIME) make any time appear up to their step shorter.
    if took >= 0 and took + facts.traffic.grain_ns < facts.params.rtt_factor * usual:
        return _Sign(30, f"it came after {took / 1e6:.1f} ms, the server's fastest answer took {usual / 1e6:.1f} ms")
    return None


def _trigger(flow: Flow, reset: Packet) -> Packet | None:
    return next((p for p in reversed(flow.sent) if p.frame < reset.frame), None)


def _race(facts: Facts, flow: Flow, reset: Packet, own: _Usual) -> _Sign | None:
    if flow.received[-1].frame <= reset.frame:
        return None
    late = next((p for p in flow.received if p.frame > reset.frame and not p.flags & RST), None)
    return (
        _Sign(50, f"the server's real answer came after it (frame {late.frame})", late.frame)
        if late is not None
        else None
    )


def _rising(facts: Facts, flow: Flow, reset: Packet, own: _Usual) -> _Sign | None:
    if _is_astray(flow, reset):
        return _Sign(25, "its sequence number lies outside the window")
    if flow.first_rst == flow.received[-1]:
        return None
    rows, heard = facts.traffic.result.rows, rows_received(facts.traffic, flow)
    resets = heard[(rows["flags"][heard] & RST) > 0]
    near = resets[abs(rows["time_ns"][resets] - reset.time_ns) < RISING_NS]
    is_row = len(set(rows["seq"][near].tolist())) >= MIN_RISING
    return _Sign(25, "several resets with rising sequence numbers") if is_row else None


def _is_astray(flow: Flow, reset: Packet) -> bool:
    """Whether a reset on an established flow fits neither what the server sent nor what the device awaits.

    A server's own reset bears its next number, or the one that the device acknowledged (RFC 9293, 3.10.7); a window
    without scaling (RFC 7323) leaves room for lost packets.
    """
    sent = next(_before(flow.received, reset), None)
    ack = next((p for p in reversed(flow.sent) if p.frame < reset.frame and p.flags & ACK), None)
    if sent is None or ack is None or not flow.is_established:
        return False
    known = (sent.seq + sent.payload_len, ack.ack)
    return all(abs(distance(reset.seq, number % (1 << 32))) > WINDOW for number in known)


def _before(packets: Sequence[Packet], reset: Packet) -> Iterator[Packet]:
    """What a side sent before a reset, the last first; resets left out."""
    return (p for p in reversed(packets) if p.frame < reset.frame and not p.flags & RST)


def _like_gateway(facts: Facts, flow: Flow, reset: Packet, own: _Usual) -> _Sign | None:
    gateway = facts.gateway
    if gateway is None or flow.resp[0] == gateway or not is_public(flow.resp[0]):
        return None
    is_alike = reset.ttl in _gateway_ttls(facts.traffic, gateway)
    return _Sign(30, "its TTL is that of the gateway's own packets") if is_alike else None


def _gateway_ttls(traffic: Traffic, gateway: bytes) -> frozenset[int]:
    """TTLs of a gateway's own packets; found once per capture."""
    known: dict[bytes, frozenset[int]] = traffic.memo.setdefault("gateway_ttls", {})
    if gateway not in known:
        flows = traffic.flows_by_address.get(gateway, [])[:MAX_GATEWAY_FLOWS]
        known[gateway] = frozenset(traffic.result.rows["ttl"][rows_from(traffic, gateway, flows)].tolist())
    return known[gateway]


def _content(facts: Facts, flow: Flow, reset: Packet, own: _Usual) -> _Sign | None:
    """The reset answers what the device said first, and other words to the same address are answered."""
    trigger = _trigger(flow, reset) if not flow.received_data else None
    if trigger is None or not trigger.payload_len or trigger not in flow.sent_data[:FIRST_WORDS]:
        return None
    for index in facts.traffic.flows_by_address.get(flow.resp[0], [])[:MAX_FLOWS]:
        outline = facts.traffic.outline(index)
        if outline.resp != flow.resp or not outline.sent.payload_high or not outline.received.payload_high:
            continue
        other = facts.traffic.flow(index)
        if other.received_data and other.sent_data:
            frame = other.received_data[0].frame
            return _Sign(25, f"it answers the first words, and others to that address pass (frame {frame})", frame)
    return None


def _identification(facts: Facts, flow: Flow, reset: Packet, own: _Usual) -> _Sign | None:
    """The server counts its IP identifications up, the reset's does not fit; 0 says nothing (RFC 6864)."""
    if not reset.ip_id or len(reset.src) != 4:
        return None
    before = [p.ip_id for p in islice(_before(flow.received, reset), MIN_COUNTED)]
    if len(before) < MIN_COUNTED:
        return None
    steps = [(b - a) % 65536 for a, b in pairwise([*reversed(before), reset.ip_id])]
    is_counter = all(0 < s <= COUNTER_STEP for s in steps[:-1])
    return _Sign(10, "its IP identification is out of line") if is_counter and steps[-1] > 2 * COUNTER_STEP else None


def _both_ends(facts: Facts, flow: Flow, reset: Packet, own: _Usual) -> _Sign | None:
    """The server gets a reset "from" the device at the same time, which the device did not send."""
    if not facts.traffic.marks.reset_by_both[flow.index]:
        return None
    usual = {(p.ttl, p.smac) for p in flow.sent if not p.flags & RST}
    for p in flow.sent:
        if p.flags & RST and abs(p.time_ns - reset.time_ns) <= BURST_NS and usual:
            is_foreign = all(p.smac != mac or abs(p.ttl - ttl) >= facts.params.ttl_delta for ttl, mac in usual)
            if is_foreign:
                return _Sign(30, f'the server gets one "from" the device as well (frame {p.frame})', p.frame)
    return None


def _all_servers(facts: Facts, flow: Flow, reset: Packet, own: _Usual) -> _Sign | None:
    """Resets alike come "from" three or more unrelated addresses, at a distance that no far server shares."""
    if not is_public(flow.resp[0]):
        return None
    styles, distances = _reset_styles(facts)
    alike = styles.get(_style(reset), {})
    if len(alike) < MIN_SERVERS or reset.ttl in distances:
        return None
    frame = next(f for network, f in alike.items() if network != _network(flow.resp[0]))
    return _Sign(30, f"resets alike come from {len(alike)} unrelated addresses (frame {frame})", frame)


def _reset_styles(facts: Facts) -> tuple[dict[tuple[int, ...], dict[bytes, int]], frozenset[int]]:
    """Style of the resets that answer the device -> networks and frames; and the TTLs of other far packets."""
    key = f"reset_styles {facts.host.key}"
    known: tuple[dict[tuple[int, ...], dict[bytes, int]], frozenset[int]] | None = facts.traffic.memo.get(key)
    if known is None:
        known = facts.traffic.memo[key] = _read_styles(facts)
    return known


def _read_styles(facts: Facts) -> tuple[dict[tuple[int, ...], dict[bytes, int]], frozenset[int]]:
    first = facts.outward_flows[:MAX_FLOWS]
    far = first.where(first.leads_to(is_public))
    reset = far.where(facts.traffic.marks.refusing[far.places])
    if len(set(map(_network, reset.far))) < MIN_SERVERS:
        return {}, frozenset()
    styles: dict[tuple[int, ...], dict[bytes, int]] = {}
    for p in (p for f in reset for p in f.received[:MAX_READ] if p.flags & RST):
        styles.setdefault(_style(p), {}).setdefault(_network(p.src), p.frame)
    rows = facts.traffic.result.rows
    heard = np.concatenate([rows_received(facts.traffic, f)[:MAX_READ] for f in far])
    return styles, frozenset(rows["ttl"][heard][(rows["flags"][heard] & RST) == 0].tolist())


def _style(reset: Packet) -> tuple[int, ...]:
    """What resets of one maker share: distance, flags, window, and whether they bear an identification."""
    return reset.ttl, reset.flags, reset.window, int(reset.ip_id == 0)


def _network(address: bytes) -> bytes:
    """The part of an address that unrelated servers do not share: /16, or /32 of IPv6."""
    return address[:2] if len(address) == 4 else address[:4]


Check = Callable[[Facts, Flow, Packet, _Usual], _Sign | None]
CHECKS: tuple[Check, ...] = (
    _ttl,
    _near,
    _speed,
    _race,
    _rising,
    _like_gateway,
    _content,
    _identification,
    _both_ends,
    _all_servers,
)
