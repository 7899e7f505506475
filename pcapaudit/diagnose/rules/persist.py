"""PERSIST: connections that do not last, are forgotten when idle, or are reset in the middle."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container, Iterator, Sequence
from dataclasses import field
from itertools import groupby, pairwise

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired
from pcapaudit.diagnose.idle import LIKE, RECONNECT_S, IdleLoss, forgotten_datagrams, still_lost
from pcapaudit.diagnose.once import once
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.reports import REPORT_NS, report_starts
from pcapaudit.diagnose.resets import POSSIBLE, judge_reset
from pcapaudit.diagnose.rules.connect import where
from pcapaudit.diagnose.silence import counts_a_fin
from pcapaudit.flows.flow import FIN, RST, SYN, Flow
from pcapaudit.flows.streams import distance
from pcapaudit.model.events import Packet, TlsAlert, TlsClientHello, TlsRecords
from pcapaudit.model.records import dataclass
from pcapaudit.model.times import duration
from pcapaudit.model.words import Outcome, Stage

MIN_REPEATS = 3
MAX_LOSSES = 100
"""Lost or reset connections that are looked at closely, the latest; more say nothing new."""
SURE_IDLE_S = 30.0
"""Below this an idle time must be lost twice (catalogue, parameter idle_gap)."""
PROMPT_S = 2.0
"""A reset within this time answers the packet before it."""
GOODBYE_S = 0.5
MIN_FLAPS = 3
STABLE_S = 60.0
"""A later connection that was answered for this long ends a series of short ones."""
REPEAT_NS = ns(0.2)
MIN_REPORTS = 5
"""Reports needed before their interval is believed."""
SILENT_FACTOR = 3


@once
def lasting_attempts(facts: Facts, need: Need) -> list[Attempt]:
    """TCP connections to a need that the device began and that were established."""
    attempts = facts.attempts_of(need) if need.direction == "out" else []
    return [a for a in attempts if a.transport == "tcp" and a.flow.is_established]


def last_told_ns(facts: Facts, attempt: Attempt) -> int | None:
    """When the service last answered, or last said what lies behind the snap length: unread is not refused."""
    flow, said = attempt.flow, attempt.flow.last_answer
    is_unread = said is not None and flow.has_two_way_data and flow.index in facts.traffic.cut_flows
    return said.time_ns if said is not None and is_unread else attempt.answered_ns


# --- forgotten when idle ------------------------------------------------------------------------------------


@dataclass(slots=True)
class IdleTimes:
    """Idle times of one need: the longest that was survived, and the losses."""

    survived_ns: int = 0
    losses: list[IdleLoss] = field(default_factory=list)


@once
def idle_times(facts: Facts, need: Need) -> IdleTimes:
    """Idle times that connections of a need survived, and those after which they were dead.

    Args:
        facts: The device.
        need: The need whose TCP connections are looked at.
    """
    ends = [(a, _lost_end(facts, a.flow)) for a in lasting_attempts(facts, need)]
    losses = [x for x in [*_losses(ends)][-MAX_LOSSES:] if x.gap_ns >= ns(facts.params.idle_gap)]
    if not losses:
        return IdleTimes()
    losses += still_lost(facts, need, *ends[-1], losses)
    survived = max(_survived_ns(a.flow, dead) for a, dead in ends)
    return IdleTimes(survived, [x for x in losses if x.gap_ns > survived])


def _lost_end(facts: Facts, flow: Flow) -> list[Packet]:
    """The packets that show a flow dead from the first of them on; [] while it lives."""
    marks = facts.traffic.marks
    dead = dead_end(flow) if marks.unheard[flow.index] else None
    return dead or (_near_reset(facts, flow) if marks.reset[flow.index] else None) or []


def _losses(ends: Sequence[tuple[Attempt, list[Packet]]]) -> Iterator[IdleLoss]:
    """Connections that were dead after a pause and were made anew at once."""
    attempts = [a for a, _ in ends]
    for attempt, dead in ((a, dead) for a, dead in ends if dead):
        is_first = dead[0].frame == attempt.flow.first_frame
        renewed = None if is_first else _renewed(attempts, attempt, dead[-1].time_ns)
        if renewed is not None:
            yield IdleLoss(attempt, attempt.flow.pause_before(dead[0]), dead, renewed)


def _packets_before(flow: Flow, packet: Packet) -> Sequence[Packet]:
    return flow.packets[: bisect_left(flow.packets, packet.frame, key=lambda p: p.frame)]


def _survived_ns(flow: Flow, dead: Sequence[Packet]) -> int:
    """The longest idle time of a flow after which it lived on."""
    alive = _packets_before(flow, dead[0]) if dead else flow.packets
    survived = (pause for p, pause in zip(alive, flow.pauses, strict=False) if _was_answered(flow, p))
    return max(survived, default=0)


def _was_answered(flow: Flow, packet: Packet) -> bool:
    """Whether the flow lived on at this packet: the far side sent it, or it did not stay the last word."""
    if not flow.is_from_orig(packet):
        return not packet.flags & RST
    if not flow.received:
        return True
    last = flow.received[-1]
    return last.frame > packet.frame and not last.flags & RST


def dead_end(flow: Flow) -> list[Packet] | None:
    """The originator's packet after which nothing came back, with three or more repeats of it or of the next.

    A keep-alive probe (sequence number one below the next, length 0 or 1, RFC 9293, 3.8.4) counts like data.
    """
    if len(flow.unheard) <= MIN_REPEATS:
        return None
    tail = {p.frame for p in flow.unheard if not p.flags & (SYN | RST | FIN)}
    probes = _probes(flow, tail)
    if not flow.received:
        # One direction only: the first packet that is repeated three times marks the end.
        probes = _repeated(probes)
    sends: dict[int, list[Packet]] = {}
    for p in probes:
        same = sends.setdefault(p.seq, [])
        if not same or p.time_ns - same[-1].time_ns >= REPEAT_NS:
            same.append(p)
    often = next((same for same in sends.values() if len(same) > MIN_REPEATS), None)
    if often is None:
        return None
    return often if often[0] is probes[0] else [probes[0], *often]


def _repeated(packets: Sequence[Packet]) -> list[Packet]:
    counts: dict[int, int] = {}
    for p in packets:
        counts[p.seq] = counts.get(p.seq, 0) + 1
    return [p for p in packets if counts[p.seq] > MIN_REPEATS]


def _probes(flow: Flow, frames: Container[int]) -> list[Packet]:
    """Those of the originator's packets in these frames that ask for an acknowledgment: data and keep-alives.

    A keep-alive probe is an empty segment just below what was already sent (RFC 9293, 3.8.4).
    """
    found: list[Packet] = []
    end: int | None = None
    for p in flow.sent:
        is_probe = not p.payload_len and end is not None and distance(p.seq, end) == -1
        if p.frame in frames and (p.payload_len or is_probe):
            found.append(p)
        if p.payload_len:
            end = (p.seq + p.payload_len) % (1 << 32)
    return found


def _near_reset(facts: Facts, flow: Flow) -> list[Packet] | None:
    """A packet of the device and the prompt reset of a box that is not the server."""
    reset = _server_reset(flow)
    if reset is None:
        return None
    asked = next((p for p in reversed(flow.sent) if p.frame < reset.frame), None)
    if asked is None or reset.time_ns - asked.time_ns > ns(PROMPT_S) or not _rested(flow, asked, facts.params.idle_gap):
        return None
    return [asked, reset] if judge_reset(facts, flow, reset).score >= POSSIBLE else None


def _rested(flow: Flow, packet: Packet, least_s: float) -> bool:
    """Whether the flow was idle for so long before a packet; only then is the reset worth a judgement."""
    return flow.pause_before(packet) >= ns(least_s)


def _renewed(attempts: Sequence[Attempt], lost: Attempt, since_ns: int) -> Attempt | None:
    """The next connection, when it works at once: then the path is fine and only the state was gone."""
    earliest = max(lost.began_ns + 1, since_ns - ns(RECONNECT_S))
    start = bisect_left(attempts, earliest, key=lambda a: a.began_ns)
    following = (attempts[place] for place in range(start, len(attempts)))
    first = next((a for a in following if a is not lost and a.flow.has_opening), None)
    works = first is not None and first.has(Stage.RETURN) and first.began_ns - since_ns <= ns(RECONNECT_S)
    return first if works else None


@rule("NAT-IDLE-TIMEOUT", stage=Stage.PERSIST, outcomes="Fd", evidence=Evidence.STATISTICAL)
def nat_idle_timeout(facts: Facts) -> Iterator[Fired]:
    """A box on the way forgets the connection while it is idle.

    **Seen**: after an idle time longer than any that this service survived, the device's next packet is
    repeated three times or more without acknowledgment (or a near box resets it at once), and a new
    connection works at once; the capture may end in the last of several such losses. Over UDP: twice or
    more often the device's next datagrams from its old port stay without a reply, and those from a new port
    are answered.

    **Means**: a firewall or address translator drops idle connections from its table too soon.

    **Not this rule**: the server closes the connection itself; the new connection fails too: then the
    path is down; an idle time as long was survived before.

    **Ask the network team**: raise the idle time-out above the device's reporting interval (RFC 5382 asks for two
    hours and four minutes with TCP, RFC 4787 for two minutes with UDP), or shorten the device's keep-alive.
    """
    for need in facts.needs:
        losses = [*idle_times(facts, need).losses, *forgotten_datagrams(facts, need)]
        longest = max((x.gap_ns for x in losses), default=0)
        is_repeated = _are_alike([x.gap_ns for x in losses])
        if not losses or (longest < ns(SURE_IDLE_S) and not is_repeated):
            continue
        attempts = [x.attempt for x in losses]
        gaps = " and ".join(dict.fromkeys(duration(x.gap_ns / 1e9) for x in losses[:3]))
        times = "once" if len(losses) == 1 else f"{len(losses)} times"
        yield facts.finding(
            "NAT-IDLE-TIMEOUT",
            Stage.PERSIST,
            f"the connection to {where(attempts[0])} is dead after {gaps} without traffic ({times}), "
            "a new one works at once",
            [p for x in losses for p in x.shown],
            outcome=Outcome.FAILED if is_repeated and need.persistent else Outcome.DEGRADED,
            attempts=attempts,
            decisive=[n for x in losses for n in x.decisive],
            tries=sum(len(x.packets) for x in losses),
            causes=[
                Cause(
                    "a firewall or translator drops idle connections from its table",
                    35,
                    f"idle for {gaps}",
                    "middlebox",
                )
            ],
            adjust=10 if longest >= ns(SURE_IDLE_S) else 0,
            facts={"idle_s": [round(x.gap_ns / 1e9, 1) for x in losses[:10]]},
        )


def _are_alike(spans_ns: Sequence[int]) -> bool:
    """Whether two or more spans have like length."""
    ordered = sorted(spans_ns)
    return any(b - a <= LIKE * b for a, b in pairwise(ordered))


# --- short lives --------------------------------------------------------------------------------------------


@rule("CONN-FLAP", stage=Stage.PERSIST, outcomes="Fd", evidence=Evidence.STATISTICAL)
def conn_flap(facts: Facts) -> Iterator[Fired]:
    """The connection that should last is lost again and again.

    **Seen**: three or more connections in a row to a persistent service end within seconds, or after
    the same lifetime; of websockets inside TLS, whose close frames nobody can read, those count that the far side
    ends after the same lifetime. If none carried an answer the service fails; else it works with interruptions.

    **Means**: who ends them tells: the server (overload, refusal inside), a timer of a box on the way, or
    the device.

    **Not this rule**: a device that restarts (DEV-REBOOT-LOOP); connections forgotten when idle
    (NAT-IDLE-TIMEOUT) or reset by the server's side (TCP-RST-MIDSTREAM); a device that closes by itself
    after each answered request; a stable connection follows.

    **Ask the network team**: time-outs of the firewall or proxy, if a timer shows; else the vendor.
    """
    for need in facts.needs:
        run = _short_run(facts, need) if need.persistent else _ended_sockets(facts, need)
        if not run:
            continue
        lives = [_life_ns(a) for a in run]
        answered = any(a.flow.answered_bytes for a in run)
        yield facts.finding(
            "CONN-FLAP",
            Stage.PERSIST,
            f"{len(run)} connections to {where(run[0])} ended after {_lives(lives)}, {_closers(run)} first",
            [p for a in run for p in (a.flow.packets[0], a.flow.closed_at) if p is not None],
            outcome=Outcome.DEGRADED if answered else Outcome.FAILED,
            attempts=run,
            is_agreed=_are_equal(lives),
            causes=_flap_causes(run, lives),
            facts={"lifetimes_s": [round(x / 1e9, 1) for x in lives[:10]]},
        )


def _short_run(facts: Facts, need: Need) -> list[Attempt]:
    """The longest row of connections that were short or lived equally long; [] when a stable one follows."""
    idle = {x.attempt.flow.index for x in idle_times(facts, need).losses}
    ended: list[Attempt] = []
    ill_ended = facts.traffic.marks.ill_ended
    for attempt in lasting_attempts(facts, need):
        if not ill_ended[attempt.flow.index] or attempt.flow.closed_at is None or _is_own_way(attempt):
            ended = [] if _is_stable(facts, attempt) else ended
        elif attempt.flow.syns and attempt.flow.index not in idle and unwanted_reset(attempt, need) is None:
            ended.append(attempt)
    short = [list(row) for is_short, row in groupby(ended, lambda a: _is_short(facts, a)) if is_short]
    best = max([*short, *_even_rows(ended)], key=len, default=[])
    return best if len(best) >= MIN_FLAPS else []


def _ended_sockets(facts: Facts, need: Need) -> list[Attempt]:
    """The longest row of websockets inside TLS that the far side ended, quiet, after equal lives; [] when one lasts.

    Requests that a server answers and ends at once are no websockets: the end must follow a pause.
    """
    if not any(e.app == "websocket" for e in need.endpoints):
        return []
    ended: list[Attempt] = []
    for attempt in lasting_attempts(facts, need):
        if attempt.has(Stage.TLS) and attempt.of(TlsClientHello) and _is_ended_quiet(facts, attempt):
            ended.append(attempt)
        elif _is_stable(facts, attempt):
            ended = []
    best = max(_even_rows(ended), key=len, default=[])
    return best if len(best) >= MIN_FLAPS else []


def _is_ended_quiet(facts: Facts, attempt: Attempt) -> bool:
    """Whether the far side ended a connection on which nothing had been said for a while."""
    end, flow = attempt.flow.closed_at, attempt.flow
    if end is None or flow.is_from_orig(end):
        return False
    said = [p.time_ns for p in (*flow.sent_data, *flow.received_data) if p.frame < end.frame]
    # A TLS stack says goodbye right before the FIN.
    said = [t for t in said if end.time_ns - t > ns(GOODBYE_S)]
    idle_ns = ns(facts.params.idle_gap)
    is_sure = not flow.left_out or _ends_in_a_pause(flow, idle_ns)
    return bool(said) and end.time_ns - max(said) >= idle_ns and is_sure


def _ends_in_a_pause(flow: Flow, idle_ns: int) -> bool:
    """Whether nothing at all came so long before a flow's goodbye: where packets are left out only this is sure."""
    end = flow.closed_at
    pauses = zip(flow.packets, flow.pauses, strict=True)
    return end is not None and any(
        0 <= end.time_ns - p.time_ns <= ns(GOODBYE_S) and pause >= idle_ns - ns(GOODBYE_S) for p, pause in pauses
    )


