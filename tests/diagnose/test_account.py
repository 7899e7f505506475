"""Why a rule fired, stayed quiet or could not tell."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pcapaudit.diagnose.account import accounts
from pcapaudit.diagnose.confidence import HealthCaps
from pcapaudit.diagnose.registry import all_rules
from pcapaudit.diagnose.verdict import diagnose_device
from pcapaudit.model.report import RuleAccount
from pcapaudit.model.words import RuleState
from tests.support.judging import facts_of, need, outward, product, tcp
from tests.support.scene import Change

BOOT = "0.0  dev > gw BOOT\n1.0  dev > gw LOOKUP cloud.acme.example A 54.229.203.190\n"
SILENT = f"""{BOOT}
2.0 repeat 4 every 10.0:
  0.0  dev > cloud:4321 SYN new
  1.0  dev > cloud:4321 SYN
60.0 switch > * WATCH
"""


def why(script: str, change: Change | None = None) -> Mapping[str, RuleAccount]:
    facts = facts_of(script, product(need(tcp(4321), tcp(443), hosts=["cloud.acme.example"])), change)
    return {a.rule: a for a in accounts(diagnose_device(facts, HealthCaps(), is_witnessed=True))}


def test_every_rule_gives_account_along_the_ladder() -> None:
    assert list(why(SILENT)) == [r.id for r in all_rules()]


def test_without_a_witness_there_is_no_account() -> None:
    assert accounts(diagnose_device(facts_of(SILENT, product()), HealthCaps())) == ()


def test_a_rule_that_fired_says_what_became_of_its_finding() -> None:
    account = why(SILENT)["TCP-SYN-TIMEOUT"]
    assert account.state is RuleState.FIRED
    assert account.because.startswith("cause: ")
    assert "syn_wait = 3" in account.facts


def test_a_failure_that_ended_says_so() -> None:
    script = SILENT.replace(
        "60.0 switch", "55.0  dev > cloud:4321 CONNECT new\n55.5  dev > cloud:4321 EXCHANGE 60 20\n90.0 switch"
    )
    account = why(script)["TCP-SYN-TIMEOUT"]
    assert account.state is RuleState.FIRED
    assert account.because.startswith("a note, since it worked later: ")


@pytest.mark.parametrize(
    ("rule", "because"),
    [
        ("LINK-8021X", "nothing of the kind is in the capture"),
        ("DHCP-NO-OFFER", "not seen"),
    ],
)
def test_a_quiet_rule_says_whether_there_was_anything_to_look_at(rule: str, because: str) -> None:
    account = why(SILENT)[rule]
    assert (account.state, account.because) == (RuleState.QUIET, because)


def test_facts_are_counted_in_words() -> None:
    assert "1 DHCP exchange, 1 acknowledged" in why(SILENT)["DHCP-NO-OFFER"].facts
    assert "1 DNS lookup (cloud.acme.example), 1 answered" in why(SILENT)["DNS-NO-REPLY"].facts


def test_a_capture_that_ends_too_early_is_why_a_rule_cannot_tell() -> None:
    account = why(f"{BOOT}2.0  dev > cloud:4321 SYN\n3.0  switch > * WATCH")["TCP-SYN-TIMEOUT"]
    assert account.state is RuleState.CANNOT_TELL
    assert account.because == "the capture ends too early after 1 of 1 tries"


def test_an_unseen_direction_is_why_a_rule_cannot_tell() -> None:
    unsure = [a for a in why(SILENT, outward).values() if a.state is RuleState.CANNOT_TELL]
    assert any("a missing answer proves nothing" in a.because for a in unsure)
