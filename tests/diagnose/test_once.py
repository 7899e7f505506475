"""What one rule found out of a device is not worked out again for the next."""

from __future__ import annotations

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.once import once
from pcapaudit.diagnose.witness import Asked, _Witness
from tests.support.judging import facts_of, need, product, tcp

SCRIPT = "0.0  dev > gw BOOT\n1.0  dev > cloud:4321 CONNECT\n2.0  dev > cloud:443 CONNECT"
TWO_NEEDS = product(need(tcp(4321)), need(tcp(443)))


def test_a_question_is_worked_out_once_for_each_device_and_need() -> None:
    worked_out: list[tuple[Facts, Need]] = []

    @once
    def ports(facts: Facts, about: Need) -> list[int]:
        worked_out.append((facts, about))
        return [a.port for a in facts.attempts_of(about)]

    one, other = facts_of(SCRIPT, TWO_NEEDS), facts_of(SCRIPT, TWO_NEEDS)
    first, second = TWO_NEEDS.needs
    assert [ports(one, first), ports(one, second), ports(one, first), ports(other, first)] == [[4321], [443]] + 2 * [
        [4321]
    ]
    assert worked_out == [(one, first), (one, second), (other, first)]


def test_questions_are_told_apart() -> None:
    @once
    def device(facts: Facts) -> bytes | None:
        return facts.mac

    @once
    def start(facts: Facts) -> int:
        return facts.start_ns

    facts = facts_of(SCRIPT)
    assert (device(facts), start(facts), device(facts)) == (facts.mac, facts.start_ns, facts.mac)


def test_a_witness_hears_the_question_of_each_rule() -> None:
    @once
    def lookups(facts: Facts) -> int:
        return len(facts.lookups)

    facts = facts_of(SCRIPT)
    lookups(facts)
    for _ in range(2):
        asked: list[Asked] = []
        lookups(_Witness(facts, "", asked))  # type: ignore[arg-type]
        assert [a.name for a in asked] == ["lookups"]
