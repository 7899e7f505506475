"""Each need of the signature, judged: does it work at the end of the window, and if not, since when and where.

The last conclusive observation counts, ordered by when an attempt began (catalogue 14.2,
step 5); any-of groups fail only when every member was tried and failed (step 3).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.attempts import SPECIAL_APPS, Attempt, series_of
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Fired
from pcapaudit.diagnose.groups import groups_of
from pcapaudit.diagnose.health.loss import has_holes
from pcapaudit.diagnose.proof import Proof, is_worded
from pcapaudit.flows.exchanges import DnsQuery
from pcapaudit.model.words import STAGES, WORST_FIRST, Outcome, Result, Stage, State

SERVICE_STAGES: tuple[Stage, ...] = (Stage.CONNECT, Stage.TLS, Stage.APP, Stage.RETURN, Stage.PERSIST)
MIN_RETURNS = 2
"""Attempts at one address after which a device that tried one member of an any-of group is taken to use no other."""
WORKING = (State.OK, State.IMPLIED)


@dataclass
class NeedJudgement:
    """What became of one need.

    Attributes:
        state, result: As the report contract names them.
        stages: DNS (of its names) and CONNECT to PERSIST.
        failed_stage: The stage that stops it, None unless failed.
        since_ns: When the failure began, None unless failed.
        answered_ns: Last answer of the service, None when it never answered.
        working, failing: Its attempts after the last answer, by what they show.
    """

    need: Need
    attempts: list[Attempt]
    state: State = State.NOT_OBSERVED
    result: str = Result.NOT_ATTEMPTED
    stages: dict[Stage, Proof] = field(default_factory=dict)
    failed_stage: Stage | None = None
    since_ns: int | None = None
    answered_ns: int | None = None
    failing: list[Attempt] = field(default_factory=list)
    fired: list[Fired] = field(default_factory=list)

    @property
    def was_seen(self) -> bool:
        """Whether the device tried it, or asked for its name, in the window."""
        return bool(self.attempts) or self.state not in (State.NOT_OBSERVED, State.NOT_APPLICABLE, State.NOT_REACHED)


def judge_need(need: Need, facts: Facts, fired: Sequence[Fired]) -> NeedJudgement:
    """Judge one need that is served by TCP or UDP attempts.

    Args:
        need: The need.
        facts: The device.
        fired: All findings of the device; those with outcome FAILED have marked their attempts.
    """
    attempts = facts.attempts_of(need)
    judged = NeedJudgement(need, attempts)
    judged.fired = [f for f in fired if f.need is need]
    groups = groups_of(need, attempts, facts)
    parts = [_judge_group(need, group, attempts, facts) for group in groups]
    _merge(judged, parts)
    judged.stages.setdefault(Stage.DNS, _name_state(need, facts, fired, judged))
    _account_for_names(judged)
    _account_for_blocked(judged)
    _apply_lasting(judged)
    _leave_out_stages(judged, facts)
    return judged


def is_special(need: Need) -> bool:
    """Whether the need is judged by its own stage (DNS, NTP) or by pings, not by attempts."""
    return all(e.app in SPECIAL_APPS or e.transport == "icmp" for e in need.endpoints)


@dataclass
class _Part:
    """One independent part of a need: a member of an all-of group, or a host that counts alone."""

    attempts: list[Attempt]
    state: State
    stages: dict[Stage, Proof]
    failed_stage: Stage | None = None
    since_ns: int | None = None
    answered_ns: int | None = None
    failing: list[Attempt] = field(default_factory=list)


def _judge_group(need: Need, attempts: list[Attempt], everything: Sequence[Attempt], facts: Facts) -> _Part:
    """Judge attempts that stand for each other: per member the last conclusive one counts, then the group's rule.

    ``everything`` are the attempts of the whole need.
    """
    last_ok: dict[int, int] = {}
    unclear: dict[int, int] = {}
    for a in attempts:
        told = a.answered_ns
        if told is not None:
            last_ok[a.member] = max(told, last_ok.get(a.member, told))
        elif not _has_failed(a) and _speaks_both_ways(facts, a) and not _is_under_way(facts, a):
            # What was said is unreadable (cut, encrypted); that data went both ways speaks against a failure.
            unclear[a.member] = a.flow.last_ns
    proven = {m: max(last_ok.get(m, -1), unclear.get(m, -1)) for m in {*last_ok, *unclear}}
    for a in attempts[-1:]:
        if _may_yet_work(a, attempts, facts):
            proven[a.member] = max(a.began_ns, proven[a.member])
    failing = [a for a in attempts if _has_failed(a) and a.failing_ns > proven.get(a.member, -1)]
    if _goes_round(attempts, failing):
        failing = []
    answered = max(last_ok.values(), default=None)
    broken = {a.member for a in failing}
    standing = set(last_ok) - broken
    if _is_group_failed(need, failing, set(proven) - broken, everything):
        return _failed_part(attempts, failing, answered)
    if not standing:
        return _Part(attempts, State.NOT_OBSERVED, _furthest(attempts), answered_ns=answered, failing=failing)
    best = max((a for a in attempts if a.member in standing), key=lambda a: a.answered_ns or -1)
    return _Part(attempts, _overall(best), dict(best.proofs), answered_ns=answered, failing=failing)


def _goes_round(attempts: Sequence[Attempt], failing: Sequence[Attempt]) -> bool:
    """Whether the capture just ends on an address that never works, as the device met it before and went on.

    It takes the addresses of a name in turn: each failure at the bad one was repaired by the next at a good one,
    and the last ones are no more than there were in a row before (ground rule G5).
    """
    if not failing:
        return False
    good = {a.address for a in attempts if a.answered_ns is not None}
    names = {a.host for a in attempts if a.answered_ns is not None and a.host}
    before: set[bytes] = set()
    run = longest = 0
    for a in attempts:
        if a is failing[0]:
            break
        run = run + 1 if _has_failed(a) else 0
        longest = max(longest, run)
        before |= {a.address} if _has_failed(a) else set()
    last = {a.address for a in failing}
    return last <= before - good and len(failing) <= longest and {a.host for a in failing if a.host} <= names


def _speaks_both_ways(facts: Facts, attempt: Attempt) -> bool:
    """Whether data went both ways; of a flow with holes the device's acknowledgment of an answer says so."""
    flow = attempt.flow
    return flow.has_two_way_data or (flow.answered_bytes > 0 and has_holes(facts.traffic, flow))


