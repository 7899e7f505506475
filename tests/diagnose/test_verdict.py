from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pcapaudit.catalog.schema import Signature
from pcapaudit.diagnose import witness
from pcapaudit.diagnose.confidence import HealthCaps
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Fired
from pcapaudit.diagnose.registry import Evidence, Rule
from pcapaudit.diagnose.verdict import Diagnosis, diagnose_device, mark_attempts
from pcapaudit.model.words import Identification, Outcome, Role, Stage, State, Verdict, When
from tests.support.judging import SECOND, facts_of, finding, need, product, tcp
from tests.support.world import START_NS

NAME = "0.5 dev > gw LOOKUP gk.acme.example A 54.229.203.190\n"
WORKS = "2.0 dev:50001 > cloud:4321 CONNECT\n3.0 dev > cloud EXCHANGE 50 40\n"
SILENT = "10.0 dev:50002 > cloud:443 SYN\n11.0 dev:50002 > cloud:443 SYN\n13.0 dev:50002 > cloud:443 SYN\n"
END = "99.0 switch > * WATCH\n"
CLOUD_NEED = need(tcp(4321), hosts=["gk.acme.example"])
SECOND_NEED = need(tcp(443), hosts=["gk.acme.example"], id="ACM-02", what="updates")


def judge(
    monkeypatch: pytest.MonkeyPatch, script: str, signature: Signature | None, *fired: Any, **details: Any
) -> Diagnosis:
    """Diagnose a script with exactly these findings; a callable is given the facts and makes one."""
    made: list[Fired] = []

    def check(facts: Facts) -> Iterator[Fired]:
        made.extend(f(facts) if callable(f) else f for f in fired)
        return iter(made)

    only = Rule("X-ALL", "all", Stage.LINK, (Outcome.FAILED,), Evidence.EXPLICIT, "", check)
    monkeypatch.setattr(witness, "all_rules", lambda: (only,))
    return diagnose_device(facts_of(script + END, signature, **details), HealthCaps())


def of_port(port: int, rule: str = "TCP-SYN-TIMEOUT", stage: Stage = Stage.CONNECT, **details: Any) -> Any:
    """A finding about the device's attempts at one port."""

    def make(facts: Facts) -> Fired:
        attempts = tuple(a for a in facts.attempts if a.port == port)
        began = (attempts[-1].began_ns - START_NS) / SECOND
        return finding(
            rule,
            stage=stage,
            began=began,
            attempts=attempts,
            need=attempts[0].need,
            frames=attempts[0].frames,
            **details,
        )

    return make


def roles(d: Diagnosis) -> dict[str, Role]:
    return {w.fired.rule: w.role for w in d.findings}


# --- the verdict ----------------------------------------------------------------------------------


def test_a_device_whose_required_need_answers_is_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    d = judge(monkeypatch, NAME + WORKS, product(CLOUD_NEED))

    assert (d.verdict, d.root, d.since_ns) == (Verdict.HEALTHY, None, None)


UNTRIED = {
    "always": (When.ALWAYS, "", Verdict.UNDECIDED),
    "boot, and the boot is there": (When.BOOT, "0.0 dev > gw BOOT\n", Verdict.UNDECIDED),
    "boot, and it was earlier": (When.BOOT, "", Verdict.HEALTHY),
    "periodic": (When.PERIODIC, "", Verdict.HEALTHY),
    "on demand": (When.ON_DEMAND, "", Verdict.HEALTHY),
}


@pytest.mark.parametrize(("when", "boot", "expected"), UNTRIED.values(), ids=UNTRIED)
def test_an_untried_need_stands_in_the_way_only_where_it_had_to_be_seen(
    monkeypatch: pytest.MonkeyPatch, when: When, boot: str, expected: Verdict
) -> None:
    untried = need(tcp(443), hosts=["gk.acme.example"], id="ACM-02", what="updates", when=when)

    d = judge(monkeypatch, boot + NAME + WORKS, product(CLOUD_NEED, untried))

    assert d.verdict is expected
    assert d.open_questions == (["updates"] if expected is Verdict.UNDECIDED else [])


def test_nothing_tried_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judge(monkeypatch, NAME, product(CLOUD_NEED)).verdict is Verdict.UNDECIDED


