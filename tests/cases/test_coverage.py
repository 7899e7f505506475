"""No rule without a case that makes it fire, one that keeps it quiet, and one that sets the catalogue's trap."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pcapaudit.diagnose.registry import all_rules
from tests.support.cases import load_all

CASES = load_all()
RULES = [rule.id for rule in all_rules()]
WITHOUT_TRAP = yaml.safe_load((Path(__file__).parent / "_without_trap.yaml").read_text(encoding="utf-8"))
"""Rule id -> why the catalogue's trap cannot be set by a packet script."""

FIRED = {finding.rule for case in CASES for finding in case.expectation.findings or ()}
QUIET = {rule for case in CASES for rule in case.quiet_for}
TRAPPED = {rule for case in CASES for rule in case.trap_for}


@pytest.mark.parametrize("rule", RULES)
def test_a_case_makes_the_rule_fire(rule: str) -> None:
    assert rule in FIRED, f"no case in tests/cases expects {rule}"


@pytest.mark.parametrize("rule", RULES)
def test_a_case_keeps_the_rule_quiet(rule: str) -> None:
    assert rule in QUIET, f"no case in tests/cases says quiet_for: {rule}"


@pytest.mark.parametrize("rule", RULES)
def test_a_case_sets_the_trap_of_the_rule(rule: str) -> None:
    assert rule in TRAPPED or rule in WITHOUT_TRAP, f"no case in tests/cases says trap_for: {rule}"


def test_cases_name_no_rule_that_does_not_exist() -> None:
    assert not (FIRED | QUIET | TRAPPED | set(WITHOUT_TRAP)) - set(RULES)
