"""Who stays silent after a question inside an open connection, and whether enough time was left to say so."""

from __future__ import annotations

from collections.abc import Sequence

from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.params import ns
from pcapaudit.flows.flow import ACK, FIN, RST, SYN, Flow
from pcapaudit.flows.streams import distance
from pcapaudit.model.events import Packet


def by_service(attempts: Sequence[Attempt]) -> list[list[Attempt]]:
    """Attempts that lead to one name (or address, where no name is known) and port of one need, in order."""
    table: dict[tuple[object, int, int], list[Attempt]] = {}
    for a in attempts:
        table.setdefault((a.host or a.address, a.port, id(a.need)), []).append(a)
    return list(table.values())


def first_answer_after(flow: Flow, since: Packet) -> Packet | None:
    """The responder's first payload after a packet; None when it sent none that anybody noticed.

    Where the payload itself is not in the capture, or comes late, the originator's
    acknowledgment of it stands for it (ground rule G1), or a segment of the responder whose
    sequence number lies behind it.
    """
    seen = next((p for p in flow.received_data if p.frame > since.frame), None)
    return _earliest(seen, _first_advance_after(flow, since), _first_beyond(flow, since))


def _first_beyond(flow: Flow, since: Packet) -> Packet | None:
    """The responder's first segment beyond what was acknowledged; its FIN, wherever it stands, takes a number."""
    later = [p for p in flow.received if p.frame > since.frame and not p.flags & (RST | SYN)]
    fin = 1 if any(p.flags & FIN for p in flow.received) else 0
    return next((p for p in later if distance(p.seq, since.ack) > fin), None)


def _first_advance_after(flow: Flow, since: Packet) -> Packet | None:
    """The originator's first acknowledgment of more than a FIN after the packet."""
    closing = [p for p in flow.received if p.flags & FIN]
    for p in flow.sent:
        if p.frame <= since.frame or not p.flags & ACK or p.flags & (SYN | RST):
            continue
        # Wherever the FIN stands in the capture: one number alone may be its own.
        fin = 1 if closing else 0
        if distance(p.ack, since.ack) > fin:
            return p
    return None


def end_by(flow: Flow, since: Packet, *, device: bool) -> Packet | None:
    """The first FIN or RST after a packet, of the device (the originator) or of the far side."""
    if flow.closed_at is None:
        return None
    side = flow.sent if device else flow.received
    return next((p for p in side if p.frame > since.frame and p.flags & (FIN | RST)), None)


def is_silent(facts: Facts, attempt: Attempt, since: Packet, *, wait_s: float, patience_s: float) -> bool:
    """Whether the far side left a question without a byte, and was given time to answer.

    Args:
        facts: The device.
        attempt: The connection.
        since: The question; the last packet of the device before the silence.
        wait_s: Silence this long counts when nothing else ends it.
        patience_s: The device's giving up (FIN, RST, a new connection to the same place)
            ends the waiting earlier, but not before this time.

    False when frames of the far side are not visible at all on this connection, and when the far
    side closed it first. Nor when the question seems to be neither acknowledged nor repeated: no stack leaves it
    at that (RFC 6298), so that frames are missing here.
    """
    flow = attempt.flow
    if not flow.received:
        return False
    given_up, closed = end_by(flow, since, device=True), end_by(flow, since, device=False)
    until = _earliest(given_up, closed)
    answer = first_answer_after(flow, since)
    # Of a long connection the last answer is kept, but perhaps not the first one after the question.
    if answer is not None and (until is None or answer.frame < until.frame or flow.left_out):
        return False
    if until is not None:
        needed = patience_s if until is given_up else wait_s
        return until.time_ns - since.time_ns >= ns(needed)
    is_whole = not since.payload_len or is_acknowledged(flow, since) or _is_repeated(flow, since)
    has_waited = is_whole and facts.has_waited(since.time_ns, wait_s)
    return has_waited or _moved_on(facts, attempt, since.time_ns + ns(patience_s))


def _earliest(*packets: Packet | None) -> Packet | None:
    return min((p for p in packets if p is not None), key=lambda p: p.frame, default=None)


def _moved_on(facts: Facts, attempt: Attempt, after_ns: int) -> bool:
    """Whether the device opened another connection to the same place, so late that it had given this one up."""
    last = attempt.flow.sent[-1].time_ns
    return any(a.key == attempt.key and a.began_ns >= max(after_ns, last) for a in facts.attempts if a is not attempt)


def said_unseen(flow: Flow, closed: Packet) -> bool:
    """Whether the originator said something before its close that the capture does not hold."""
    ends = [(p.seq + p.payload_len) % (1 << 32) for p in flow.sent_data if p.frame != closed.frame]
    # A reset may stand behind the number of a FIN that never left (seen with GnuTLS on Linux: close with data unread).
    spare = 1 if closed.flags & RST else 0
    return bool(ends) and all(distance(closed.seq, end) > spare for end in ends)


def counts_a_fin(flow: Flow, reset: Packet) -> bool:
    """Whether the responder's reset counts a FIN of its own that the capture does not hold: that one ended the flow."""
    last = flow.received_data[-1] if flow.received_data else None
    return last is not None and distance(reset.seq, last.seq + last.payload_len) == 1


def is_acknowledged(flow: Flow, packet: Packet) -> bool:
    """Whether the far side's TCP acknowledged a segment of the device."""
    end = (packet.seq + packet.payload_len) % (1 << 32)
    return flow.acked_sent is not None and distance(flow.acked_sent, end) >= 0


def is_swallowed(flow: Flow, packet: Packet) -> bool:
    """Whether a segment was repeated and never acknowledged: the path lost it, the far side did not ignore it.

    TCP-DATA-BLACKHOLE, MTU-BLACKHOLE and RETURN-MISSING speak of such segments.
    """
    return not is_acknowledged(flow, packet) and _is_repeated(flow, packet)


def _is_repeated(flow: Flow, packet: Packet) -> bool:
    return sum(1 for p in flow.sent_data if p.seq == packet.seq) > 1
