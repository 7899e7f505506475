from __future__ import annotations

import pytest

from pcapaudit.diagnose.silence import (
    by_service,
    counts_a_fin,
    end_by,
    first_answer_after,
    is_acknowledged,
    is_silent,
    is_swallowed,
    said_unseen,
)
from pcapaudit.flows.flow import FIN
from tests.support.bounded import SCANT, audits_with, scanner_with
from tests.support.player import Frame
from tests.support.scene import traffic_of
from tests.support.services import facts_of

OPEN = """
0.0  dev:50001 > cloud:4321 CONNECT
0.1  dev:50001 > cloud:4321 DATA 120
"""
"""Frames 1 to 3 open the connection, frame 4 asks."""


@pytest.mark.parametrize(
    ("rest", "silent"),
    [
        pytest.param("0.2 cloud:4321 > dev ACK\n10.2 switch > * WATCH", True, id="ten seconds without a byte"),
        pytest.param("0.2 cloud:4321 > dev ACK\n9.0 switch > * WATCH", False, id="the capture ends after nine"),
        pytest.param("0.2 cloud:4321 > dev ACK\n5.0 dev:50001 > cloud:4321 FIN", True, id="the device gives up"),
        pytest.param("10.2 switch > * WATCH", False, id="no acknowledgment and no repeat: frames are missing"),
        pytest.param("0.6 dev:50001 > cloud:4321 AGAIN\n10.2 switch > * WATCH", True, id="no acknowledgment, a repeat"),
        pytest.param("0.2 dev:50001 > cloud:4321 FIN\n20.0 switch > * WATCH", False, id="it closes at once"),
        pytest.param("0.2 cloud:4321 > dev FIN\n20.0 switch > * WATCH", False, id="the server closes at once"),
        pytest.param("12.0 cloud:4321 > dev FIN\n20.0 switch > * WATCH", True, id="the server closes late"),
        pytest.param("4.0 cloud:4321 > dev DATA 10\n20.0 switch > * WATCH", False, id="an answer"),
        pytest.param(
            "4.0 cloud:4321 > dev DATA 10 unseen\n4.1 dev:50001 > cloud:4321 ACK\n20.0 switch > * WATCH",
            False,
            id="an answer that only the device saw",
        ),
        pytest.param("5.0 dev:50002 > cloud:4321 SYN", True, id="a new connection"),
        pytest.param(
            "0.2 cloud:4321 > dev FIN seq=+340\n20.0 switch > * WATCH", False, id="a FIN that overtook the answer"
        ),
    ],
)
def test_silence_is_judged_by_what_the_device_does(rest: str, *, silent: bool) -> None:
    facts = facts_of(f"{OPEN}\n{rest}")
    attempt = facts.attempts[0]

    assert is_silent(facts, attempt, attempt.flow.sent_data[0], wait_s=10, patience_s=2) is silent


@pytest.mark.parametrize(
    ("rest", "silent"),
    [
        pytest.param("10.2 cloud:4321 > dev ACK\n20.2 switch > * WATCH", True, id="ten seconds without a byte"),
        pytest.param("14.0 cloud:4321 > dev DATA 10\n30.0 switch > * WATCH", False, id="an answer"),
        pytest.param(
            "10.5 repeat 20 every 0.1:\n  0.0 cloud:4321 > dev DATA 10\n15.0 dev:50001 > cloud:4321 FIN",
            False,
            id="many answers, perhaps one in time among those left out",
        ),
    ],
)
def test_silence_is_judged_in_a_long_connection_of_which_few_packets_are_kept(rest: str, *, silent: bool) -> None:
    talk = "1.0 repeat 40 every 0.1:\n  0.0 dev:50001 > cloud:4321 EXCHANGE 9 9\n10.1 dev:50001 > cloud:4321 DATA 120\n"
    with audits_with(scanner_with(SCANT)):
        facts = facts_of(f"0.0  dev:50001 > cloud:4321 CONNECT\n{talk}{rest}")
    (attempt,) = facts.attempts

    assert attempt.flow.left_out
    asked = next(p for p in attempt.flow.sent_data if p.payload_len == 120)
    assert is_silent(facts, attempt, asked, wait_s=10, patience_s=2) is silent


def test_nothing_is_silent_where_nothing_of_the_far_side_is_visible() -> None:
    facts = facts_of(
        "0.0 dev:50001 > cloud:4321 CONNECT unseen\n0.1 dev:50001 > cloud:4321 DATA 120\n30.0 switch > * WATCH"
    )
    (attempt,) = facts.attempts

    assert not is_silent(facts, attempt, attempt.flow.sent_data[0], wait_s=10, patience_s=2)


