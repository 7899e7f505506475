from __future__ import annotations

from collections.abc import Iterator

import pytest

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Fired
from pcapaudit.diagnose.registry import Evidence, Rule, all_rules, lookup, rule
from pcapaudit.model.words import Outcome, Stage

BASES = {
    # Catalogue, table 14.3.1: one rule of each class, and those of the worked examples.
    "TCP-SYN-RST": 85,
    "DHCP-NAK": 85,
    "PG-SSL-REFUSED": 85,
    "TCP-SYN-TIMEOUT": 75,
    "TCP-ALL-PORTS-FAIL": 75,
    "UDP-SERVER-WALK": 75,
    "DHCP-NO-OFFER": 75,
    "UDP-NO-REPLY": 60,
    "TLS-RST-AFTER-SNI": 60,
    "NTP-NO-REPLY": 60,
    "NAT-IDLE-TIMEOUT": 50,
    "TCP-RST-INJECTED": 40,
    "TLS-INTERCEPT": 40,
}


@pytest.mark.parametrize(("rule_id", "base"), BASES.items())
def test_a_rules_base_confidence_is_that_of_its_class(rule_id: str, base: int) -> None:
    assert int(lookup(rule_id).evidence) == base


def test_every_rule_has_a_title_outcomes_and_four_paragraphs() -> None:
    for known in all_rules():
        assert known.title, known.id
        assert known.outcomes, known.id
        heads = [h for h in ("**Seen**", "**Means**", "**Not this rule**", "**Ask the") if h in known.doc]
        assert len(heads) == 4, (known.id, heads)


def test_a_rule_is_found_by_its_exact_id() -> None:
    assert lookup("TCP-SYN-TIMEOUT").id == "TCP-SYN-TIMEOUT"


def test_an_unknown_id_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        lookup("TCP-SYN-TIMEOUTS")


def test_an_id_is_given_once() -> None:
    def check(_facts: Facts) -> Iterator[Fired]:
        """Say nothing."""
        return iter(())

    taken = all_rules()[0].id

    with pytest.raises(ValueError, match="twice"):
        rule(taken, stage=Stage.CONNECT, outcomes="F", evidence=Evidence.EXPLICIT)(check)


@pytest.mark.parametrize(
    ("outcomes", "severity"),
    [
        ((Outcome.NOTE,), "note"),
        ((Outcome.NOTE, Outcome.DEGRADED), "warning"),
        ((Outcome.DEGRADED, Outcome.FAILED), "error"),
        ((Outcome.UNDECIDABLE,), "note"),
    ],
)
def test_the_severity_is_the_worst_that_the_rule_can_say(outcomes: tuple[Outcome, ...], severity: str) -> None:
    known = Rule("X-Y", "x", Stage.LINK, outcomes, Evidence.EXPLICIT, "", lambda _: iter(()))

    assert known.severity == severity
