"""RETURN: the way back. Data that nobody acknowledges, answers that never come or never arrive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.causes import silence_causes
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired, Target
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.rules.connect import is_repeated_handshake, where
from pcapaudit.diagnose.rules.persist import dead_end, idle_times
from pcapaudit.diagnose.rules.udp import datagram_attempts
from pcapaudit.diagnose.silence import first_answer_after
from pcapaudit.diagnose.stuck import (
    MIN_REPEATS,
    REPEAT_NS,
    WRAP,
    Stuck,
    is_first_after_change,
    is_first_data,
    is_unanswered_start,
    repeated_segments,
    repeating_attempts,
    size_limit,
    stopped_stage,
    tcp_attempts,
)
from pcapaudit.diagnose.twins import answer_outside, twins_of
from pcapaudit.diagnose.vantage import vantage_of
from pcapaudit.flows.flow import ACK, FIN, RST, SYN, Flow
from pcapaudit.flows.streams import distance
from pcapaudit.model.events import Packet, TlsClientHello
from pcapaudit.model.times import duration
from pcapaudit.model.words import STAGES, Outcome, Stage, Vantage

MIN_GIVEN_UP = 2
"""Connections that must have ended unanswered where the device repeats less often than that."""
ANSWER_WAIT_S = 30.0
"""How long a server that took the data is given to answer (catalogue, RETURN-ACK-ONLY)."""
LOST_WAIT_S = 10.0
"""How long nothing must come back on a connection that worked before it counts as lost."""
OWN_RULES = frozenset({"ftp", "postgres"})
"""Applications whose missing first answer has a rule of its own."""
MIN_IGNORED = 3
"""Answers that the device must have ignored before the way behind the mirror is blamed."""
MIN_SERVERS, MIN_SERVERS_OUTSIDE = 2, 3
"""Outside a router several devices may share the address, so a walk must be longer to be one."""


@rule("TCP-DATA-BLACKHOLE", stage=Stage.RETURN, outcomes="F", evidence=Evidence.BEHAVIOUR)
def data_blackhole(facts: Facts) -> Iterator[Fired]:
    """The connection stands, and the first data disappears.

    **Seen**: handshake complete, the device's first payload (or its first one after a change of protocol)
    is repeated three times or more without acknowledgment or reset.

    **Means**: a firewall waits for content and then drops (application control), a proxy accepts and
    cannot reach the server, or the server hangs.

    **Not this rule**: the server has closed its window; the loss comes later on a connection that worked
    (NAT-IDLE-TIMEOUT, MTU-BLACKHOLE); only large segments vanish (MTU-BLACKHOLE).

    **Ask the network team**: exempt the device from application control and content inspection.
    """
    for need in facts.needs:
        swallowed = swallowed_starts(facts, need)
        if not any(s.repeats >= MIN_REPEATS for _, s in swallowed) or size_limit(facts, need) is not None:
            continue
        attempts = [a for a, _ in swallowed]
        causes = silence_causes(facts, attempts)
        worst = max((s for _, s in swallowed), key=lambda s: s.repeats)
        yield facts.finding(
            "TCP-DATA-BLACKHOLE",
            max((stopped_stage(a) for a in attempts), key=STAGES.index),
            f"{where(attempts[0])} accepts the connection, then {worst.first.payload_len} bytes of data are repeated "
            f"{worst.repeats} times without acknowledgment",
            [p for _, s in swallowed for p in s.sends],
            attempts=attempts,
            causes=_with(_CONTENT, causes.ranked),
            has_contrast=causes.has_contrast,
            decisive=[s.sends[-1].frame for _, s in swallowed],
            tries=sum(len(s.sends) for _, s in swallowed),
        )


_CONTENT = Cause(
    "application control that drops after it has seen content",
    25,
    "the handshake passes, the first data does not",
    "filter",
)
_BACK = Cause(
    "a firewall drops the packets that come back", 25, "the handshake passes, data is never acknowledged", "filter"
)

_CUT = Cause("the path was cut, or the server died, at that time", 20, "everything before was answered", "uplink")


def _with(cause: Cause, causes: Sequence[Cause]) -> list[Cause]:
    """The causes with one more, heaviest first."""
    return sorted([cause, *causes], key=lambda c: -c.weight)


def swallowed_starts(facts: Facts, need: Need) -> list[tuple[Attempt, Stuck]]:
    """Connections whose first data (or first after a change of protocol) was repeated in vain."""
    found = repeated_segments(facts, need)
    return [(a, s) for a, s in found if _is_start(a, s.first) and not any(p.flags & RST for p in a.flow.received)]


def _is_start(attempt: Attempt, segment: Packet) -> bool:
    is_first = is_first_data(attempt.flow, segment) and is_unanswered_start(attempt)
    return is_first or is_first_after_change(attempt, segment)


@rule("RETURN-MISSING", stage=Stage.RETURN, outcomes="F", evidence=Evidence.BEHAVIOUR)
def return_missing(facts: Facts) -> Iterator[Fired]:
    """Data leaves, and nothing ever comes back.

    **Seen**: on two or more connections the device's data stays without acknowledgment, its own ACK number
    never moves beyond the handshake, it repeats the data and gives up. Or a connection that worked falls
    silent: the device repeats its data (or its keep-alive) three times or more, and nothing comes back
    until the capture ends.

    **Means**: a stateful rule lets the connection out but not its return packets, or the way back takes
    another road.

    **Not this rule**: a one-sided capture in which the device's ACK number advances: then answers came;
    the data is repeated three times or more on one connection (TCP-DATA-BLACKHOLE); the server
    acknowledges but never answers (RETURN-ACK-ONLY); the connection was lost after a pause like others
    before it, after which a new one worked (NAT-IDLE-TIMEOUT).

    **Ask the network team**: the return rule of the firewall (SEN-23), asymmetric routes.
    """
    for need in facts.needs:
        yield from _lost_later(facts, need)
        everything = tcp_attempts(facts, need)
        lost = [(a, s) for a, s in swallowed_starts(facts, need) if _gives_up(a, everything)]
        if len(lost) < MIN_GIVEN_UP or any(s.repeats >= MIN_REPEATS for _, s in lost):
            continue
        if size_limit(facts, need) is not None:
            continue
        attempts = [a for a, _ in lost]
        causes = silence_causes(facts, attempts)
        yield facts.finding(
            "RETURN-MISSING",
            Stage.RETURN,
            f"data to {where(attempts[0])} goes unacknowledged on {len(attempts)} connections, "
            "nothing comes back after the handshake",
            [p for _, s in lost for p in s.sends],
            attempts=attempts,
            causes=_with(_BACK, causes.ranked),
            has_contrast=causes.has_contrast,
            tries=sum(len(s.sends) for _, s in lost),
        )


def _lost_later(facts: Facts, need: Need) -> Iterator[Fired]:
    """The last connection of a need worked, then nothing came back any more, and no other has worked since."""
    attempts = [a for a in facts.attempts_of(need) if a.transport == "tcp" and need.direction == "out"]
    answered = [a for a in attempts if a.flow.answered_bytes]
    last = max(answered, key=lambda a: a.flow.last_answer.frame if a.flow.last_answer else 0, default=None)
    if last is None or not facts.traffic.marks.unheard[last.flow.index]:
        return
    sends = dead_end(last.flow)
    if not sends or any(_is_closed_window(p) for p in last.flow.received):
        return
    # Who goes on behind the last repeat was answered unseen; what else stood in its window tells nothing.
    if any(p.frame > sends[-1].frame and distance(p.seq, sends[-1].seq) > 0 for p in last.flow.sent_data):
        return
    if any(x.attempt is last for x in idle_times(facts, need).losses):
        return
    began, syns = sends[0].time_ns, [p for a in attempts for p in a.flow.syns if p.time_ns > sends[0].time_ns]
    is_early = not facts.has_waited(began, LOST_WAIT_S)
    if is_early or len(syns) >= facts.params.syn_min_tries or size_limit(facts, need) is not None:
        return
    causes = silence_causes(facts, [last])
    yield facts.finding(
        "RETURN-MISSING",
        Stage.RETURN,
        f"the connection to {where(last)} worked, then nothing came back: the device repeats its data "
        f"{len(sends) - 1} times in vain",
        sends,
        attempts=[last],
        began_ns=began,
        causes=_with(_CUT, causes.ranked),
        has_contrast=causes.has_contrast,
        decisive=[sends[0].frame, sends[-1].frame],
        independent=2,
        tries=len(sends),
    )


def _is_closed_window(packet: Packet) -> bool:
    return not packet.window and bool(packet.flags & ACK) and not packet.flags & (SYN | RST)


def _gives_up(attempt: Attempt, attempts: Sequence[Attempt]) -> bool:
    """Whether the device ended the connection or began another one."""
    ended = any(p.flags & (FIN | RST) for p in attempt.flow.sent)
    return ended or any(a.began_ns > attempt.flow.sent_data[-1].time_ns for a in attempts)


@rule("RETURN-ACK-ONLY", stage=Stage.RETURN, outcomes="Fd", evidence=Evidence.ABSENCE)
def ack_only(facts: Facts) -> Iterator[Fired]:
    """The server takes the data and never answers.

    **Seen**: the server acknowledges the device's payload and sends none of its own, on every connection
    of a service that should answer (SEN-08); two connections, or one with half a minute of patience. Answers
    that come after the device has waited and closed are none.

    **Means**: the server's application is down or does not know the device.

    **Not this rule**: the capture ends too early; TLS, FTP and PostgreSQL, whose missing first answer has
    rules of its own.

    **Ask the network team**: nothing; give the vendor the times.
    """
    for need in facts.needs:
        if not need.expects_answer:
            continue
        attempts = [a for a in tcp_attempts(facts, need) if a.flow.is_established and _is_plain(a) and a.flow.sent_data]
        mute = [a for a in attempts if _is_mute(facts, a)]
        patient = [a for a in mute if facts.has_waited(_acked_at(a).time_ns, ANSWER_WAIT_S)]
        if len(mute) < 2 and not patient:
            continue
        answered = [a for a in facts.attempts_of(need) if a.answered_ns is not None]
        if not answered and len(mute) < len(attempts) - len(_too_young(facts, attempts)):
            continue
        acked = sum(a.flow.orig_side.data_segments if a.flow.left_out else len(a.flow.sent_data) for a in mute)
        yield facts.finding(
            "RETURN-ACK-ONLY",
            Stage.RETURN,
            f"{where(mute[0])} acknowledges {acked} data segments on {len(mute)} "
            f"connection{'s' if len(mute) > 1 else ''} and {_how_mute(mute)}",
            [p for a in mute for p in (a.flow.sent_data[0], _acked_at(a))],
            outcome=Outcome.DEGRADED if answered else Outcome.FAILED,
            attempts=mute,
            causes=[
                Cause("the server's application does not answer", 30, "its machine acknowledges every byte", "server")
            ],
        )


def _is_plain(attempt: Attempt) -> bool:
    return not attempt.of(TlsClientHello) and attempt.endpoint.app not in OWN_RULES


def _is_mute(facts: Facts, attempt: Attempt) -> bool:
    """Whether the server acknowledged all data, said nothing, and had the time to."""
    flow = attempt.flow
    is_answered = flow.answered_bytes or flow.received_data or first_answer_after(flow, flow.sent_data[0]) is not None
    # Where answers are missing in the capture it only seems that the device closed for want of one.
    has_holes = flow.orig_side.unseen_acks + flow.resp_side.unseen_acks > 0
    if is_answered and (flow.gave_up is None or has_holes):
        return False
    if flow.unacked_data or flow.acked_sent is None or any(p.flags & RST for p in flow.received):
        return False
    if flow.gave_up is not None:
        return True
    return flow.closed_at is not None or facts.has_waited(_acked_at(attempt).time_ns, ANSWER_WAIT_S)


def _how_mute(mute: Sequence[Attempt]) -> str:
    """Whether nothing ever comes, or the answers come after the device has closed."""
    late = [(a.flow.received_data[-1], a.flow.gave_up) for a in mute if a.flow.gave_up and a.flow.received_data]
    if not late:
        return "never answers"
    behind = min(p.time_ns - end.time_ns for p, end in late) / 1e9
    return f"answers too late: {duration(max(0.0, behind))} or more after the device has given up"


def _too_young(facts: Facts, attempts: Sequence[Attempt]) -> list[Attempt]:
    """Connections whose answer may still come after the capture's end."""
    return [
        a
        for a in attempts
        if a.flow.closed_at is None and not facts.has_waited(a.flow.sent_data[0].time_ns, ANSWER_WAIT_S)
    ]


