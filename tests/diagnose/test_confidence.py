from __future__ import annotations

from typing import Any

import pytest

from pcapaudit.diagnose.confidence import CEILING, FLOOR, HealthCaps, confidence_of
from pcapaudit.diagnose.proof import Proof
from pcapaudit.model.words import STAGES, Identification, Stage, State
from tests.support.judging import facts_of, finding, product

ALL_SEEN = {s: Proof(State.OK, "") for s in STAGES}
FACTS = facts_of("0.0 dev:50000 > cloud:4321 SYN", product())
GUESS = facts_of("0.0 dev:50000 > cloud:4321 SYN", product(), kind=Identification.ADDRESS)
TWICE: dict[str, Any] = {"tries": 8, "independent": 2}

EXAMPLES = {
    # Catalogue 14.6: what the worked examples add up to.
    "E1: both ports silent, another host reaches them": (
        "TCP-ALL-PORTS-FAIL",
        {"tries": 8, "independent": 4, "has_contrast": True},
        95,
    ),
    "E5: a walk along the servers": ("UDP-SERVER-WALK", {"tries": 4, "independent": 4}, 85),
    "E7: one refusal of encryption": ("PG-SSL-REFUSED", {"stage": Stage.APP, "tries": 1}, 85),
    "E11: a reset after the name": (
        "TLS-RST-AFTER-SNI",
        {"stage": Stage.TLS, "tries": 2, "is_agreed": True, "has_contrast": True},
        80,
    ),
    # Catalogue 14.3: the parts.
    "one silent attempt": ("TCP-SYN-TIMEOUT", {"tries": 1}, 55),
    "one attempt with repeats": ("TCP-SYN-TIMEOUT", {"tries": 4}, 75),
    "a second attempt": ("TCP-SYN-TIMEOUT", TWICE, 80),
    "many attempts add no more than ten": ("TCP-SYN-TIMEOUT", {"tries": 90, "independent": 30}, 85),
    "absence": ("UDP-NO-REPLY", TWICE, 65),
    "a statistic": ("NAT-IDLE-TIMEOUT", {"stage": Stage.PERSIST, **TWICE}, 55),
    "a heuristic": ("TLS-INTERCEPT", {"stage": Stage.TLS, **TWICE}, 45),
    "the rule's own change": ("DHCP-NO-ROUTER", {"stage": Stage.DHCP, "adjust": -20, "tries": 1}, 65),
    "never above a hundred": ("TCP-SYN-RST", {"independent": 9, "is_agreed": True, "has_contrast": True}, 100),
    "never below five": ("TLS-INTERCEPT", {"stage": Stage.TLS, "tries": 1, "adjust": -90}, FLOOR),
}


@pytest.mark.parametrize(("rule", "details", "expected"), EXAMPLES.values(), ids=EXAMPLES)
def test_confidence_adds_up(rule: str, details: dict[str, Any], expected: int) -> None:
    assert confidence_of(finding(rule, **details), FACTS, ALL_SEEN, HealthCaps()) == expected


@pytest.mark.parametrize(
    ("unseen", "minus"),
    [
        ([], 0),
        ([Stage.DNS], 10),
        ([Stage.DHCP, Stage.DNS], 20),
        ([Stage.LINK, Stage.DHCP, Stage.GATEWAY, Stage.DNS], 20),
        ([Stage.TIME], 0),
        ([Stage.TLS, Stage.RETURN], 0),
    ],
)
def test_earlier_stages_that_were_not_seen_cost_ten_each_and_twenty_at_most(unseen: list[Stage], minus: int) -> None:
    stages = {**ALL_SEEN, **{s: Proof(State.NOT_OBSERVED, "") for s in unseen}}

    assert confidence_of(finding(**TWICE), FACTS, stages, HealthCaps()) == 80 - minus


CAPS = {
    "absence is capped": ("UDP-NO-REPLY", HealthCaps(absence=50), 50),
    "behaviour is not": ("TCP-SYN-TIMEOUT", HealthCaps(absence=50), 80),
    "a refusal is not": ("TCP-SYN-RST", HealthCaps(absence=50), 90),
    "everything is capped": ("TCP-SYN-RST", HealthCaps(any=40), 40),
    "no cap": ("TCP-SYN-RST", HealthCaps(CEILING, CEILING), 90),
}


@pytest.mark.parametrize(("rule", "caps", "expected"), CAPS.values(), ids=CAPS)
def test_capture_health_caps_what_may_be_claimed(rule: str, caps: HealthCaps, expected: int) -> None:
    assert confidence_of(finding(rule, **TWICE), FACTS, ALL_SEEN, caps) == expected


def test_a_device_known_by_an_old_address_alone_is_never_surer_than_sixty() -> None:
    assert confidence_of(finding("TCP-SYN-RST", **TWICE), GUESS, ALL_SEEN, HealthCaps()) == 60
