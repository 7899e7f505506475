from __future__ import annotations

import pytest

from pcapaudit.diagnose.registry import Check
from pcapaudit.diagnose.rules import dhcp
from tests.support.judging import facts_of

FOUR = "0 dev > * DHCP DISCOVER\n0.01 gw > dev DHCP OFFER {o}\n0.02 dev > * DHCP REQUEST\n0.03 gw > dev DHCP ACK {o}\n"
LATER = "5 dev > * ARP? gw\n40 switch > * WATCH"


@pytest.mark.parametrize(
    ("options", "rule", "fires"),
    [
        ("router=none", dhcp.no_router, True),
        ("", dhcp.no_router, False),
        ("router=192.0.2.1", dhcp.no_router, True),
        ("dns=none", dhcp.no_dns, True),
        ("", dhcp.no_dns, False),
    ],
)
def test_a_lease_is_poor_when_it_lacks_what_was_asked_for(options: str, rule: Check, fires: bool) -> None:
    facts = facts_of(FOUR.format(o=options) + LATER)

    assert bool(list(rule(facts))) is fires


def test_the_confidence_of_a_poor_lease_falls_when_the_capture_ends_at_once() -> None:
    long = facts_of(FOUR.format(o="router=none") + LATER)
    short = facts_of(FOUR.format(o="router=none") + "1 dev > * ARP? gw")

    assert [f.adjust for f in dhcp.no_router(long)] == [0]
    assert [f.adjust for f in dhcp.no_router(short)] == [-20]


def test_a_request_says_that_an_offer_came_unseen() -> None:
    asked = "0 dev > * DHCP DISCOVER\n4 dev > * DHCP DISCOVER\n"
    followed = facts_of(f"{asked}4.1 dev > * DHCP REQUEST\n4.5 dev:50000 > gw:80 SYN\n40 switch > * WATCH")
    alone = facts_of(f"{asked}5 dev:50000 > gw:80 SYN\n40 switch > * WATCH")

    assert list(dhcp.no_offer(followed)) == []
    assert [f.tries for f in dhcp.no_offer(alone)] == [2]