def test_a_failed_required_need_fails_the_device_since_then(monkeypatch: pytest.MonkeyPatch) -> None:
    d = judge(monkeypatch, NAME + WORKS + SILENT, product(CLOUD_NEED, SECOND_NEED), of_port(443))

    assert (d.verdict, d.since_ns) == (Verdict.FAILED, START_NS + 10 * SECOND)
    assert d.root is not None
    assert d.stages[Stage.CONNECT].state is State.FAILED


def test_a_failed_optional_need_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    spare = need(tcp(443), hosts=["gk.acme.example"], id="ACM-02", required=False)

    d = judge(monkeypatch, NAME + WORKS + SILENT, product(CLOUD_NEED, spare), of_port(443))

    assert d.verdict is Verdict.HEALTHY
    assert [(w.outcome, w.role) for w in d.findings] == [(Outcome.NOTE, Role.NOTE)]


def test_a_failed_soft_need_degrades(monkeypatch: pytest.MonkeyPatch) -> None:
    soft = need(tcp(443), hosts=["gk.acme.example"], id="ACM-02", soft=True)

    d = judge(monkeypatch, NAME + WORKS + SILENT, product(CLOUD_NEED, soft), of_port(443))

    assert d.verdict is Verdict.DEGRADED


def test_a_member_of_a_group_that_fails_beside_one_that_works_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    # Worked example E2.
    either = need(tcp(443), tcp(4321), hosts=["gk.acme.example"])

    d = judge(monkeypatch, NAME + WORKS + SILENT, product(either), of_port(443))

    assert d.verdict is Verdict.HEALTHY
    assert [(w.outcome, w.recovered_ns) for w in d.findings] == [(Outcome.NOTE, None)]


def test_a_failure_that_ended_is_a_note_with_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    back = "30.0 dev:50003 > cloud:443 CONNECT\n31.0 dev > cloud:443 EXCHANGE 9 9\n60.0 dev > cloud:443 EXCHANGE 9 9\n"

    def early(facts: Facts) -> Fired:
        made: Fired = of_port(443)(facts)
        made.attempts = made.attempts[:1]
        made.began_ns = made.attempts[0].began_ns
        return made

    d = judge(monkeypatch, NAME + SILENT + back, product(SECOND_NEED), early)

    assert d.verdict is Verdict.HEALTHY
    [note] = d.findings
    assert note.outcome is Outcome.NOTE
    assert note.recovered_ns is not None
    assert 31 * SECOND <= note.recovered_ns - START_NS < 32 * SECOND


def test_a_group_of_which_one_member_was_tried_leaves_the_question_open(monkeypatch: pytest.MonkeyPatch) -> None:
    either = need(tcp(443), tcp(4321), hosts=["gk.acme.example"])

    d = judge(monkeypatch, NAME + SILENT, product(either), of_port(443))

    assert d.verdict is Verdict.UNDECIDED
    assert [w.outcome for w in d.findings] == [Outcome.UNDECIDABLE]


def test_a_failed_soft_stage_degrades_and_never_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = finding("NTP-NO-REPLY", stage=Stage.TIME, began=50.0)

    d = judge(monkeypatch, NAME + WORKS, product(CLOUD_NEED), clock)

    assert d.verdict is Verdict.DEGRADED
    assert d.root is not None
    assert (d.root.fired.rule, d.root.outcome) == ("NTP-NO-REPLY", Outcome.DEGRADED)


def test_a_device_known_by_an_old_address_alone_is_at_most_degraded(monkeypatch: pytest.MonkeyPatch) -> None:
    d = judge(monkeypatch, NAME + SILENT, product(SECOND_NEED), of_port(443), kind=Identification.ADDRESS)

    assert d.verdict is Verdict.DEGRADED
    assert d.findings[0].confidence <= 60


def test_without_a_signature_the_ladder_alone_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = finding("DHCP-NO-OFFER", stage=Stage.DHCP, began=50.0)

    assert judge(monkeypatch, NAME, None, broken).verdict is Verdict.FAILED
    assert judge(monkeypatch, NAME, None).verdict is Verdict.UNDECIDED
    healthy = judge(monkeypatch, NAME + WORKS, None)
    assert healthy.verdict is Verdict.HEALTHY
    assert healthy.stages[Stage.CONNECT].state is State.NOT_APPLICABLE


