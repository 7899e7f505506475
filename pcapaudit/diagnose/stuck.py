"""Data that is sent again and again: which segments are stuck, what stage that stops, whether size decides."""

from __future__ import annotations

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.once import once
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.proof import TLS13
from pcapaudit.flows.flow import ACK, RST, SYN, Flow
from pcapaudit.flows.streams import distance
from pcapaudit.model.events import (
    FtpReply,
    HttpResponse,
    Packet,
    PostgresMessage,
    TlsClientHello,
    TlsRecords,
    TlsServerHello,
)
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import Stage

WRAP = 1 << 32
REPEAT_NS = ns(0.2)
"""Linux waits at least this long before it repeats a segment (catalogue 2.1)."""
MIN_REPEATS = 3
LARGE, SMALL = 577, 1514
"""IP lengths: below 577 every path passes it (RFC 791: 576); above 1514 it is an offload engine's."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """A data segment of the device that is never acknowledged, with its transmissions."""

    first: Packet
    sends: tuple[Packet, ...]

    @property
    def repeats(self) -> int:
        """Transmissions after the first."""
        return len(self.sends) - 1


def stuck_segment(flow: Flow) -> Stuck | None:
    """The oldest data segment of the originator that no acknowledgment covers; None without one.

    Repeats less than 200 ms apart are left out: they are no retransmissions by time-out
    (RFC 6298). A closed window is no loss: then there is none either.
    """
    pending = flow.unacked_data
    if not flow.is_established or not pending:
        return None
    first = min(pending, key=lambda p: (distance(p.seq, pending[0].seq), p.frame))
    if any(not p.window and p.flags & ACK and not p.flags & (RST | SYN) for p in flow.received):
        return None
    sends = [first]
    for p in pending:
        if p.seq == first.seq and p.time_ns - sends[-1].time_ns >= REPEAT_NS:
            sends.append(p)
    return Stuck(first, tuple(sends))


def is_first_data(flow: Flow, segment: Packet) -> bool:
    """Whether a segment holds the originator's first payload byte of a flow seen from its start."""
    isn = flow.orig_isn
    return isn is not None and segment.seq == (isn + 1) % WRAP


def is_first_after_change(attempt: Attempt, segment: Packet) -> bool:
    """Whether it is the first payload after a change of protocol: PostgreSQL ``S``, FTP AUTH TLS, proxy 200."""
    changes = [
        e.at
        for e in attempt.of(PostgresMessage, FtpReply, HttpResponse)
        if (isinstance(e, PostgresMessage) and e.kind == "ssl_accepted")
        or (isinstance(e, FtpReply) and e.code == 234)
        or (isinstance(e, HttpResponse) and e.status == 200 and attempt.port not in (80, 443))
    ]
    before = [at for at in changes if at.frame < segment.frame]
    return bool(before) and not any(before[-1].frame < p.frame < segment.frame for p in attempt.flow.sent_data)


def stopped_stage(attempt: Attempt) -> Stage:
    """The stage that lost data stops: TLS during its handshake, APP before the first answer, else RETURN."""
    if attempt.of(TlsClientHello) and not attempt.has(Stage.TLS) and not _has_changed_cipher(attempt):
        return Stage.TLS
    return Stage.RETURN if attempt.has(Stage.RETURN) else Stage.APP


def _has_changed_cipher(attempt: Attempt) -> bool:
    """Whether both sides of TLS 1.2 or older went over to encryption: the handshake is done (RFC 5246, 7.1).

    In TLS 1.3 the same record is empty talk for middleboxes (RFC 8446, appendix D.4).
    """
    hellos = [e for e in attempt.events if isinstance(e, TlsServerHello)]
    sides = {e.from_client for e in attempt.events if isinstance(e, TlsRecords) and e.change_cipher}
    return bool(hellos) and all(e.version < TLS13 for e in hellos) and sides == {True, False}


@once
def tcp_attempts(facts: Facts, need: Need) -> list[Attempt]:
    """TCP attempts that the device began."""
    attempts = facts.attempts_of(need) if need.direction == "out" else []
    return [a for a in attempts if a.transport == "tcp" and a.flow.has_opening]


@once
def repeating_attempts(facts: Facts, need: Need) -> list[Attempt]:
    """Those TCP attempts in which something was sent more than once, as the scan counts; most need no closer look."""
    repeating = facts.traffic.marks.repeating
    return [a for a in tcp_attempts(facts, need) if repeating[a.flow.index]]


@once
def repeated_segments(facts: Facts, need: Need) -> list[tuple[Attempt, Stuck]]:
    """The stuck segments that the device sent more than once, each with its attempt."""
    found = ((a, stuck_segment(a.flow)) for a in repeating_attempts(facts, need))
    return [(a, s) for a, s in found if s is not None and s.repeats]


def is_unanswered_start(attempt: Attempt) -> bool:
    """Whether nothing but the handshake ever came back."""
    flow = attempt.flow
    return (
        flow.is_established
        and flow.answered_bytes == 0
        and not flow.received_data
        and not any(p.flags & RST for p in flow.received)
    )


def size_limit(facts: Facts, need: Need) -> tuple[int, list[tuple[Attempt, Stuck]]] | None:
    """Smallest size that vanishes and the stuck segments, where only large ones do; None otherwise.

    Large segments must be stuck three times or more while every acknowledged one was smaller, with
    "don't fragment" set. One flow alone must show that smaller ones still pass after it.
    """
    stuck = [(a, s) for a, s in repeated_segments(facts, need) if _is_large(s.first)]
    attempts = tcp_attempts(facts, need) if stuck else []
    if not stuck or any(p.ip_len > SMALL for a in attempts for p in a.flow.packets):
        return None
    passed = [p.payload_len for a in attempts for p in _acked(a.flow)]
    smallest = min(s.first.payload_len for _, s in stuck)
    if any(_may_hide(a.flow, smallest) for a in attempts):
        return None
    enough = sum(s.repeats for _, s in stuck) >= MIN_REPEATS and max(passed, default=smallest) < smallest
    return (smallest, stuck) if enough and (len(stuck) > 1 or _passes_later(*stuck[0])) else None


def _may_hide(flow: Flow, size: int) -> bool:
    """Whether the originator may have sent a segment of this size that the log left out."""
    if not flow.left_out:
        return False
    return flow.orig_side.payload - sum(p.payload_len for p in flow.sent) >= size


def _is_large(segment: Packet) -> bool:
    """Whether a segment may be too large for some path, and no router may cut it."""
    return segment.ip_len >= LARGE and segment.dont_fragment


def _acked(flow: Flow) -> list[Packet]:
    if flow.acked_sent is None:
        return []
    highest = flow.acked_sent
    return [p for p in flow.sent_data if distance((p.seq + p.payload_len) % WRAP, highest) <= 0]


def _passes_later(attempt: Attempt, stuck: Stuck) -> bool:
    """Whether the server still speaks on the flow after the large segment was first lost."""
    return any(p.frame > stuck.sends[1].frame and not p.flags & RST for p in attempt.flow.received)