def _acked_at(attempt: Attempt) -> Packet:
    """The server's first acknowledgment of data; the first data itself when it is not seen."""
    first = attempt.flow.sent_data[0]
    return next((p for p in attempt.flow.received if p.flags & ACK and distance(p.ack, first.seq) > 0), first)


# --- answers that do not arrive ---------------------------------------------------------------------------


@rule("RETURN-NOT-DELIVERED", stage=Stage.RETURN, outcomes="F", evidence=Evidence.BEHAVIOUR)
def not_delivered(facts: Facts) -> Iterator[Fired]:
    """The answers are in the capture, and the device behaves as if it had none.

    **Seen**: the device goes on along its server list although one request after the other was answered in time; it
    repeats data that was acknowledged long before; outside a router, it repeats its SYN and the server its SYN-ACK;
    or, with both sides of a translation in the capture, the answer comes to the outside and never to the inside.

    **Means**: the answers reach the mirror point and get lost between there and the device: return rule,
    translation time-out or asymmetric route in the box between.

    **Not this rule**: answers that came after the device had already moved on are late and not lost, and the
    walk is one in vain (UDP-SERVER-WALK); the answer is in no frame (RETURN-MISSING, UDP-SERVER-WALK).

    **Ask the network team**: capture on the device's side of that box; compare.
    """
    is_outside = vantage_of(facts) is Vantage.WAN
    for need in facts.needs:
        walk = _ignored_walk(facts, datagram_attempts(facts, need))
        if walk:
            yield _undelivered_walk(facts, walk)
        yield from _kept_outside(facts, need)
        open_twice = [a for a in tcp_attempts(facts, need) if is_outside and is_repeated_handshake(a.flow)]
        if open_twice:
            yield _repeated_handshakes(facts, open_twice)
        heard = ((a, _deaf_repeats(a.flow)) for a in repeating_attempts(facts, need))
        deaf = [(a, d) for a, d in heard if len(d) >= MIN_REPEATS]
        if deaf:
            attempts = [a for a, _ in deaf]
            yield facts.finding(
                "RETURN-NOT-DELIVERED",
                Stage.RETURN,
                f"{where(attempts[0])} acknowledges, yet the device repeats the same data {len(deaf[0][1])} times",
                [p for _, repeats in deaf for p in repeats],
                attempts=attempts,
                is_agreed=len(deaf) > 1,
                causes=[_between(facts)],
                tries=sum(len(repeats) for _, repeats in deaf),
            )