def _is_under_way(facts: Facts, attempt: Attempt) -> bool:
    """Whether a readable dialogue was still going on when the capture ended: it says nothing yet (gate G3)."""
    flow = attempt.flow
    return flow.closed_at is None and is_worded(attempt.events) and not has_holes(facts.traffic, flow)


def _may_yet_work(last: Attempt, attempts: Sequence[Attempt], facts: Facts) -> bool:
    """Whether the capture ends with an open attempt at an address that served when it was asked before.

    The device has left another address for it (an IPv6 one, say) and is about to be served as always (gate G3).
    """
    is_open = last.transport == "tcp" and last.answered_ns is None and not _has_failed(last)
    if not is_open or facts.has_waited(last.last_try_ns, facts.params.syn_wait):
        return False
    before = [a for a in attempts if a.address == last.address and a.member == last.member and a is not last]
    decided = [a for a in before if a.answered_ns is not None or _has_failed(a)]
    return bool(decided) and not _has_failed(decided[-1])


def _has_failed(attempt: Attempt) -> bool:
    return attempt.failed_at not in (None, Stage.PERSIST)


def _is_group_failed(need: Need, failing: Sequence[Attempt], standing: set[int], everything: Sequence[Attempt]) -> bool:
    """Whether failing attempts are the failure of the whole group (catalogue 14.2, steps 3 and 4).

    All-of: one failure is enough. Any-of: no member works, and every member was tried and failed,
    or one connects and then fails.
    """
    failed = {a.member for a in failing}
    if need.group != "any":
        return bool(failed)
    if not failed or standing:
        return False
    is_whole = set(range(len(need.endpoints))) <= failed or _keeps_to_one(need, failing, everything)
    return is_whole or any(a.failed_at is not Stage.CONNECT for a in failing)


