"""RETURN: lines that lose packets, and sides that do not read what they are sent."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.rules.connect import where
from pcapaudit.diagnose.rules.udp import datagram_attempts
from pcapaudit.flows.flow import ACK, FIN, RST, SYN, Flow
from pcapaudit.flows.streams import distance
from pcapaudit.model.events import Packet
from pcapaudit.model.times import duration
from pcapaudit.model.words import Outcome, Stage

LOSS_SHARE, MIN_LOST, MIN_SEGMENTS = 0.02, 5, 20
"""Five repeats among twenty segments: a line that loses one in fifty does that once in twenty thousand captures."""
SPREAD_NS, MIN_WINDOWS = ns(10), 3
"""Losses must fall into several windows of this length to count as spread over time."""
UDP_LOSS_SHARE, MIN_UDP_LOST = 0.10, 3
RETRY_FACTOR, MIN_RETRY_NS = 1.5, ns(0.2)
"""A device that misses a reply asks again sooner than it would have asked next, but not at once (RFC 6298: 200 ms)."""
CLOSED_S = 10.0
RECENT_ACKS, SLOW_TRIP, FAST_TRIP = 4, 1.5, 0.8
"""A round trip may take half as long again as the handshake's, or, where that was slow, a fifth less."""


@rule("PATH-LOSS", stage=Stage.RETURN, outcomes="d", evidence=Evidence.STATISTICAL)
def path_loss(facts: Facts) -> Iterator[Fired]:
    """The line loses packets.

    **Seen**: more than two in a hundred data segments are repeated, spread over time and connections; or
    over UDP three or more requests and a tenth of all stay without reply between answered ones.

    **Means**: a bad line, a duplex mismatch, poor radio, congestion.

    **Not this rule**: the mirror copies frames (CAP-DUP); the capture itself lost them (CAP-LOSS): then
    the receiver acknowledges what seems missing; one connection that is stuck (TCP-DATA-BLACKHOLE); a sender
    that repeats while the acknowledgment is on its way; replies over UDP that come after the device has moved on.

    **Ask the network team**: cable, duplex, radio and load of the line.
    """
    if facts.is_duplicated:
        return
    needed = [a for a in facts.attempts if a.need.required and a.need.direction == "out"]
    flows = [a.flow for a in needed if a.transport == "tcp" and a.flow.is_established]
    for who in ("device", "server"):
        lost, total = _lost_segments(facts, flows, is_device=who == "device")
        if len(lost) >= MIN_LOST and len(lost) > LOSS_SHARE * total and _is_spread(lost, flows):
            yield _loss(facts, lost, f"{len(lost)} of {total} data segments of the {who} had to be sent again")
            return
    if not facts.is_lossy and facts.sees_inbound:
        yield from _datagram_loss(facts)


def _lost_segments(facts: Facts, flows: Sequence[Flow], *, is_device: bool) -> tuple[list[Packet], int]:
    """What one side had to send again on these flows, and how many data segments it sent; nothing where these are few.

    Most sides repeat next to nothing, as the scan has counted: then there is no need to read them.
    """
    repeating = facts.traffic.marks.repeating
    chatty = [f for f in flows if repeating[f.index]]
    if sum((f.orig_side if is_device else f.resp_side).retransmissions for f in chatty) < MIN_LOST:
        return [], 0
    sides = [(f, f.sent_data if is_device else f.received_data) for f in flows]
    total = sum(_count_segments(f, data, is_device=is_device) for f, data in sides)
    if total < MIN_SEGMENTS:
        return [], total
    once = ((f, _without_copies(data, ns(facts.params.dup_window))) for f, data in sides)
    return [p for f, data in once for p in _repaired(f, data)], total


def _count_segments(flow: Flow, data: Sequence[Packet], *, is_device: bool) -> int:
    """How many data segments one side sent; of a long flow the log has all repeats, but only some of the others."""
    return (flow.orig_side if is_device else flow.resp_side).data_segments if flow.left_out else len(data)


def _without_copies(data: Sequence[Packet], window_ns: int) -> list[Packet]:
    """The segments without those that come again at once with the same IP identification (CAP-DUP-ID0).

    Where that is 0 the mirror's copies cannot be told by it; but no timer is as fast (RFC 6298: 200 ms and more).
    """
    seen: dict[tuple[int, int, int], int] = {}
    kept = []
    for p in data:
        key = (p.seq, p.payload_len, p.ip_id)
        if key not in seen or p.time_ns - seen[key] > window_ns:
            kept.append(p)
        seen[key] = p.time_ns
    return kept


