"""CONNECT over TCP: silence, refusal, half-open, port alternatives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.causes import outage_causes, silence_causes
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired, Target
from pcapaudit.diagnose.once import once
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.resets import INJECTED, POSSIBLE, judge_reset
from pcapaudit.diagnose.twins import answer_outside
from pcapaudit.diagnose.vantage import vantage_of
from pcapaudit.flows.flow import SYN, Flow
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.events import Packet
from pcapaudit.model.times import duration
from pcapaudit.model.words import Outcome, Stage, Vantage

IDLE_S = 60.0
UP_S = 300.0
"""How long a device must be up before idleness is a fault (catalogue, SVC-NO-ATTEMPT)."""
MAX_OFFSETS = 6
MAX_SERIES = 100
"""Names and ports of one device that are called silent one by one; a device that tries more is scanning."""


def where(attempt: Attempt) -> str:
    """``gk.sensorist.com (54.229.203.190) TCP 4321``: an endpoint for a sentence."""
    address = ip_text(attempt.address)
    name = f"{attempt.host} ({address})" if attempt.host else address
    return f"{name} {attempt.transport.upper()} {attempt.port}"


def silent_attempts(facts: Facts) -> list[Attempt]:
    """TCP attempts that got nothing back at all: no handshake, no reset, no ICMP error."""
    return [
        a
        for a in facts.attempts
        if a.transport == "tcp"
        and a.flow.syns
        and a.is_unanswered
        and not facts.errors_about(a)
        and a.need.direction == "out"
        and answer_outside(facts.traffic, a.flow) is None
    ]


def counted_syns(facts: Facts, silent: Sequence[Attempt], newest_ns: int) -> list[Packet]:
    """SYNs that count as unanswered (G3); a later attempt anywhere in the need closes the wait."""
    return facts.counted([p for a in silent for p in a.tries], facts.params.syn_wait, last_activity_ns=newest_ns)


def spacing(facts: Facts, tries: Sequence[Packet], last: Packet) -> str:
    """How a stack spaced its SYNs, and how long the silence after the last one was watched."""
    first = tries[0].time_ns
    offsets = ", ".join(f"{(p.time_ns - first) / 1e9:.1f}" for p in tries[:MAX_OFFSETS])
    rest = duration((facts.end_ns - last.time_ns) / 1e9)
    silence = f"the capture goes on {rest} after the last that counts."
    return f"SYN at {offsets} s, no SYN-ACK, reset or ICMP error; {silence}"


def _by_name_and_port(attempts: Sequence[Attempt]) -> dict[tuple[object, int, int], list[Attempt]]:
    """Attempts of a need that lead to one name (or address, where no name is known) and port."""
    table: dict[tuple[object, int, int], list[Attempt]] = {}
    for a in attempts:
        table.setdefault((a.host or a.address, a.port, id(a.need)), []).append(a)
    return table


def _newest_tries(attempts: Sequence[Attempt]) -> dict[int, int]:
    """When each need was tried for the last time (ns)."""
    table: dict[int, int] = {}
    for a in attempts:
        table[id(a.need)] = max(a.last_try_ns, table.get(id(a.need), a.last_try_ns))
    return table


@rule("TCP-SYN-TIMEOUT", stage=Stage.CONNECT, outcomes="F", evidence=Evidence.BEHAVIOUR)
def syn_timeout(facts: Facts) -> Iterator[Fired]:
    """The device opens a connection and no packet comes back.

    **Seen**: three or more SYN for one name and port, retransmissions or new source ports, and no
    SYN-ACK, reset or ICMP error for any of them; each was given time, or the device itself tried again.

    **Means**: a firewall drops the SYN or its answer, or the server is down; seen from the device's
    side of the firewall these look the same.

    **Not this rule**: a reset (TCP-SYN-RST) or an ICMP error (ICMP-ADMIN, ICMP-UNREACH) comes back;
    the last SYN falls into the end of the capture (CAP-TAIL-CUT); the data channel of FTP (FTP-DATA-BLOCKED).

    **Ask the network team**: allow the connection out, and the packets that come back on it.
    """
    silent = silent_attempts(facts)
    if not silent:
        return
    tried, newest = _by_name_and_port(facts.attempts), _newest_tries(facts.attempts)
    for key, group in islice(_by_name_and_port(silent).items(), MAX_SERIES):
        newest_ns = newest[id(group[0].need)]
        own = {a.flow.index for a in group}
        others = (a for a in tried[key] if a.flow.index not in own)
        if group[0].host and any(not a.is_unanswered for a in others):
            yield from _timeouts_by_address(facts, group, newest_ns)
        else:
            yield from _timeout(facts, group, newest_ns)


def _timeouts_by_address(facts: Facts, group: Sequence[Attempt], newest_ns: int) -> Iterator[Fired]:
    """Some addresses of the name answer: only a series to one address may be called silent."""
    series: dict[bytes, list[Attempt]] = {}
    for a in group:
        series.setdefault(a.address, []).append(a)
    for attempts in series.values():
        yield from _timeout(facts, attempts, newest_ns)


def _timeout(facts: Facts, group: Sequence[Attempt], newest_ns: int) -> Iterator[Fired]:
    counted = counted_syns(facts, group, newest_ns)
    if len(counted) < facts.params.syn_min_tries:
        return
    frames = {p.frame for p in counted}
    attempts = [a for a in group if frames & set(a.frames)]
    causes = silence_causes(facts, attempts)
    span = (counted[-1].time_ns - counted[0].time_ns) / 1e9
    yield facts.finding(
        "TCP-SYN-TIMEOUT",
        Stage.CONNECT,
        f"{len(counted)} SYN to {where(attempts[0])} in {duration(span)}, {_what_came(attempts)}",
        counted,
        attempts=attempts,
        target=None
        if len({a.address for a in attempts}) == 1
        else Target(attempts[0].host, None, "tcp", attempts[0].port),
        causes=causes.ranked,
        has_contrast=causes.has_contrast,
        decisive=causes.frames,
        tries=len(counted),
        detail=None if _late(attempts) else spacing(facts, attempts[0].tries, counted[-1]),
    )


def _late(attempts: Sequence[Attempt]) -> list[Attempt]:
    return [a for a in attempts if a.is_late]


def _what_came(attempts: Sequence[Attempt]) -> str:
    late = [a.flow.syn_acks[0].time_ns - a.flow.syns[0].time_ns for a in _late(attempts) if a.flow.syn_acks]
    if not late:
        return "no SYN-ACK, reset or ICMP error came back"
    return f"{len(late)} SYN-ACK came {min(late) / 1e9:.1f} s or more after the first SYN, when the device had given up"


@once
def refused_series(facts: Facts) -> list[list[Attempt]]:
    """TCP attempts whose SYN was answered by a reset, endpoint by endpoint."""
    was_reset = facts.traffic.marks.reset
    found = (
        [a for a in s.attempts if a.transport == "tcp" and was_reset[a.flow.index] and a.flow.refusal is not None]
        for s in facts.series
    )
    return [refused for refused in found if refused]


@rule("TCP-SYN-RST", stage=Stage.CONNECT, outcomes="F", evidence=Evidence.EXPLICIT)
def syn_rst(facts: Facts) -> Iterator[Fired]:
    """The connection is refused with a reset.

    **Seen**: a RST whose acknowledgment covers the SYN answers it, before any SYN-ACK.

    **Means**: the port is closed at the server, or a firewall rejects with a reset; the TTL and the
    timing of the reset tell which is likelier.

    **Not this rule**: the reset does not fit other packets of the same address (TCP-RST-INJECTED);
    an IPv6 refusal while IPv4 works (happy eyeballs).

    **Ask the network team**: is there a rule that rejects this port; if not, ask the vendor.
    """
    for refused in refused_series(facts):
        if refused[0].need.direction == "in":
            yield from _refused_by_device(facts, refused)
            continue
        verdicts = [judge_reset(facts, a.flow, a.flow.refusal) for a in refused if a.flow.refusal is not None]
        best = max(verdicts, key=lambda v: v.score)
        if best.score >= INJECTED:
            continue
        maker = "possibly a box in the middle" if best.score >= POSSIBLE else "the server or a box in front of it"
        yield facts.finding(
            "TCP-SYN-RST",
            Stage.CONNECT,
            f"{where(refused[0])} refuses the connection: {len(refused)} SYN answered by a reset ({maker})",
            _with_resets(refused),
            attempts=refused,
            decisive=[a.flow.refusal.frame for a in refused[:3] if a.flow.refusal is not None],
            causes=sorted([*best.causes, *outage_causes(facts, refused)], key=lambda c: -c.weight),
        )


def _refused_by_device(facts: Facts, refused: Sequence[Attempt]) -> Iterator[Fired]:
    """What others want of the device, and it refuses itself: the reset carries its own MAC."""
    own = [a for a in refused if a.flow.refusal is not None and a.flow.refusal.smac in (facts.mac, None)]
    if own:
        far = ip_text(own[0].address)
        yield facts.finding(
            "TCP-SYN-RST",
            Stage.CONNECT,
            f"the device itself refuses {far} on its TCP {own[0].port}: {len(own)} SYN answered by a reset",
            _with_resets(own),
            attempts=own,
            decisive=[a.flow.refusal.frame for a in own[:3] if a.flow.refusal is not None],
            causes=[Cause("its service is not running", 30, f"nothing listens on TCP {own[0].port}", "device")],
        )


def _with_resets(attempts: Sequence[Attempt]) -> list[Packet]:
    return [p for a in attempts for p in (*a.tries, *(a.flow.received[:1]))]


@rule("TCP-HALF-OPEN", stage=Stage.CONNECT, outcomes="F", evidence=Evidence.BEHAVIOUR)
def half_open(facts: Facts) -> Iterator[Fired]:
    """The server answers, but the handshake is never completed.

    **Seen**: SYN-ACKs come, the device never acknowledges them; it repeats its SYN and the server
    repeats its SYN-ACK, or the device resets because the acknowledgment number is not its own.

    **Means**: the answer is lost between the mirror point and the device, or a firewall changes
    sequence numbers.

    **Not this rule**: the device's acknowledgment is merely not mirrored (then data follows); it resets an
    answer that came too late, when it had closed its socket (TCP-SYN-TIMEOUT); both repeat on the outside of
    a router (RETURN-NOT-DELIVERED).

    **Ask the network team**: look between the mirror point and the device: cable, VLAN, port security.
    """
    is_outside = vantage_of(facts) is Vantage.WAN
    for series in facts.series:
        stuck = [a for a in series.attempts if a.transport == "tcp" and _is_half_open(a)]
        if is_outside:
            # Outside a router the box that loses the answer stands between, and RETURN-NOT-DELIVERED says so.
            stuck = [a for a in stuck if not is_repeated_handshake(a.flow)]
        if not stuck or (len(stuck) == 1 and len(stuck[0].flow.syn_acks) < 2 and not _resets_answer(stuck[0])):
            continue
        yield facts.finding(
            "TCP-HALF-OPEN",
            Stage.CONNECT,
            f"{where(stuck[0])} answers with SYN-ACK, but the device never completes the handshake",
            [p for a in stuck for p in (*a.flow.syns, *a.flow.syn_acks)],
            attempts=stuck,
            decisive=[stuck[0].flow.syn_acks[0].frame],
            causes=[_half_open_cause(stuck)],
            is_agreed=any(len(a.flow.syns) > 1 and len(a.flow.syn_acks) > 1 for a in stuck),
        )


def _half_open_cause(stuck: Sequence[Attempt]) -> Cause:
    """Lost on the device's side of the mirror, or acknowledged with a number that is not the device's."""
    if any(_resets_answer(a) for a in stuck):
        why = "the SYN-ACK acknowledges a number that the device never sent"
        return Cause("a firewall changes sequence numbers, or holds on to an old connection", 30, why, "middlebox")
    why = "the SYN-ACK is at the mirror point, the device goes on as if it were not"
    return Cause("the answers get lost between the mirror point and the device", 30, why, "device_filter")


def _is_half_open(attempt: Attempt) -> bool:
    flow = attempt.flow
    if flow.is_established or not flow.syn_acks or flow.sent_data or attempt.is_late:
        return False
    return is_repeated_handshake(flow) or _resets_answer(attempt)


def is_repeated_handshake(flow: Flow) -> bool:
    """Whether both sides repeat the opening: SYN and SYN-ACK, and it is never completed."""
    return len(flow.syns) > 1 and len(flow.syn_acks) > 1 and not flow.is_established


def _resets_answer(attempt: Attempt) -> bool:
    """The device resets because the SYN-ACK acknowledges something it never sent (RFC 9293, 3.10.7.3)."""
    flow = attempt.flow
    wrong = [p for p in flow.syn_acks if flow.orig_isn is not None and p.ack != (flow.orig_isn + 1) % (1 << 32)]
    return bool(wrong) and any(p.flags & 4 and not p.flags & SYN for p in flow.sent)


@rule("TCP-ALL-PORTS-FAIL", stage=Stage.CONNECT, outcomes="F", evidence=Evidence.BEHAVIOUR)
def all_ports_fail(facts: Facts) -> Iterator[Fired]:
    """Every port that would do was tried, and none connects.

    **Seen**: the service may be reached over one of several ports; each was tried at least once,
    three SYN or more in all, and none led to a connection.

    **Means**: the device is cut off from this service, whichever port it chooses.

    **Not this rule**: only one of the ports was tried so far; one of them carries data (TCP-ALT-PORT-OK).

    **Ask the network team**: open all the ports outbound, with return traffic.
    """
    for need in facts.needs:
        if need.group != "any" or len(need.endpoints) < 2 or need.direction != "out":
            continue
        attempts = [a for a in facts.attempts_of(need) if a.transport == "tcp" and a.flow.syns]
        if any(answer_outside(facts.traffic, a.flow) is not None for a in attempts):
            continue
        dead = [a for a in attempts if _is_dead(a)]
        alive = [a for a in facts.attempts_of(need) if not _is_dead(a)] if dead else []
        last_ok = max((a.answered_ns or a.flow.last_ns for a in alive), default=None)
        dead = [a for a in dead if last_ok is None or a.began_ns > last_ok]
        # Hosts that count one by one are no members of one another: what fails at each is its own port.
        by_host: dict[object, list[Attempt]] = {}
        for a in dead:
            by_host.setdefault((a.host or a.address) if need.hosts_group == "tried" else None, []).append(a)
        for host in sorted(by_host, key=str):
            yield from _all_members(facts, need, by_host[host])


def _is_dead(attempt: Attempt) -> bool:
    """Whether no connection came about."""
    from_proof = attempt.has(Stage.CONNECT)
    return not from_proof and (attempt.is_unanswered or attempt.flow.refusal is not None)


def _all_members(facts: Facts, need: Need, dead: Sequence[Attempt]) -> Iterator[Fired]:
    refused = {p.frame for a in dead if not a.is_unanswered for p in a.tries}
    counted = counted_syns(facts, dead, max(a.last_try_ns for a in dead))
    counted += [p for a in dead for p in a.tries if p.frame in refused]
    frames = {p.frame for p in counted}
    attempts = [a for a in dead if frames & set(a.frames)]
    if len(frames) < facts.params.syn_min_tries or {a.member for a in attempts} != set(range(len(need.endpoints))):
        return
    causes = silence_causes(facts, [a for a in attempts if a.is_unanswered])
    last = max(counted, key=lambda p: p.frame)
    ports = " or ".join(str(p) for p in sorted({a.port for a in attempts}))
    span = (max(a.last_try_ns for a in attempts) - attempts[0].began_ns) / 1e9
    in_time = " in time" if _late(attempts) else ""
    yield facts.finding(
        "TCP-ALL-PORTS-FAIL",
        Stage.CONNECT,
        f"no {'connection to' if refused else 'answer from'} {_names(attempts)}{in_time} on TCP {ports} "
        f"({len(attempts)} attempts in {duration(span)})",
        sorted({p.frame: p for p in counted}.values(), key=lambda p: p.frame),
        attempts=attempts,
        target=Target(attempts[0].host, None, "tcp", None),
        causes=causes.ranked,
        has_contrast=causes.has_contrast,
        decisive=causes.frames,
        facts={"ports": sorted({a.port for a in attempts})},
        detail=None if refused or in_time else spacing(facts, max((a.tries for a in attempts), key=len), last),
    )


def _names(attempts: Sequence[Attempt]) -> str:
    hosts = dict.fromkeys(a.host or ip_text(a.address) for a in attempts)
    return ", ".join(hosts)


@rule("SVC-NO-ATTEMPT", stage=Stage.CONNECT, outcomes="F?", evidence=Evidence.ABSENCE)
def no_attempt(facts: Facts) -> Iterator[Fired]:
    """The device has an address and its names, but tries no service.

    **Seen**: a lease and answered lookups of the vendor's names, a minute or more of time after them, and
    no packet to any of the vendor's services. It is a fault where the boot is in the window, the device stays up
    for five minutes and its service is one that it always uses.

    **Means**: the device is idle between two reports, disabled, or talks another way (a cellular
    modem); else the capture cannot tell which.

    **Not this rule**: it tries and gets no answer (TCP-SYN-TIMEOUT, UDP-NO-REPLY); ARP does not find the
    peer (ARP-PEER-NO-REPLY).

    **Ask the network team**: nothing; look at the device's settings, or ask the vendor.
    """
    good = [q for lookup in facts.needed_lookups for q in lookup.resolved if facts.needs_name(lookup.name)]
    if facts.attempts or not good or not facts.visibility.sent:
        return
    last = good[-1].answers[-1].at
    if not facts.has_waited(last.time_ns, IDLE_S):
        return
    idle = _idle_need(facts)
    yield facts.finding(
        "SVC-NO-ATTEMPT",
        Stage.CONNECT,
        f"{good[-1].name} resolves, yet the device sends nothing to it",
        [m.at for q in good for m in (*q.sent, *q.answers)],
        outcome=Outcome.FAILED if idle is not None else Outcome.UNDECIDABLE,
        need=idle,
        decisive=[last.frame],
        independent=len(good),
        causes=[Cause("the device is disabled, or waits for something", 20, "it has all that it needs", "device")],
    )


def _idle_need(facts: Facts) -> Need | None:
    """A service that the device always uses and never tried, though it booted and was up for five minutes."""
    booted = next((c.messages[0].at.time_ns for c in reversed(facts.dhcp) if not c.is_renewal), None)
    if booted is None or not facts.has_boot or facts.host.last_ns - booted < ns(UP_S) or facts.host.behind_router:
        return None
    has_other_way = facts.signature is not None and "SVC-NO-ATTEMPT" in facts.signature.remedies
    if facts.visibility.missing == "outbound" or has_other_way:
        # A signature that has words for this silence knows a way that the LAN does not show (TEK-34).
        return None
    return next((n for n in facts.needs if n.required and n.when == "always" and not n.expects_private_address), None)


@rule("TCP-ALT-PORT-OK", stage=Stage.CONNECT, outcomes="n", evidence=Evidence.EXPLICIT)
def alt_port_ok(facts: Facts) -> Iterator[Fired]:
    """One of several ports fails, another carries the service.

    **Seen**: a member of an any-of group gets no connection, another one carries data both ways.

    **Means**: the device works as designed; the failing port is a spare that is closed.

    **Not this rule**: no port works (TCP-ALL-PORTS-FAIL).

    **Ask the network team**: nothing is needed; opening the other port too is advised.
    """
    for need in facts.needs:
        attempts = facts.attempts_of(need)
        if need.group != "any":
            continue
        works = [a for a in attempts if a.answered_ns is not None]
        working = {a.port for a in works}
        dead = [a for a in attempts if a.port not in working and _is_dead(a) and a.flow.syns]
        if not works or not dead:
            continue
        counted = [p for a in dead for p in a.tries]
        port = dead[0].port
        yield facts.finding(
            "TCP-ALT-PORT-OK",
            Stage.CONNECT,
            f"TCP {port} does not connect, but the service works over TCP {works[-1].port}",
            counted,
            outcome=Outcome.NOTE,
            decisive=[works[-1].flow.first_frame],
            need=need,
            target=Target(dead[0].host, dead[0].address, "tcp", port),
        )