def _keeps_to_one(need: Need, failing: Sequence[Attempt], everything: Sequence[Attempt]) -> bool:
    """Whether the device comes back to one member again and again and never to another: its only way.

    A product that holds one connection and looks for a member that works (SEN-06) may still try the others. Of
    several hosts that each count, what the device does at one it does at all.
    """
    returns = Counter(a.address for a in failing)
    if need.persistent or max(returns.values()) >= MIN_RETURNS:
        return not need.persistent
    is_only = len({a.member for a in everything}) == 1
    failed_hosts = {a.host or a.address for a in everything if _has_failed(a)}
    return need.hosts_group == "tried" and is_only and len(failed_hosts) >= MIN_RETURNS


def _failed_part(attempts: list[Attempt], failing: list[Attempt], last_ok: int | None) -> _Part:
    stages = _furthest(failing)
    stage = next((s for s in SERVICE_STAGES if _fails_at(s, failing)), Stage.CONNECT)
    culprits = [a for a in failing if a.failed_at is stage] or failing
    frames = sorted({f for a in culprits for f in a.frames[:2]} | {f for a in culprits for f in a.frames[-1:]})[:10]
    stages[stage] = Proof(State.FAILED, "", tuple(frames), culprits[-1].began_ns)
    for later in SERVICE_STAGES[SERVICE_STAGES.index(stage) + 1 :]:
        known = stages.get(later)
        if known is None or known.state is not State.NOT_APPLICABLE:
            stages[later] = Proof(State.NOT_REACHED, "", reason=f"{stage} failed")
    times = [a.failing_ns for a in failing]
    since = min((t for t in times if last_ok is None or t > last_ok), default=times[-1])
    return _Part(attempts, State.FAILED, stages, stage, since, last_ok, failing)


def _fails_at(stage: Stage, failing: Sequence[Attempt]) -> bool:
    """Whether this is the furthest that any failing attempt came: some fail here, none got past."""
    order = STAGES.index(stage)
    reached = [a.failed_at for a in failing if a.failed_at is not None]
    return stage in reached and not any(STAGES.index(r) > order for r in reached)


def _furthest(attempts: Sequence[Attempt]) -> dict[Stage, Proof]:
    """Per stage the last proof that any of the attempts gave."""
    return {stage: proof for attempt in attempts for stage, proof in attempt.proofs.items()}


def _overall(attempt: Attempt) -> State:
    """Works; implied only when even the connection itself was not seen to open."""
    connect = attempt.proofs.get(Stage.CONNECT)
    return connect.state if connect is not None else State.OK


def _merge(judged: NeedJudgement, parts: list[_Part]) -> None:
    if not parts:
        return
    states = [p.state for p in parts]
    if judged.need.hosts_group == "tried":
        judged.state = _tried_state(parts)
    else:
        judged.state = next(s for s in WORST_FIRST if s in states)
    failed = [p for p in parts if p.state is State.FAILED]
    chosen = _chosen(judged.state, parts)
    judged.stages = dict(chosen.stages)
    judged.answered_ns = max((p.answered_ns for p in parts if p.answered_ns is not None), default=None)
    judged.failing = [a for p in (failed or parts) for a in p.failing]
    if judged.state is State.FAILED:
        first = min(failed, key=lambda p: STAGES.index(p.failed_stage or Stage.CONNECT))
        judged.failed_stage, judged.stages = first.failed_stage, dict(first.stages)
        judged.since_ns = min(p.since_ns for p in failed if p.since_ns is not None)
    judged.result = _result(judged)


def _tried_state(parts: Sequence[_Part]) -> State:
    """ALS logger (vendor facts 6.2): one of several tried hosts failing degrades, all failing fail."""
    states = [p.state for p in parts]
    if State.FAILED not in states:
        return next(s for s in WORST_FIRST if s in states)
    if any(s in WORKING for s in states):
        return State.DEGRADED
    return State.NOT_OBSERVED if any(_is_open(p) for p in parts) else State.FAILED