def _repaired(flow: Flow, data: Sequence[Packet]) -> list[Packet]:
    """Repeats of one side that came through in the end: loss, not an end.

    Left out are needless ones, whose timer ran out early. A receiver may hold its acknowledgment back for up to
    500 ms (RFC 9293, 3.8.6.3), a sender repeats after as little as 200 ms: an acknowledgment seen less than a round
    trip before the repeat cannot have reached the sender, one seen sooner than a round trip after it is none for it.
    """
    repeats = flow.retransmissions(data)
    if not repeats:
        return []
    is_device = repeats[0].src == flow.orig[0]
    acks = [p for p in (flow.received if is_device else flow.sent) if p.flags & ACK and not p.flags & (SYN | RST)]
    frames = [p.frame for p in acks]
    trips_ns = _round_trips(flow, from_device=is_device)
    lost = []
    for p in repeats:
        place = bisect(frames, p.frame)
        near = [q for q in acks[max(0, place - RECENT_ACKS) : place + 1] if distance(q.ack, _end(p)) >= 0]
        came_through = bool(near) or bool(acks and distance(acks[-1].ack, _end(p)) >= 0) or _went_on(p, data)
        is_needless = bool(near) and trips_ns is not None and _is_early(p, near[0], *trips_ns)
        if came_through and not is_needless:
            lost.append(p)
    return lost


def _end(segment: Packet) -> int:
    return (segment.seq + segment.payload_len) % (1 << 32)


def _went_on(repeat: Packet, data: Sequence[Packet]) -> bool:
    return any(q.frame > repeat.frame and q.seq != repeat.seq for q in data[-3:])


def _is_early(repeat: Packet, ack: Packet, sender_ns: int, receiver_ns: int) -> bool:
    """Whether an acknowledgment belongs to the first copy and was on its way when the second one was sent."""
    if ack.frame < repeat.frame:
        return repeat.time_ns - ack.time_ns < sender_ns * SLOW_TRIP
    return ack.time_ns - repeat.time_ns < receiver_ns * FAST_TRIP


def _round_trips(flow: Flow, *, from_device: bool) -> tuple[int, int] | None:
    """From the mirror to the sender and back, and to the receiver and back, in ns.

    Read from the handshake; None where that was not seen or its SYN was repeated.
    """
    done = flow.established_at
    if len(flow.syns) != 1 or not flow.syn_acks or done is None:
        return None
    answer = flow.syn_acks[0].time_ns
    device, server = done.time_ns - answer, answer - flow.syns[0].time_ns
    return (device, server) if from_device else (server, device)


