from __future__ import annotations

import pytest

from pcapaudit.diagnose.unserved import unoffered
from tests.support.services import facts_of

TWICE = "0.0 dev > * DHCP DISCOVER\n4.0 dev > * DHCP DISCOVER\n"


@pytest.mark.parametrize(
    ("rest", "counted"),
    [
        pytest.param("30.0 switch > * WATCH", [2], id="silence"),
        pytest.param("6.0 switch > * WATCH", [1], id="the last try came too late"),
        pytest.param("4.1 gw > dev DHCP OFFER", [], id="an offer"),
        pytest.param("4.1 dev > * DHCP REQUEST", [], id="a request names an unseen one"),
    ],
)
def test_discovers_count_where_no_offer_came_and_time_was_left(rest: str, counted: list[int]) -> None:
    assert [len(tries) for _, tries in unoffered(facts_of(TWICE + rest))] == counted


def test_who_asked_nothing_is_not_unserved() -> None:
    assert unoffered(facts_of("0.0 dev > gw ARP")) == []
