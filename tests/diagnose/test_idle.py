from __future__ import annotations

import pytest

from pcapaudit.diagnose.idle import forgotten_datagrams
from tests.support.services import WALKER, facts_of

BOOT = "0.0 dev > gw BOOT\n0.2 dev > gw LOOKUP c1.ezecontrol.com A 136.243.42.73\n"


def round_trip(at_s: float, port: int, server: str) -> str:
    return f"{at_s} dev:{port} > {server}:8844 UDP 64\n{at_s + 0.04} {server}:8844 > dev:{port} UDP 48\n"


def unanswered(at_s: float, port: int, server: str) -> str:
    return f"{at_s} dev:{port} > {server}:8844 UDP 64\n{at_s + 3} dev:{port} > {server}:8844 UDP 64\n"


ONE, TWO, THREE = "136.243.42.73", "136.243.42.74", "144.76.220.233"
TWICE = (
    BOOT
    + round_trip(1, 28701, ONE)
    + unanswered(31, 28701, ONE)
    + round_trip(37, 30112, TWO)
    + unanswered(67, 30112, TWO)
    + round_trip(73, 31977, THREE)
)


def gaps(script: str) -> list[int]:
    facts = facts_of(script, WALKER)
    return [round(x.gap_ns / 1e9) for need in facts.needs for x in forgotten_datagrams(facts, need)]


def test_two_pauses_of_like_length_after_which_only_a_new_port_is_answered() -> None:
    assert gaps(TWICE) == [30, 30]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            BOOT + round_trip(1, 28701, ONE) + unanswered(31, 28701, ONE) + round_trip(37, 30112, TWO), id="once"
        ),
        pytest.param(TWICE + round_trip(113, 31977, THREE), id="a longer pause was survived"),
        pytest.param(
            TWICE.replace("144.76.220.233:8844 > dev:31977 UDP 48", "gw > dev ARP! 10.0.0.1"), id="nothing new works"
        ),
    ],
)
def test_no_box_is_blamed(script: str) -> None:
    assert gaps(script) == []
