from __future__ import annotations

import pytest

from pcapaudit.diagnose.stuck import (
    is_first_after_change,
    is_first_data,
    is_unanswered_start,
    repeated_segments,
    repeating_attempts,
    size_limit,
    stopped_stage,
    stuck_segment,
    tcp_attempts,
)
from pcapaudit.model.words import Stage
from tests.support.bounded import SCANT, audits_with, scanner_with
from tests.support.services import CLOUD_NEED, facts_of

SWALLOWED = """
0.0  dev:50001 > cloud:4321 CONNECT
0.1  dev:50001 > cloud:4321 DATA 120 lost
0.4  dev:50001 > cloud:4321 AGAIN lost
1.0  dev:50001 > cloud:4321 AGAIN lost
"""


def test_repeated_data_without_acknowledgment_is_stuck() -> None:
    (attempt,) = facts_of(SWALLOWED).attempts
    stuck = stuck_segment(attempt.flow)

    assert stuck is not None
    assert [p.frame for p in stuck.sends] == [4, 5, 6]
    assert stuck.repeats == 2
    assert is_first_data(attempt.flow, stuck.first)
    assert is_unanswered_start(attempt)
    assert not is_first_after_change(attempt, stuck.first)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(f"{SWALLOWED}\n2.0 cloud:4321 > dev:50001 ACK ack=+120", id="acknowledged later"),
        pytest.param(f"{SWALLOWED}\n2.0 cloud:4321 > dev:50001 ACK win=0", id="the window is closed"),
        pytest.param("0.0 dev:50001 > cloud:4321 SYN\n1.0 dev:50001 > cloud:4321 SYN", id="no connection"),
        pytest.param("0.0 dev:50001 > cloud:4321 CONNECT", id="no data"),
    ],
)
def test_nothing_is_stuck(script: str) -> None:
    assert stuck_segment(facts_of(script).attempts[0].flow) is None


def test_repeats_closer_than_a_time_out_are_left_out() -> None:
    (attempt,) = facts_of(
        """
        0.0    dev:50001 > cloud:4321 CONNECT
        0.1    dev:50001 > cloud:4321 DATA 120 lost
        0.15   dev:50001 > cloud:4321 AGAIN lost
        """
    ).attempts
    stuck = stuck_segment(attempt.flow)

    assert stuck is not None
    assert stuck.repeats == 0


def test_a_segment_is_repeated_that_went_out_more_than_once_in_vain() -> None:
    others = """
5.0  dev:50002 > cloud:4321 CONNECT
5.1  dev:50002 > cloud:4321 DATA 30 lost
9.0  dev:50003 > cloud:4321 CONNECT
9.1  dev:50003 > cloud:4321 DATA 40
9.2  dev:50003 > cloud:4321 AGAIN
"""
    facts = facts_of(SWALLOWED + others)

    assert [(a.flow.orig[1], s.repeats) for a, s in repeated_segments(facts, CLOUD_NEED)] == [(50001, 2)]
    assert [a.flow.orig[1] for a in repeating_attempts(facts, CLOUD_NEED)] == [50001, 50003]


def test_data_after_the_database_accepted_encryption_is_a_new_start() -> None:
    (attempt,) = facts_of(
        """
        0.0  dev:50001 > cloud:4321 CONNECT
        0.1  dev:50001 > cloud:4321 PG ssl
        0.2  cloud:4321 > dev:50001 PG S
        0.3  dev:50001 > cloud:4321 TLS hello sni=gk.sensorist.com lost
        0.6  dev:50001 > cloud:4321 AGAIN lost
        """
    ).attempts
    stuck = stuck_segment(attempt.flow)

    assert stuck is not None
    assert is_first_after_change(attempt, stuck.first)
    assert not is_first_data(attempt.flow, stuck.first)
    assert stopped_stage(attempt) is Stage.TLS


@pytest.mark.parametrize(
    ("script", "stage"),
    [
        pytest.param(SWALLOWED, Stage.APP, id="before the first answer"),
        pytest.param("0.0 dev > cloud:4321 CONNECT\n0.1 dev > cloud:4321 EXCHANGE 9 9", Stage.RETURN, id="after it"),
        pytest.param(
            "0.0 dev > cloud:443 CONNECT\n0.1 dev > cloud:443 TLS hello sni=gk.sensorist.com", Stage.TLS, id="greeting"
        ),
    ],
)
def test_lost_data_stops_the_stage_that_waits_for_it(script: str, stage: Stage) -> None:
    assert stopped_stage(facts_of(script).attempts[0]) is stage


LARGE_LOST = """
0.0  dev:50001 > cloud:4321 CONNECT
0.1  dev:50001 > cloud:4321 EXCHANGE 300 60
1.0  dev:50001 > cloud:4321 DATA 1400 lost
1.3  dev:50001 > cloud:4321 AGAIN lost
1.9  dev:50001 > cloud:4321 AGAIN lost
3.1  dev:50001 > cloud:4321 AGAIN lost
"""


@pytest.mark.parametrize(
    ("rest", "limit"),
    [
        pytest.param("4.0 cloud:4321 > dev:50001 ACK", 1400, id="the server still speaks"),
        pytest.param("4.0 switch > * WATCH", None, id="silence on one connection alone"),
        pytest.param(
            "4.0 dev:50002 > cloud:4321 CONNECT\n4.1 dev:50002 > cloud:4321 EXCHANGE 1410 9",
            None,
            id="larger ones pass",
        ),
    ],
)
def test_a_size_limit_needs_small_segments_that_pass(rest: str, limit: int | None) -> None:
    found = size_limit(facts_of(f"{LARGE_LOST}\n{rest}"), CLOUD_NEED)

    assert (found[0] if found else None) == limit


def test_no_size_limit_is_told_where_a_larger_segment_may_have_been_left_out() -> None:
    passed = (
        "10.0 dev:50002 > cloud:4321 CONNECT\n11.0 repeat 20 every 0.1:\n  0.0 dev:50002 > cloud:4321 EXCHANGE {} 9\n"
    )
    rest = "4.0 cloud:4321 > dev:50001 ACK\n"
    found = []
    with audits_with(scanner_with(SCANT)):
        for size in (9, 1410):
            facts = facts_of(f"{LARGE_LOST}\n{rest}{passed.format(9)}{passed.format(size).partition(chr(10))[2]}")
            found.append(size_limit(facts, CLOUD_NEED))

    assert found[0] is not None
    assert found[1] is None


def test_only_connections_that_the_device_opened_are_looked_at() -> None:
    facts = facts_of("0.0 dev:50001 > cloud:4321 DATA 10\n1.0 dev:50002 > cloud:4321 CONNECT")

    assert [a.flow.orig[1] for a in tcp_attempts(facts, CLOUD_NEED)] == [50002]
