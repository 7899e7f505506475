from __future__ import annotations

from collections.abc import Callable

import pytest

from pcapaudit.catalog.schema import Endpoint, Need
from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Fired
from pcapaudit.diagnose.needs import (
    NeedJudgement,
    endpoint_states,
    first_answer_after,
    is_special,
    judge_need,
    result_of,
)
from pcapaudit.diagnose.verdict import mark_attempts
from pcapaudit.model.words import Group, Outcome, Result, Stage, State
from tests.support.judging import SECOND, facts_of, finding, need, product, tcp, udp
from tests.support.world import START_NS

LOOKUP = "0.0 dev > gw LOOKUP gk.acme.example A 54.229.203.190\n"
NAME = "gk.acme.example"
SERVERS = {"cloud": "54.229.203.190", "b": "54.229.203.191", "c": "54.229.203.192"}


def script(story: str) -> str:
    """``4321:works@10 443:silent@20 443@b:silent@30``: connections that answer, or SYNs without an answer."""
    lines = [
        LOOKUP,
        "0.2 dev > gw LOOKUP b.acme.example A 54.229.203.191\n0.3 dev > gw LOOKUP c.acme.example A 54.229.203.192\n",
    ]
    for number, word in enumerate(story.split()):
        where, what = word.split(":")
        port, _, server = where.partition("@")
        kind, _, at = what.partition("@")
        ends = f"dev:{50000 + number} > {server or 'cloud'}:{port}"
        lines.append(f"{at} {ends} {'CONNECT' if kind in ('works', 'opens') else 'SYN'}\n")
        if kind == "works":
            lines.append(f"{at}.5 {ends} EXCHANGE 50 40\n")
        if kind == "opens":
            lines.append(f"{at}.5 {ends} DATA 50\n")
    return "".join(lines) + "999.0 switch > * WATCH\n"


def complaints(facts: Facts) -> list[Fired]:
    """What rules would say: every attempt without an answer failed, where it got stuck."""
    found = []
    for a in facts.attempts:
        if not a.has(Stage.RETURN):
            stage = Stage.RETURN if a.has(Stage.CONNECT) else Stage.CONNECT
            began = (a.began_ns - START_NS) / SECOND
            rule = "RETURN-ACK-ONLY" if stage is Stage.RETURN else "TCP-SYN-TIMEOUT"
            found.append(finding(rule, stage=stage, began=began, attempts=(a,), need=a.need, frames=a.frames))
    return found


def judge(story: str, wanted: Need, change: Callable[[list[Fired]], list[Fired]] | None = None) -> NeedJudgement:
    facts = facts_of(script(story), product(wanted), hosts=SERVERS)
    fired = complaints(facts)
    fired = change(fired) if change else fired
    mark_attempts(fired)
    return judge_need(wanted, facts, fired)


ANY = need(tcp(443), tcp(4321), hosts=[NAME])
ALL = need(tcp(57000), tcp(57001), hosts=[NAME], group=Group.ALL)
ONE = need(tcp(4321), hosts=[NAME])

STORIES = {
    # any-of (catalogue 14.2, step 3): T if one member is T, F only if every member was tried and is F, else U
    "any: nothing tried": (ANY, "", State.NOT_OBSERVED, None),
    "any: one works": (ANY, "4321:works@10", State.OK, None),
    "any: one fails, the other was not tried": (ANY, "4321:silent@10", State.NOT_OBSERVED, None),
    "any: both fail": (ANY, "4321:silent@10 443:silent@20", State.FAILED, 10),
    "any: alternation ends with success": (
        ANY,
        "443:silent@10 4321:silent@20 443:silent@30 4321:works@40",
        State.OK,
        None,
    ),
    "any: one works, then the other fails": (ANY, "4321:works@10 443:silent@20", State.OK, None),
    "any: T then F of both": (ANY, "4321:works@10 4321:silent@20 443:silent@30", State.FAILED, 20),
    "any: F, T, F without the other": (ANY, "443:silent@10 4321:works@20 4321:silent@30", State.FAILED, 30),
    "any: T then F, the other never tried": (ANY, "4321:works@10 4321:silent@20", State.NOT_OBSERVED, None),
    "any: the one that worked fails, the other takes over": (
        ANY,
        "4321:works@10 4321:silent@20 443:works@30",
        State.OK,
        None,
    ),
    "any: one connects and gets no further": (ANY, "4321:opens@10", State.FAILED, 10),
    # all-of (step 4): F if one member is F, T if all are T, else U
    "all: both work": (ALL, "57000:works@10 57001:works@20", State.OK, None),
    "all: one fails": (ALL, "57000:works@10 57001:silent@20", State.FAILED, 20),
    "all: one was not tried": (ALL, "57000:works@10", State.NOT_OBSERVED, None),
    "all: F then T of the same member": (ALL, "57000:works@10 57001:silent@20 57001:works@30", State.OK, None),
    # time (step 5): the last conclusive state counts
    "one: F then T": (ONE, "4321:silent@10 4321:works@20", State.OK, None),
    "one: T then F": (ONE, "4321:works@10 4321:silent@20 4321:silent@30", State.FAILED, 20),
    "one: F, T, F": (ONE, "4321:silent@10 4321:works@20 4321:silent@30", State.FAILED, 30),
}


