from __future__ import annotations

from typing import Any

import pytest

from pcapaudit.catalog.schema import Signature
from pcapaudit.diagnose.fired import Fired
from pcapaudit.diagnose.ladder import own_stages, repaired_ns, service_stages
from pcapaudit.diagnose.needs import NeedJudgement, judge_need
from pcapaudit.diagnose.proof import Proof
from pcapaudit.model.words import Outcome, Stage, State
from tests.support.judging import SECOND, facts_of, finding, need, outward, product, tcp
from tests.support.world import START_NS

BOOT = "0.0 dev > gw BOOT\n"
NAME = "1.0 dev > gw LOOKUP gk.acme.example A 54.229.203.190\n"
WORKS = "2.0 dev:50001 > cloud:4321 CONNECT\n3.0 dev > cloud EXCHANGE 50 40\n"
ONE = need(tcp(4321), hosts=["gk.acme.example"])
END = "99.0 switch > * WATCH\n"


def climb(script: str, *fired: Fired, signature: Signature | None = None, **details: Any) -> dict[Stage, Proof]:
    facts = facts_of(script + END, signature or product(ONE), **details)
    needs = [judge_need(n, facts, fired) for n in facts.needs]
    return own_stages(facts, fired, needs)


def letters(stages: dict[Stage, Proof]) -> str:
    """One letter a stage: o ok, i implied, F failed, d degraded, - not observed, x not reached, n not applicable."""
    letter = dict(zip(State, "oidF-xn", strict=True))
    return "".join(letter[stages[s].state] for s in (Stage.LINK, Stage.DHCP, Stage.GATEWAY, Stage.DNS, Stage.TIME))


LADDERS = {
    "everything seen": (BOOT + NAME + "1.5 dev > 192.0.2.7 NTP\n" + WORKS, "ooooo"),
    "no time asked": (BOOT + NAME + WORKS, "oooo-"),
    "only the service": (WORKS, "oioi-"),
    "the lease alone": (BOOT, "ooo--"),
    "an answer of the local resolver says nothing of the gateway": (NAME, "oi-o-"),
    "a connection older than the capture": (
        "2.0 dev:50001 > cloud:4321 DATA 9\n2.1 cloud > dev DATA 9\n2.2 dev > cloud ACK\n",
        "oioi-",
    ),
    "silence": ("2.0 dev:50001 > cloud:4321 SYN\n", "o----"),
}


@pytest.mark.parametrize(("script", "expected"), LADDERS.values(), ids=LADDERS)
def test_rungs_are_seen_or_implied(script: str, expected: str) -> None:
    assert letters(climb(script)) == expected


def failed(rule: str, stage: Stage, began: float, **details: Any) -> Fired:
    return finding(rule, stage=stage, began=began, **details)


FAILURES = {
    "a failed lease stops the rest": (
        "0.0 dev > * DHCP DISCOVER\n4.0 dev > * DHCP DISCOVER\n5.0 dev > gw DNS? a.example A\n",
        failed("DHCP-NO-OFFER", Stage.DHCP, 4.0),
        "oFxxx",
    ),
    "a later lease repairs it": (
        "0.0 dev > * DHCP DISCOVER\n10.0 dev > gw BOOT\n",
        failed("DHCP-NO-OFFER", Stage.DHCP, 0.0),
        "ooo--",
    ),
    "an earlier lease does not": (BOOT, failed("DHCP-RENEW-FAIL", Stage.DHCP, 50.0), "oFoxx"),
    "an answer from outside repairs the gateway": (
        BOOT + NAME + WORKS,
        failed("ARP-GW-NO-REPLY", Stage.GATEWAY, 0.5),
        "oooo-",
    ),
    "an answer of the local resolver does not": (BOOT + NAME, failed("GW-BLACKHOLE", Stage.GATEWAY, 0.5), "ooFox"),
    "a restart loop is never repaired": (BOOT + NAME + WORKS, failed("DEV-REBOOT-LOOP", Stage.LINK, 0.0), "Fooox"),
    "time only degrades": (BOOT + NAME, failed("NTP-NO-REPLY", Stage.TIME, 1.0), "ooood"),
    "what is optional counts for nothing": (
        BOOT + NAME,
        failed("ARP-GW-NO-REPLY", Stage.GATEWAY, 50.0, is_optional=True),
        "oooo-",
    ),
    "a note counts for nothing": (BOOT, failed("DHCP-LATE-START", Stage.DHCP, 0.0, outcome=Outcome.NOTE), "ooo--"),
    "a degraded rung": (BOOT, failed("DHCP-NAK", Stage.DHCP, 0.0, outcome=Outcome.DEGRADED), "odo--"),
}