def _even_rows(attempts: Sequence[Attempt]) -> list[list[Attempt]]:
    """Cut attempts into rows of like lifetime."""
    rows: list[list[Attempt]] = []
    low = high = 0
    for attempt in attempts:
        life = _life_ns(attempt)
        if rows and is_even([min(low, life), max(high, life)]):
            rows[-1].append(attempt)
            low, high = min(low, life), max(high, life)
        else:
            rows.append([attempt])
            low = high = life
    return rows


def _is_stable(facts: Facts, attempt: Attempt) -> bool:
    """Whether a connection was answered for so long that what came before it is over."""
    told_ns = last_told_ns(facts, attempt)
    return told_ns is not None and told_ns - attempt.began_ns >= ns(STABLE_S)


def _is_short(facts: Facts, attempt: Attempt) -> bool:
    return _life_ns(attempt) < ns(facts.params.short_conn)


def _life_ns(attempt: Attempt) -> int:
    end = attempt.flow.closed_at
    return end.time_ns - attempt.began_ns if end is not None else attempt.flow.last_ns - attempt.began_ns


def _are_equal(lives: Sequence[int]) -> bool:
    """Whether three or more lifetimes are equal: a timer ends them."""
    return len(lives) >= MIN_FLAPS and is_even(lives)


def is_even(lives: Sequence[int]) -> bool:
    """Whether lifetimes differ by no more than a second or a twentieth."""
    return max(lives) - min(lives) <= max(ns(1.0), max(lives) // 20)


def _is_own_way(attempt: Attempt) -> bool:
    """Whether the device closed the connection after its requests were answered: that is how it works."""
    end = attempt.flow.closed_at
    return end is not None and attempt.flow.is_from_orig(end) and _is_complete(attempt)


def _is_complete(attempt: Attempt) -> bool:
    """Whether the last request of the device was answered before the end."""
    flow = attempt.flow
    end, answer = flow.closed_at, flow.last_answer
    if not flow.answered_bytes or answer is None:
        return False
    asked = next((p for p in reversed(flow.sent_data) if end is None or p.frame < end.frame), None)
    return asked is not None and answer.frame > asked.frame


def _lives(lives: Sequence[int]) -> str:
    low, high = duration(min(lives) / 1e9), duration(max(lives) / 1e9)
    return low if low == high else f"{low} to {high}"


def _closers(run: Sequence[Attempt]) -> str:
    """Who ended most of the connections, for a sentence."""
    own = sum(1 for a in run if a.flow.closed_at is not None and a.flow.is_from_orig(a.flow.closed_at))
    return "the device closes" if own * 2 > len(run) else "the far side closes"


def _flap_causes(run: Sequence[Attempt], lives: Sequence[int]) -> list[Cause]:
    if _closers(run) == "the device closes":
        return [Cause("the device ends the connection", 20, "the first FIN or RST is its own", "device")]
    if _are_equal(lives) and max(lives) >= ns(10):
        return [
            Cause(
                "a timer on the way or at the server", 30, f"every connection ends after {_lives(lives)}", "middlebox"
            )
        ]
    return [Cause("the server ends the connection", 20, "the first FIN or RST comes from its side", "server")]


# --- resets -------------------------------------------------------------------------------------------------


def _server_reset(flow: Flow) -> Packet | None:
    """The responder's reset that ended an established flow, before any FIN."""
    end = flow.closed_at if flow.first_rst is not None else None
    if end is None or not end.flags & RST or flow.is_from_orig(end):
        return None
    return end if flow.is_established else None


def unwanted_reset(attempt: Attempt, need: Need) -> Packet | None:
    """The server side's reset, unless another rule owns it or it only ends a finished exchange."""
    reset = _server_reset(attempt.flow)
    if reset is None or not attempt.flow.sent_data or counts_a_fin(attempt.flow, reset):
        return None
    if attempt.of(TlsClientHello) and not attempt.has(Stage.RETURN):
        return None
    said_goodbye = any(e.encrypted_alerts for e in attempt.events if isinstance(e, TlsRecords)) or bool(
        attempt.of(TlsAlert)
    )
    is_finished = not need.persistent and _is_complete(attempt)
    return None if said_goodbye or is_finished else reset


# --- silence ------------------------------------------------------------------------------------------------


@rule("SILENT-AFTER-OK", stage=Stage.PERSIST, outcomes="?", evidence=Evidence.ABSENCE)
def silent_after_ok(facts: Facts) -> Iterator[Fired]:
    """A device that reported regularly falls silent.

    **Seen**: answered reports at a regular interval, then nothing of the device for more than three
    intervals, while other hosts go on.

    **Means**: the interval was changed, the device is off, or it has moved to another network (TEK-34);
    the capture cannot tell which.

    **Not this rule**: the capture ends within the interval; the device still speaks, in vain.

    **Ask the network team**: nothing; look at the device.
    """
    quiet_ns = facts.end_ns - facts.host.last_ns
    watched_ns = min(quiet_ns, facts.others_last_ns - facts.host.last_ns)
    answered = [a for a in facts.attempts if a.answered_ns is not None]
    if not answered or watched_ns <= SILENT_FACTOR * max(REPORT_NS, _longest_gap_ns(answered)):
        return
    starts = report_starts(facts.traffic, [a.flow for a in answered])
    pauses = [b.time_ns - a.time_ns for a, b in pairwise(starts)]
    if len(starts) < MIN_REPORTS or max(pauses) > (1 + LIKE) * min(pauses):
        return
    if watched_ns <= SILENT_FACTOR * max(pauses):
        return
    yield facts.finding(
        "SILENT-AFTER-OK",
        Stage.PERSIST,
        f"reports every {duration(max(pauses) / 1e9)}, "
        f"then silence for {duration(quiet_ns / 1e9)} until the end of the capture",
        [facts.traffic.packet(starts[0].row), facts.traffic.packet(starts[-1].row)],
        outcome=Outcome.UNDECIDABLE,
        independent=len(starts),
    )


def _longest_gap_ns(attempts: Sequence[Attempt]) -> int:
    """The longest time between connections; the longest pause between the reports on them is no shorter."""
    longest = until = 0
    for attempt in attempts:
        if attempt.flow.has_two_way_data:
            longest = max(longest, attempt.began_ns - until if until else 0)
            until = max(until, attempt.flow.last_ns)
    return longest