@pytest.mark.parametrize(("wanted", "story", "state", "since"), STORIES.values(), ids=STORIES)
def test_a_need_ends_in_the_last_conclusive_state(wanted: Need, story: str, state: State, since: int | None) -> None:
    judged = judge(story, wanted)

    assert judged.state is state
    assert judged.since_ns == (None if since is None else START_NS + since * SECOND)


TRIED = need(tcp(80), hosts=["gk.acme.example", "b.acme.example", "c.acme.example"], hosts_group="tried")
EACH = need(tcp(80), hosts=["gk.acme.example", "b.acme.example"], hosts_group="all")
HOSTS = {
    "all tried hosts work": (TRIED, "80:works@10 80@b:works@20", State.OK),
    "one of them fails": (TRIED, "80:works@10 80@b:silent@20", State.DEGRADED),
    "all of them fail": (TRIED, "80:silent@10 80@b:silent@20 80@c:silent@30", State.FAILED),
    "the one that failed comes back": (TRIED, "80:works@10 80@b:silent@20 80@b:works@30", State.OK),
    "the one that worked fails, the other recovers": (
        TRIED,
        "80:works@10 80@b:silent@20 80:silent@30 80@b:works@40",
        State.DEGRADED,
    ),
    "each must work and one does not": (EACH, "80:works@10 80@b:silent@20", State.FAILED),
}


@pytest.mark.parametrize(("wanted", "story", "state"), HOSTS.values(), ids=HOSTS)
def test_hosts_that_count_one_by_one(wanted: Need, story: str, state: State) -> None:
    assert judge(story, wanted).state is state


def test_an_all_of_need_with_several_hosts_fails_with_one_of_its_ports() -> None:
    wanted = need(tcp(21), tcp(22), hosts=[NAME, "b.acme.example"], group=Group.ALL, hosts_group="tried")

    assert judge("21:works@10 22:silent@20 21@b:works@30 22@b:works@40", wanted).state is State.DEGRADED


def test_a_failed_need_names_the_furthest_stage_and_what_lies_behind_it() -> None:
    judged = judge("4321:silent@10 443:opens@20", ANY)

    assert judged.failed_stage is Stage.RETURN
    assert judged.stages[Stage.CONNECT].state is State.OK
    assert judged.stages[Stage.PERSIST].state is State.NOT_REACHED
    assert judged.stages[Stage.DNS].state is State.OK


def test_the_result_follows_from_the_rule_that_explains_it() -> None:
    facts = facts_of(script("4321:silent@10"), product(ONE), hosts=SERVERS)
    attempts = facts.attempts

    def word(rule: str) -> str:
        return result_of(attempts, [finding(rule, attempts=tuple(attempts))])

    assert [word(r) for r in ("TCP-SYN-RST", "ICMP-ADMIN", "TCP-SYN-TIMEOUT", "FTP-CONTROL-FAIL")] == [
        Result.REFUSED,
        Result.REJECTED,
        Result.NO_ANSWER,
        Result.LOGIN_FAILS,
    ]
    assert (
        result_of(attempts, [finding("TCP-SYN-RST", outcome=Outcome.NOTE, attempts=tuple(attempts))])
        == Result.NO_ANSWER
    )


def dns_finding(began: float, rule: str = "DNS-NXDOMAIN") -> Fired:
    return finding(rule, stage=Stage.DNS, began=began, lookups=(NAME,))