@pytest.mark.parametrize(("script", "fired", "expected"), FAILURES.values(), ids=FAILURES)
def test_a_finding_moves_its_rung(script: str, fired: Fired, expected: str) -> None:
    assert letters(climb(script, fired)) == expected


def test_a_failed_name_of_a_required_need_fails_the_rung() -> None:
    lines = BOOT + "1.0 dev > gw DNS? gk.acme.example A\n1.1 gw > dev DNS! gk.acme.example A rcode=3\n"
    wrong = failed("DNS-NXDOMAIN", Stage.DNS, 1.0, lookups=("gk.acme.example",))

    assert letters(climb(lines, wrong)) == "oooFx"


def test_what_the_product_does_not_use_is_not_applicable() -> None:
    signature = product(ONE, stages={"dhcp": "not_applicable", "time": "not_applicable"})

    assert letters(climb("2.0 dev:50001 > cloud:4321 SYN\n", signature=signature)) == "on--n"
    assert letters(climb(BOOT, signature=signature)) == "ooo-n"


def test_outside_the_translator_the_sites_own_rungs_are_not_applicable() -> None:
    world = {"cloud": "54.229.203.190", "nat": {"ip": "198.51.100.7", "mac": "02:00:00:00:00:aa", "ttl": 63}}
    lines = "2.0 nat:50001 > cloud:4321 CONNECT\n3.0 nat > cloud EXCHANGE 50 40\n"

    assert letters(climb(lines, hosts=world, address="198.51.100.7")) == "nnni-"


def test_one_direction_of_a_working_device_shows_its_rungs() -> None:
    facts = facts_of(BOOT + NAME + WORKS + END, product(ONE), outward)
    needs = [judge_need(ONE, facts, [])]

    assert letters(own_stages(facts, [], needs)) == "oioi-"


def test_repair_is_the_earliest_success_after_the_failure() -> None:
    facts = facts_of(BOOT + NAME + WORKS + "50.0 dev:50002 > cloud:4321 CONNECT\n" + END, product(ONE))
    arp = failed("ARP-GW-NO-REPLY", Stage.GATEWAY, 0.5)

    repaired = repaired_ns(arp, facts, [])

    assert repaired is not None
    assert START_NS + 2 * SECOND < repaired < START_NS + 5 * SECOND
    assert repaired_ns(failed("ARP-GW-NO-REPLY", Stage.GATEWAY, 60.0), facts, []) is None


def judged(state: State, stages: dict[Stage, State], **details: Any) -> NeedJudgement:
    wanted = need(**details)
    facts = facts_of("1.0 dev:50001 > cloud:4321 SYN", product(wanted))
    proofs = {s: Proof(v, str(v)) for s, v in stages.items()}
    return NeedJudgement(wanted, facts.attempts, state, stages=proofs)


OWN = {s: Proof(State.OK, "") for s in Stage}


def test_service_rungs_show_the_worst_of_the_required_needs() -> None:
    works = judged(State.OK, {Stage.CONNECT: State.OK, Stage.TLS: State.NOT_APPLICABLE, Stage.RETURN: State.OK})
    fails = judged(State.FAILED, {Stage.CONNECT: State.OK, Stage.TLS: State.FAILED, Stage.RETURN: State.NOT_REACHED})
    spare = judged(State.FAILED, {Stage.CONNECT: State.FAILED}, required=False)

    stages = service_stages([works, fails, spare], OWN)

    assert [stages[s].state for s in (Stage.CONNECT, Stage.TLS, Stage.RETURN)] == [
        State.OK,
        State.FAILED,
        State.NOT_REACHED,
    ]


def test_a_need_that_does_not_last_hides_none_that_does() -> None:
    lasting = judged(State.OK, {Stage.PERSIST: State.OK})
    short = judged(State.OK, {Stage.PERSIST: State.NOT_OBSERVED})

    assert service_stages([short, lasting], OWN)[Stage.PERSIST].state is State.OK


def test_behind_a_broken_rung_untried_needs_are_not_reached() -> None:
    untried = NeedJudgement(need(), [])
    broken = {**OWN, Stage.DHCP: Proof(State.FAILED, "")}

    assert service_stages([untried], broken)[Stage.CONNECT].state is State.NOT_REACHED
    assert service_stages([untried], OWN)[Stage.CONNECT].state is State.NOT_OBSERVED