def test_the_answer_is_the_payload_or_the_acknowledgment_of_one_that_was_missed() -> None:
    (seen,) = facts_of(f"{OPEN}\n0.2 cloud:4321 > dev DATA 10").attempts
    (missed,) = facts_of(f"{OPEN}\n0.2 cloud:4321 > dev DATA 10 unseen\n0.3 dev:50001 > cloud:4321 ACK").attempts
    (closed,) = facts_of(f"{OPEN}\n0.2 cloud:4321 > dev FIN\n0.3 dev:50001 > cloud:4321 ACK").attempts
    found = [first_answer_after(a.flow, a.flow.sent_data[0]) for a in (seen, missed, closed)]

    assert [p.frame if p else None for p in found] == [5, 5, None]


def test_a_fin_that_stands_before_the_question_by_disorder_makes_no_answer_of_what_follows_it() -> None:
    def disordered(frames: list[Frame]) -> list[Frame]:
        return [*frames[:3], frames[4], frames[3], *frames[5:]]

    script = OPEN + "0.2 cloud:4321 > dev FIN\n0.3 dev:50001 > cloud:4321 FIN\n0.4 cloud:4321 > dev ACK"
    flow = traffic_of(script, disordered).flow(0)

    assert [bool(p.flags & FIN) for p in flow.received] == [False, True, False]
    assert first_answer_after(flow, flow.sent_data[0]) is None


def test_the_end_is_told_by_side() -> None:
    (attempt,) = facts_of(f"{OPEN}\n0.2 cloud:4321 > dev FIN\n0.3 dev:50001 > cloud:4321 RST").attempts
    asked = attempt.flow.sent_data[0]
    ends = [end_by(attempt.flow, asked, device=side) for side in (True, False)]

    assert [p.frame for p in ends if p is not None] == [6, 5]


def test_a_repeated_segment_without_acknowledgment_was_swallowed() -> None:
    (taken,) = facts_of(f"{OPEN}\n0.2 cloud:4321 > dev ACK").attempts
    (lost,) = facts_of(
        "0.0 dev > cloud:4321 CONNECT\n0.1 dev > cloud:4321 DATA 9 lost\n0.4 dev > cloud:4321 AGAIN lost"
    ).attempts

    assert is_acknowledged(taken.flow, taken.flow.sent_data[0])
    assert not is_swallowed(taken.flow, taken.flow.sent_data[0])
    assert is_swallowed(lost.flow, lost.flow.sent_data[0])


def test_attempts_are_grouped_by_name_and_port_whatever_the_address() -> None:
    facts = facts_of(
        """
        0.0  dev > gw LOOKUP gk.sensorist.com A 54.229.203.190 54.229.68.147
        1.0  dev:50001 > cloud:4321 CONNECT
        2.0  dev:50002 > second:4321 CONNECT
        3.0  dev:50003 > cloud:443 CONNECT
        """,
        hosts={"cloud": "54.229.203.190", "second": "54.229.68.147"},
    )

    assert [[a.flow.orig[1] for a in group] for group in by_service(facts.attempts)] == [[50001, 50002], [50003]]


@pytest.mark.parametrize(
    ("rest", "is_unseen"),
    [
        pytest.param("1.0 dev:50001 > cloud:4321 FIN", False, id="a close right behind the question"),
        pytest.param(
            "0.5 dev > cloud DATA 80 unseen\n1.0 dev:50001 > cloud:4321 FIN", True, id="a question nobody saw"
        ),
        pytest.param("0.5 dev > cloud DATA 80\n1.0 dev:50001 > cloud:4321 RST", False, id="all questions are there"),
    ],
)
def test_a_close_tells_by_its_number_whether_something_was_said_unseen(rest: str, *, is_unseen: bool) -> None:
    (attempt,) = facts_of(f"{OPEN}\n{rest}").attempts
    closed = end_by(attempt.flow, attempt.flow.sent_data[0], device=True)

    assert closed is not None
    assert said_unseen(attempt.flow, closed) is is_unseen


@pytest.mark.parametrize(("number", "does"), [("+0", False), ("+1", True), ("+2", False)])
def test_a_reset_counts_the_fin_that_the_capture_lost(number: str, *, does: bool) -> None:
    flow = facts_of(f"{OPEN}\n0.2 cloud:4321 > dev DATA 10\n9.0 cloud:4321 > dev RST seq={number}").attempts[0].flow

    assert flow.first_rst is not None
    assert counts_a_fin(flow, flow.first_rst) is does