def _is_spread(lost: Sequence[Packet], flows: Sequence[Flow]) -> bool:
    """Whether losses fall into several moments, and on several flows where there are several."""
    windows = {p.time_ns // SPREAD_NS for p in lost}
    hit = {frozenset({(p.src, p.sport), (p.dst, p.dport)}) for p in lost}
    busy = [f for f in flows if len(f.sent_data) + len(f.received_data) >= MIN_SEGMENTS // 2]
    return len(windows) >= MIN_WINDOWS and len(hit) >= min(2, len(busy))


def _loss(facts: Facts, lost: Sequence[Packet], text: str) -> Fired:
    return facts.finding(
        "PATH-LOSS",
        Stage.RETURN,
        text,
        lost,
        outcome=Outcome.DEGRADED,
        independent=len(lost),
        causes=[Cause("packet loss on the line", 30, text, "loss")],
        adjust=-20 if facts.is_lossy else 0,
    )


def _datagram_loss(facts: Facts) -> Iterator[Fired]:
    """Requests over UDP without a reply between answered ones to the same server."""
    for need in facts.needs:
        attempts = [a for a in datagram_attempts(facts, need) if not a.flow.left_out] if need.required else []
        by_server: dict[bytes, list[Attempt]] = {}
        for attempt in attempts:
            by_server.setdefault(attempt.address, []).append(attempt)
        for own in by_server.values():
            lost, total = _lost_requests(own)
            if len(lost) >= MIN_UDP_LOST and len(lost) >= UDP_LOSS_SHARE * total:
                yield _loss(
                    facts,
                    lost,
                    f"{len(lost)} of {total} requests to {where(own[0])} stay without reply between answered ones",
                )


def _lost_requests(attempts: Sequence[Attempt]) -> tuple[list[Packet], int]:
    """Requests that the next request follows without a reply in between, and how many requests there were.

    Only those between the first and the last reply count: silence at either end is no loss. A reply that comes
    to a port which the device has left is late, not lost. A service that answers fewer than two thirds of its
    requests has another rhythm than question and answer, unless the device shows that it misses the replies.
    """
    packets = sorted((p for a in attempts for p in a.flow.packets), key=lambda p: p.frame)
    asked = {p.frame for a in attempts for p in a.tries}
    replies = [i for i, p in enumerate(packets) if p.frame not in asked]
    if not replies:
        return [], 0
    inside = packets[replies[0] : replies[-1] + 1]
    total = sum(1 for p in inside if p.frame in asked)
    late = {p.frame for a in attempts for p, q in pairwise(a.flow.packets) if q.frame not in asked}
    lost = [p for p, q in pairwise(inside) if p.frame in asked and q.frame in asked and p.frame not in late]
    return (lost, total) if len(lost) * 3 < total or _asks_sooner(inside, asked) else ([], total)


def _asks_sooner(packets: Sequence[Packet], asked: set[int]) -> bool:
    """Whether the device repeats after silence at another pace than it goes on after a reply."""
    requests = [(i, p) for i, p in enumerate(packets) if p.frame in asked]
    gaps: dict[bool, list[int]] = {True: [], False: []}
    for (i, p), (j, q) in pairwise(requests):
        gaps[j == i + 1].append(q.time_ns - p.time_ns)
    if not gaps[True] or not gaps[False]:
        return False
    after_silence, after_reply = median(gaps[True]), median(gaps[False])
    return after_silence >= MIN_RETRY_NS and after_silence * RETRY_FACTOR <= after_reply


# --- closed window ------------------------------------------------------------------------------------------


@rule("TCP-ZERO-WINDOW", stage=Stage.RETURN, outcomes="d", evidence=Evidence.STATISTICAL)
def zero_window(facts: Facts) -> Iterator[Fired]:
    """One side does not read what it is sent.

    **Seen**: a window of 0 is announced for more than ten seconds.

    **Means**: the application on that side is stuck: the device needs a restart or new firmware, or the
    server is overloaded.

    **Not this rule**: resets, which carry window 0 as well; a side that has already closed.

    **Ask the network team**: nothing; restart the device, or tell the vendor.
    """
    shut = facts.traffic.marks.shut
    for attempt in facts.attempts:
        flow = attempt.flow
        if attempt.transport != "tcp" or not shut[flow.index]:
            continue
        sides = (
            (("device", flow.sent), ("server", flow.received))
            if attempt.need.direction == "out"
            else (("device", flow.received), ("peer", flow.sent))
        )
        for who, packets in sides:
            closed = closed_window(packets)
            if closed is None:
                continue
            first, last = closed
            span = (last.time_ns - first.time_ns) / 1e9
            kind = "device" if who == "device" else "server"
            yield facts.finding(
                "TCP-ZERO-WINDOW",
                Stage.RETURN,
                f"the {who} takes no data for {duration(span)} on the connection to {where(attempt)}",
                [first, last],
                outcome=Outcome.DEGRADED,
                attempts=[attempt],
                independent=2,
                causes=[
                    Cause(f"the {who}'s application does not read", 30, f"window 0 from frame {first.frame} on", kind)
                ],
            )
            break


def closed_window(packets: Sequence[Packet]) -> tuple[Packet, Packet] | None:
    """First and last packet of one side that show its window closed for more than ten seconds.

    The last is the one that opens it again, or the last seen with window 0.
    """
    first: Packet | None = None
    for p in packets:
        if p.flags & (SYN | RST) or not p.flags & ACK:
            continue
        if p.flags & FIN:
            return None
        if first is None:
            first = p if p.window == 0 else None
        elif p.time_ns - first.time_ns > ns(CLOSED_S):
            return first, p
        elif p.window:
            first = None
    return None
