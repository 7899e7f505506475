"""A witness changes nothing a rule says, and forgets nothing it asked."""

from __future__ import annotations

import pytest

from pcapaudit.diagnose.registry import all_rules
from pcapaudit.diagnose.witness import MAX_ASKED, Considered, consider_rules
from tests.support.judging import facts_of, product

SILENT = """
0.0  dev > gw BOOT
1.0  dev > gw LOOKUP cloud.acme.example A 54.229.203.190
2.0 repeat 4 every 10.0:
  0.0  dev > cloud:4321 SYN new
  1.0  dev > cloud:4321 SYN
60.0 switch > * WATCH
"""


def considered(*, is_witnessed: bool) -> dict[str, Considered]:
    return {c.rule.id: c for c in consider_rules(facts_of(SILENT, product()), is_witnessed=is_witnessed)}


def test_a_rule_says_the_same_to_a_witness() -> None:
    plain, witnessed = considered(is_witnessed=False), considered(is_witnessed=True)
    assert [c.rule.id for c in witnessed.values() if c.fired] == list(plain)
    assert {i: [(f.rule, f.summary, f.frames) for f in c.fired] for i, c in plain.items()} == {
        i: [(f.rule, f.summary, f.frames) for f in c.fired] for i, c in witnessed.items() if c.fired
    }


def test_a_witness_is_asked_every_rule() -> None:
    assert list(considered(is_witnessed=True)) == [rule.id for rule in all_rules()]


def test_nothing_is_written_down_unasked() -> None:
    assert not any(c.asked for c in considered(is_witnessed=False).values())


@pytest.mark.parametrize(("rule", "fact"), [("TCP-SYN-TIMEOUT", "params.syn_wait"), ("LINK-8021X", "traffic.eapol")])
def test_thresholds_and_tables_are_named_with_their_owner(rule: str, fact: str) -> None:
    assert fact in {a.name for a in considered(is_witnessed=True)[rule].asked}


def test_a_gate_is_kept_with_its_arguments_and_its_answer() -> None:
    script = "0.0  dev > gw BOOT\n1.0  dev > cloud:4321 SYN\n1.5  switch > * WATCH"
    (timeout,) = [
        c for c in consider_rules(facts_of(script, product()), is_witnessed=True) if c.rule.id == "TCP-SYN-TIMEOUT"
    ]
    (counted,) = [a for a in timeout.asked if a.name == "counted"][:1]
    assert len(counted.arguments[0]) == 1
    assert counted.answer == []


def test_the_list_of_one_rule_is_bounded() -> None:
    assert max(len(c.asked) for c in considered(is_witnessed=True).values()) <= MAX_ASKED