def _is_open(part: _Part) -> bool:
    """Whether a host was reached and data went both ways, but what it said cannot be read."""
    return part.state is State.NOT_OBSERVED and any(a.flow.has_two_way_data for a in part.attempts)


def _chosen(state: State, parts: list[_Part]) -> _Part:
    same = [p for p in parts if p.state is state] or [p for p in parts if p.state in WORKING] or parts
    return same[-1]


def _result(judged: NeedJudgement) -> str:
    if judged.state in (*WORKING, State.DEGRADED):
        return Result.WORKS
    if judged.state is State.FAILED:
        return result_of(judged.failing, judged.fired)
    return Result.CANNOT_TELL if judged.attempts else Result.NOT_ATTEMPTED


def result_of(failing: Sequence[Attempt], fired: Sequence[Fired]) -> str:
    """One word for failing attempts: the furthest way they failed, from the rules that explain them."""
    wanted = set(failing)
    explaining = [f for f in fired if f.outcome is Outcome.FAILED and not wanted.isdisjoint(f.attempts)]
    words = [RULE_RESULTS.get(f.rule) for f in explaining]
    for word in RESULT_ORDER:
        if word in words:
            return word
    return Result.NO_ANSWER


RULE_RESULTS: dict[str, str] = {
    "FTP-CONTROL-FAIL": Result.LOGIN_FAILS,
    "FTP-DATA-BLOCKED": Result.NO_DATA,
    "FTP-PASV-PRIVATE": Result.NO_DATA,
    "FTP-ACTIVE-NAT": Result.NO_DATA,
    "RETURN-ACK-ONLY": Result.NO_DATA,
    "TCP-DATA-BLACKHOLE": Result.NO_DATA,
    "MTU-BLACKHOLE": Result.NO_DATA,
    "RETURN-MISSING": Result.NO_ANSWER,
    "TCP-SYN-RST": Result.REFUSED,
    "TCP-RST-INJECTED": Result.REFUSED,
    "ICMP-ADMIN": Result.REJECTED,
    "ICMP-UNREACH": Result.REJECTED,
    "ICMP-PORT-UNREACH-NEAR": Result.REJECTED,
    "ICMP-PORT-UNREACH-FAR": Result.REFUSED,
    "TLS-ALERT-SERVER": "tls_refused",
    "TLS-ALERT-CLIENT": "certificate_refused",
    "TLS-INTERCEPT": "certificate_refused",
    "TLS-CERT-INVALID": "certificate_refused",
    "TLS-RST-AFTER-SNI": "tls_reset",
    "TLS-NO-SERVERHELLO": "tls_no_answer",
    "TLS-NO-TLS": "not_tls",
    "PG-SSL-REFUSED": "tls_refused",
    "PG-ERROR": "service_error",
    "HTTP-ERROR": "service_error",
    "WS-UPGRADE-REJECTED": "upgrade_refused",
    "WS-UPGRADE-STRIPPED": "upgrade_refused",
    "CAPTIVE-PORTAL": "captive_portal",
    "HTTP-BLOCK-PAGE": "block_page",
    "PROXY-CONNECT-REJECTED": "proxy_refused",
    "PROXY-ONLY-NET": "proxy_needed",
    "NAT-IDLE-TIMEOUT": "lost_when_idle",
    "CONN-FLAP": "does_not_last",
    "TCP-RST-MIDSTREAM": "does_not_last",
    "WS-DROP": "does_not_last",
    "PATH-SWITCH": "does_not_last",
    "SVC-NO-ATTEMPT": Result.NOT_ATTEMPTED,
}
"""What a need's or endpoint's result is called when this rule explains it; no answer otherwise."""

WITHOUT_ADDRESS = frozenset({"DNS-NO-REPLY", "DNS-REFUSED", "DNS-SERVFAIL", "DNS-NXDOMAIN", "DNS-NODATA"})
"""Failures of a name that brought no address; of the others a wrong address is the sign."""