def _kept_outside(facts: Facts, need: Need) -> Iterator[Fired]:
    """Answers that are seen outside a translation and never inside, while the device asks again."""
    attempts = facts.attempts_of(need) if need.direction == "out" else []
    kept = [(a, p) for a in attempts for p in (answer_outside(facts.traffic, a.flow),) if p is not None]
    tries = [p for a, _ in kept for p in a.tries]
    if len(tries) < 2 or not facts.sees_inbound:
        return
    twins = twins_of(facts.traffic).by_inner
    outside = [twins[a.flow.index].frames[0][1] for a, _ in kept]
    yield facts.finding(
        "RETURN-NOT-DELIVERED",
        Stage.RETURN,
        f"{where(kept[0][0])} answers, its answers reach the outside of the router and never its inside",
        [*tries, *(p for _, p in kept)],
        attempts=[a for a, _ in kept],
        decisive=[*(p.frame for _, p in kept[:3]), *outside[:3]],
        is_agreed=True,
        causes=[
            Cause(
                "the router or firewall between drops the replies", 60, "both of its sides are in the capture", "filter"
            )
        ],
        tries=len(tries),
    )


def _repeated_handshakes(facts: Facts, attempts: Sequence[Attempt]) -> Fired:
    """SYN and SYN-ACK are both repeated outside the router: the answer does not come back in."""
    packets = [p for a in attempts for p in (*a.flow.syns, *a.flow.syn_acks)]
    return facts.finding(
        "RETURN-NOT-DELIVERED",
        Stage.RETURN,
        f"{where(attempts[0])} answers with SYN-ACK again and again, yet SYN is repeated: the answers do not arrive",
        packets,
        attempts=attempts,
        decisive=[
            attempts[0].flow.syns[1].frame,
            attempts[0].flow.syn_acks[0].frame,
            attempts[0].flow.syn_acks[1].frame,
        ],
        is_agreed=len(attempts) > 1,
        causes=[_between(facts)],
        tries=sum(len(a.flow.syns) for a in attempts),
    )