def named(lines: str, *fired: Fired) -> NeedJudgement:
    facts = facts_of(lines + "999.0 switch > * WATCH\n", product(ONE), hosts=SERVERS)
    return judge_need(ONE, facts, list(fired))


WORKS = "10.0 dev:50000 > cloud:4321 CONNECT\n11.0 dev > cloud EXCHANGE 50 40\n"


def test_a_need_whose_name_fails_fails_by_name() -> None:
    judged = named(
        "0.0 dev > gw DNS? gk.acme.example A\n0.1 gw > dev DNS! gk.acme.example A rcode=3\n", dns_finding(0.0)
    )

    assert (judged.state, judged.result, judged.failed_stage) == (State.FAILED, Result.NAME_FAILS, Stage.DNS)
    assert judged.stages[Stage.CONNECT].state is State.NOT_REACHED


def test_a_name_that_resolves_later_is_repaired() -> None:
    lines = "0.0 dev > gw DNS? gk.acme.example A\n0.1 gw > dev DNS! gk.acme.example A rcode=2\n"

    judged = named(lines + "5.0 dev > gw LOOKUP gk.acme.example A 54.229.203.190\n" + WORKS, dns_finding(0.0))

    assert judged.state is State.OK
    assert judged.stages[Stage.DNS].state is State.OK


def test_a_service_that_answers_afterwards_had_its_address() -> None:
    lines = "0.0 dev > gw DNS? gk.acme.example A\n0.1 gw > dev DNS! gk.acme.example A rcode=2\n"

    judged = named(lines + WORKS, dns_finding(0.0))

    assert judged.state is State.OK
    assert judged.stages[Stage.DNS].state is State.IMPLIED


def test_a_name_that_fails_after_the_last_answer_stops_the_need() -> None:
    lines = LOOKUP + WORKS + "60.0 dev > gw DNS? gk.acme.example A\n60.1 gw > dev DNS! gk.acme.example A rcode=3\n"

    judged = named(lines, dns_finding(60.0))

    assert (judged.state, judged.failed_stage) == (State.FAILED, Stage.DNS)


@pytest.mark.parametrize(("outcome", "state"), [(Outcome.FAILED, State.FAILED), (Outcome.DEGRADED, State.DEGRADED)])
def test_a_connection_lost_again_and_again_is_not_repaired(outcome: Outcome, state: State) -> None:
    # Catalogue 14.2, step 9a.
    lost = finding("NAT-IDLE-TIMEOUT", stage=Stage.PERSIST, outcome=outcome, began=5.0, need=ONE)

    judged = named(LOOKUP + WORKS, lost)

    assert judged.state is state
    assert judged.stages[Stage.PERSIST].state is state
    assert (judged.failed_stage is Stage.PERSIST) is (state is State.FAILED)


def test_each_far_side_has_its_own_state() -> None:
    judged = judge("443:silent@10 4321:works@20 443:silent@30", ANY)

    assert [(a[0].port, len(a), s, word) for a, s, word in endpoint_states(judged)] == [
        (443, 2, State.FAILED, Result.NO_ANSWER),
        (4321, 1, State.OK, Result.WORKS),
    ]


def attempt_at(judged: NeedJudgement, port: int) -> Attempt:
    return next(a for a in judged.attempts if a.port == port)


def test_a_failure_ended_when_the_same_endpoint_answered_again() -> None:
    judged = judge("443:silent@10 4321:works@20 443:works@30 443:works@40", ANY)
    silent = finding(began=10.0, attempts=(attempt_at(judged, 443),))

    again = next(a for a in judged.attempts if a.port == 443 and a.answered_ns)
    assert first_answer_after(judged, silent) == again.answered_ns


def test_another_port_that_works_ends_no_failure() -> None:
    judged = judge("443:silent@10 4321:works@20", ANY)

    assert first_answer_after(judged, finding(began=10.0, attempts=(attempt_at(judged, 443),))) is None


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        ((udp(53, app="dns"),), True),
        ((udp(123, app="ntp"),), True),
        ((Endpoint("icmp"),), True),
        ((tcp(443),), False),
        ((udp(53, app="dns"), tcp(443)), False),
    ],
)
def test_needs_of_a_stage_of_their_own_are_special(endpoints: tuple[Endpoint, ...], *, expected: bool) -> None:
    assert is_special(need(*endpoints)) is expected