RESULT_ORDER: tuple[str, ...] = tuple(dict.fromkeys(RULE_RESULTS.values()))


def _name_state(need: Need, facts: Facts, fired: Sequence[Fired], judged: NeedJudgement) -> Proof:
    """State of the lookups of the need's own names (hosts stand for each other)."""
    lookups = [q for q in facts.needed_lookups if _is_for(need, facts, q.name)]
    resolved = [q for lookup in lookups for q in lookup.resolved]
    bad = [
        f
        for f in fired
        if f.stage is Stage.DNS and f.outcome is Outcome.FAILED and any(_is_for(need, facts, n) for n in f.lookups)
    ]
    good = [q for q in resolved if all(_is_newer(q, f) for f in bad if q.name in f.lookups)]
    if good:
        last = good[-1]
        return Proof(State.OK, f"{last.name} resolved", tuple(last.frames[:4]), last.answers[-1].at.time_ns)
    if bad and (judged.answered_ns is None or judged.answered_ns < max(f.began_ns for f in bad)):
        worst = bad[0]
        return Proof(State.FAILED, worst.summary, tuple(worst.frames), worst.began_ns)
    if judged.answered_ns is not None:
        return Proof(State.IMPLIED, "the service answers", reason="lookup not in the capture")
    return Proof(
        State.NOT_OBSERVED, "", reason="no lookup in the capture" if not lookups else "the capture cannot tell"
    )


def _is_newer(query: DnsQuery, failed: Fired) -> bool:
    """Whether a question that was answered with an address overrules a failure of the name.

    Of resolvers that are asked side by side the one that knows the name decides, in whatever order they were asked.
    """
    if failed.rule not in WITHOUT_ADDRESS:
        return query.began_ns > failed.began_ns
    told = (m.at.time_ns for m in query.answers if any(isinstance(r.data, bytes) for r in m.answers))
    return max(told) > failed.began_ns


def _is_for(need: Need, facts: Facts, name: str) -> bool:
    if facts.signature is not None and facts.signature.walks_servers and need.required:
        return True
    return any(p.matches(name) for p in need.hosts)


def _account_for_names(judged: NeedJudgement) -> None:
    """A need whose names fail, and that was not reached by a cached address either, fails by name."""
    dns = judged.stages[Stage.DNS]
    if dns.state is not State.FAILED or _is_still_connected(judged, dns.time_ns):
        return
    judged.state, judged.result, judged.failed_stage = State.FAILED, Result.NAME_FAILS, Stage.DNS
    judged.since_ns = dns.time_ns
    for stage in SERVICE_STAGES:
        if judged.stages.get(stage) is None or judged.stages[stage].state is not State.FAILED:
            judged.stages[stage] = Proof(State.NOT_REACHED, "", reason="dns failed")


def _is_still_connected(judged: NeedJudgement, since_ns: int) -> bool:
    """Whether a connection that worked was in use, or at least not given up, when the names began to fail."""
    if judged.state not in (*WORKING, State.DEGRADED):
        return False
    alive = [a.flow for a in judged.attempts if a.answered_ns is not None]
    in_use = any(f.last_ns >= since_ns for f in alive)
    return in_use or (judged.need.persistent and any(f.closed_at is None for f in alive))


def _account_for_blocked(judged: NeedJudgement) -> None:
    """A finding can stop a need before any attempt shows: no SYN leaves for a peer that ARP does not find."""
    stopping = [f for f in judged.fired if f.outcome is Outcome.FAILED and not f.attempts and f.stage in SERVICE_STAGES]
    stopping = [f for f in stopping if judged.answered_ns is None or f.began_ns > judged.answered_ns]
    if not stopping or judged.state is State.FAILED:
        return
    worst = min(stopping, key=lambda f: STAGES.index(f.stage))
    judged.state, judged.result = State.FAILED, RULE_RESULTS.get(worst.rule, Result.NO_ANSWER)
    judged.failed_stage, judged.since_ns = worst.stage, worst.first_ns
    judged.stages[worst.stage] = Proof(State.FAILED, worst.summary, tuple(worst.frames), worst.began_ns)
    for later in SERVICE_STAGES[SERVICE_STAGES.index(worst.stage) + 1 :]:
        judged.stages[later] = Proof(State.NOT_REACHED, "", reason=f"{worst.stage} failed")