def _undelivered_walk(facts: Facts, walk: Sequence[Attempt]) -> Fired:
    servers = list(dict.fromkeys(a.address for a in walk))
    replies = [a.flow.received[0] for a in walk]
    return facts.finding(
        "RETURN-NOT-DELIVERED",
        Stage.RETURN,
        f"{len(replies)} requests to {len(servers)} servers on UDP {walk[0].port} were each answered, "
        "yet the device goes on to the next server",
        [*(a.tries[0] for a in walk), *replies],
        attempts=walk,
        target=Target(None, None, "udp", walk[0].port),
        decisive=[p.frame for p in replies],
        causes=[_between(facts)],
        tries=len(replies),
    )


def _between(facts: Facts) -> Cause:
    if vantage_of(facts) is Vantage.WAN:
        text = "the frames were taken outside the router, answers included"
        return Cause("the router or firewall inside the mirror point drops the replies", 35, text, "filter")
    text = "the frames at the mirror point include the answers"
    return Cause("the replies get lost between the mirror point and the device", 30, text, "device_filter")


def _ignored_walk(facts: Facts, attempts: Sequence[Attempt]) -> list[Attempt]:
    """The last attempts in a row of which each was answered and left at once for another server."""
    if facts.signature is None or not facts.signature.walks_servers:
        return []
    walk: list[Attempt] = []
    for attempt, following in zip_longest(attempts, attempts[1:]):
        if not attempt.flow.received:
            # It was left as well, and the capture may have lost the reply.
            continue
        if not _is_answered_once(attempt):
            walk = []
        elif following is None or _moves_on(attempt, following):
            walk.append(attempt)
        else:
            walk = []
    is_outside = vantage_of(facts) is Vantage.WAN
    needed = MIN_SERVERS_OUTSIDE if is_outside else MIN_SERVERS
    return walk if len(walk) >= MIN_IGNORED and len({a.address for a in walk}) >= needed else []