def test_a_sampled_capture_gets_no_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "all_rules", lambda: pytest.fail("rules were asked"))

    d = diagnose_device(facts_of(NAME + SILENT, product(SECOND_NEED)), HealthCaps(is_refused=True))

    assert (d.verdict, d.findings) == (Verdict.UNDECIDED, [])


# --- the root -------------------------------------------------------------------------------------

BOTH = NAME + "5.0 dev:50001 > cloud:4321 SYN\n6.0 dev:50001 > cloud:4321 SYN\n" + SILENT
NEEDS = product(CLOUD_NEED, SECOND_NEED)
OPEN_443 = NAME + "5.0 dev:50001 > cloud:4321 SYN\n10.0 dev:50002 > cloud:443 CONNECT\n11.0 dev > cloud:443 DATA 9\n"
ROOTS: dict[str, tuple[str, list[Any], dict[str, Role]]] = {
    "the first failed stage": (
        BOTH,
        [of_port(443), finding("DHCP-NO-OFFER", stage=Stage.DHCP, began=90.0)],
        {"DHCP-NO-OFFER": Role.CAUSE, "TCP-SYN-TIMEOUT": Role.CONSEQUENCE},
    ),
    "an explicit refusal before silence": (
        BOTH,
        [of_port(443), of_port(443, "TCP-SYN-RST")],
        {"TCP-SYN-RST": Role.CAUSE, "TCP-SYN-TIMEOUT": Role.CONSEQUENCE},
    ),
    "a summary before what it sums up": (
        BOTH,
        [of_port(443, independent=5), of_port(443, "TCP-ALL-PORTS-FAIL")],
        {"TCP-ALL-PORTS-FAIL": Role.CAUSE, "TCP-SYN-TIMEOUT": Role.CONSEQUENCE},
    ),
    "the interceptor even at a later stage": (
        OPEN_443,
        [of_port(4321, "TCP-SYN-RST"), of_port(443, "CAPTIVE-PORTAL", Stage.APP)],
        {"CAPTIVE-PORTAL": Role.CAUSE, "TCP-SYN-RST": Role.CONSEQUENCE},
    ),
    "another need that fails in its own way is a cause of its own": (
        BOTH,
        [of_port(4321, "TCP-SYN-RST"), of_port(443)],
        {"TCP-SYN-RST": Role.CAUSE, "TCP-SYN-TIMEOUT": Role.CAUSE},
    ),
    "a second finding on that other need is its consequence": (
        BOTH,
        [of_port(4321, "TCP-SYN-RST"), of_port(443, "TCP-ALL-PORTS-FAIL"), of_port(443)],
        {"TCP-SYN-RST": Role.CAUSE, "TCP-ALL-PORTS-FAIL": Role.CAUSE, "TCP-SYN-TIMEOUT": Role.CONSEQUENCE},
    ),
    "the order in which rules fire does not matter": (
        BOTH,
        [of_port(443), of_port(443, "TCP-ALL-PORTS-FAIL"), of_port(4321, "TCP-SYN-RST")],
        {"TCP-SYN-RST": Role.CAUSE, "TCP-ALL-PORTS-FAIL": Role.CAUSE, "TCP-SYN-TIMEOUT": Role.CONSEQUENCE},
    ),
}


@pytest.mark.parametrize(("script", "fired", "expected"), ROOTS.values(), ids=ROOTS)
def test_the_cause_is(
    monkeypatch: pytest.MonkeyPatch, script: str, fired: list[Any], expected: dict[str, Role]
) -> None:
    assert roles(judge(monkeypatch, script, NEEDS, *fired)) == expected


def test_needs_that_fail_alike_have_one_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    d = judge(monkeypatch, BOTH, NEEDS, of_port(443), of_port(4321))

    assert sorted(w.role for w in d.findings) == [Role.CAUSE, Role.CONSEQUENCE]


def test_an_attempt_fails_at_the_earliest_stage_that_a_finding_names() -> None:
    attempts = tuple(facts_of(BOTH, NEEDS).attempts)
    late, early = (finding(stage=s, attempts=attempts) for s in (Stage.TLS, Stage.CONNECT))

    mark_attempts([late, early, finding(stage=Stage.DNS, outcome=Outcome.NOTE, attempts=attempts)])

    assert {a.failed_at for a in attempts} == {Stage.CONNECT}