def _leave_out_stages(judged: NeedJudgement, facts: Facts) -> None:
    """Stages that the product does not use, unless the packets show them all the same."""
    for name, word in (facts.signature.stages if facts.signature else {}).items():
        stage = Stage(name)
        known = judged.stages.get(stage)
        if word == "not_applicable" and (known is None or known.state in (State.NOT_REACHED, State.NOT_OBSERVED)):
            judged.stages[stage] = Proof(State.NOT_APPLICABLE, "", reason="the product does not use it")


def _apply_lasting(judged: NeedJudgement) -> None:
    """PERSIST speaks of the whole window: a connection lost again and again is not repaired (step 9a)."""
    lasting = [f for f in judged.fired if f.stage is Stage.PERSIST and f.outcome in (Outcome.FAILED, Outcome.DEGRADED)]
    if not lasting or judged.state is State.FAILED:
        return
    worst = max(lasting, key=lambda f: f.outcome is Outcome.FAILED)
    failed = worst.outcome is Outcome.FAILED
    judged.stages[Stage.PERSIST] = Proof(
        State.FAILED if failed else State.DEGRADED, worst.summary, tuple(worst.frames), worst.began_ns
    )
    judged.state = State.FAILED if failed else State.DEGRADED
    if failed:
        judged.failed_stage, judged.since_ns = Stage.PERSIST, worst.first_ns
        judged.result = RULE_RESULTS.get(worst.rule, Result.NO_ANSWER)


def first_answer_after(judged: NeedJudgement, finding: Fired) -> int | None:
    """When what a finding complains of first answered after it; None when it never did.

    Only attempts at the same members count: another port that works repairs the need, not this one.
    """
    members = {a.member for a in finding.attempts} or {a.member for a in judged.attempts}
    answered = [a for a in judged.attempts if a.member in members and a.answered_ns is not None]
    first: int | None = None
    for attempt in sorted(answered, key=lambda a: a.began_ns):
        if first is not None and attempt.began_ns >= first:
            break
        moments = _moments_after(attempt, finding.began_ns)
        first = min(moments if first is None else [*moments, first], default=None)
    return first


def _moments_after(attempt: Attempt, since_ns: int) -> list[int]:
    """When data of the service came, or was acknowledged, after a moment; of a later attempt the first data."""
    flow, told = attempt.flow, attempt.answered_ns
    data = flow.received_data if flow.last_ns > since_ns else ()
    moments = [p.time_ns for p in (data[:1] if flow.first_ns > since_ns else data)]
    return [t for t in (*moments, *((told,) if told is not None else ())) if t > since_ns]


def endpoint_states(judged: NeedJudgement) -> list[tuple[list[Attempt], State, str]]:
    """Attempts at each far side with the state and result it ends in, in order of first attempt."""
    found = []
    for series in series_of(judged.attempts):
        part = _judge_endpoint(list(series.attempts))
        word: str = Result.WORKS if part.state in WORKING else Result.CANNOT_TELL
        if part.state is State.FAILED:
            word = result_of(part.failing, judged.fired)
        found.append((list(series.attempts), part.state, word))
    return found


def _judge_endpoint(attempts: list[Attempt]) -> _Part:
    last_ok = max([told for a in attempts if (told := a.answered_ns) is not None], default=None)
    failing = [
        a for a in attempts if a.failed_at not in (None, Stage.PERSIST) and (last_ok is None or a.failing_ns > last_ok)
    ]
    if failing:
        return _failed_part(attempts, failing, last_ok)
    if last_ok is not None:
        return _Part(attempts, State.OK, {}, answered_ns=last_ok)
    return _Part(attempts, State.NOT_OBSERVED, {})