def _is_answered_once(attempt: Attempt) -> bool:
    """Whether a reply came and the device asked nothing more from that port: no session began."""
    received = attempt.flow.received
    return bool(received) and attempt.last_try_ns < received[0].time_ns


def _moves_on(attempt: Attempt, following: Attempt) -> bool:
    """Whether the device left for another server after the answer had come."""
    return following.address != attempt.address and following.began_ns > attempt.flow.received[0].time_ns


def _deaf_repeats(flow: Flow) -> list[Packet]:
    """Data that the originator repeats although its acknowledgment passed the mirror point before.

    Only segments sent again 200 ms or more after that acknowledgment count; less may have crossed it.
    """
    highest: int | None = None
    seen_ns = 0
    repeats: list[Packet] = []
    for p in flow.packets:
        if not flow.is_from_orig(p):
            if p.flags & ACK and not p.flags & RST and (highest is None or distance(p.ack, highest) > 0):
                highest, seen_ns = p.ack, p.time_ns
        elif highest is not None and p.time_ns - seen_ns >= REPEAT_NS and _is_below(p, highest):
            repeats.append(p)
    return repeats


def _is_below(packet: Packet, ack: int) -> bool:
    """Whether a data segment was acknowledged whole; keep-alive probes of one byte are no data."""
    return packet.payload_len > 1 and distance((packet.seq + packet.payload_len) % WRAP, ack) <= 0
