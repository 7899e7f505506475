from __future__ import annotations

import pytest

from pcapaudit.diagnose.health.registry import HealthCheck, all_checks

CATALOGUE = {
    "CAP-ONEWAY", "CAP-PARTIAL-DIR", "CAP-WRONG-PORT", "CAP-DUP", "CAP-DUP-ID0", "CAP-DUP-ROUTED", "CAP-DUP-NAT",
    "CAP-LOSS", "CAP-IFACE-DROPS", "CAP-SNAPLEN", "CAP-TRUNCATED-FILE", "CAP-TIME-DISORDER", "CAP-CLOCK-JUMP",
    "CAP-COARSE-TIME", "CAP-MIDSTREAM", "CAP-TAIL-CUT", "CAP-TOO-SHORT", "CAP-VLAN", "CAP-NAT-SIDE",
    "CAP-OFFLOAD-BIG", "CAP-OFFLOAD-CSUM", "CAP-SAMPLED", "CAP-FILTERED", "CAP-ENCAP", "CAP-WRONG-DEVICE",
}  # fmt: skip
OWN = {"CAP-TABLE-FULL", "CAP-MALFORMED", "CAP-FILES-APART"}
"""Ids that the catalogue does not list."""
CHECKS = all_checks()


def test_every_check_of_the_catalogue_is_there() -> None:
    assert {c.id for c in CHECKS} == CATALOGUE | OWN


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.id)
def test_each_check_says_what_it_sees_what_follows_and_what_to_ask_for(check: HealthCheck) -> None:
    heads = [line.split("**")[1] for line in check.doc.splitlines() if line.startswith("**")]

    assert heads == ["Seen", "Effect", "Ask for"]
    assert check.title
