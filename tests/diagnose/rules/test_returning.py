from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import returning
from tests.support.services import CLOUD_NEED, WALKER, facts_of, outcomes

ONE_REPEAT = """
{at}.0  dev:{port} > cloud:4321 CONNECT
{at}.1  dev:{port} > cloud:4321 DATA 120 lost
{at}.4  dev:{port} > cloud:4321 AGAIN lost
{at}.9  dev:{port} > cloud:4321 RST
"""


def test_one_connection_given_up_after_one_repeat_proves_nothing() -> None:
    facts = facts_of(ONE_REPEAT.format(at=1, port=50001))

    assert outcomes(returning.return_missing, facts) == []


def test_two_connections_given_up_after_one_repeat_each_do() -> None:
    facts = facts_of(ONE_REPEAT.format(at=1, port=50001) + ONE_REPEAT.format(at=11, port=50002))

    assert outcomes(returning.return_missing, facts) == [("RETURN-MISSING", "return", "failed")]
    assert [len(s.sends) for _, s in returning.swallowed_starts(facts, CLOUD_NEED)] == [2, 2]
    assert outcomes(returning.data_blackhole, facts) == []


def test_three_repeats_make_it_a_blackhole_of_all_such_connections() -> None:
    longer = ONE_REPEAT.format(at=11, port=50002).replace("11.9  dev:50002 > cloud:4321 RST", "")
    again = "12.0 dev:50002 > cloud:4321 AGAIN lost\n13.2 dev:50002 > cloud:4321 AGAIN lost"
    facts = facts_of(ONE_REPEAT.format(at=1, port=50001) + longer + again)
    (fired,) = returning.data_blackhole(facts)

    assert len(fired.attempts) == 2
    assert outcomes(returning.return_missing, facts) == []


def test_data_that_a_reset_answers_is_not_lost() -> None:
    reset = "14.5 cloud:4321 > dev:50002 RST"
    longer = ONE_REPEAT.format(at=11, port=50002).replace("11.9  dev:50002 > cloud:4321 RST", "")
    again = "12.0 dev:50002 > cloud:4321 AGAIN lost\n13.2 dev:50002 > cloud:4321 AGAIN lost"

    assert outcomes(returning.data_blackhole, facts_of(f"{longer}{again}\n{reset}")) == []


MUTE = """
{at}.0 dev:{port} > cloud:4321 CONNECT
{at}.1 dev:{port} > cloud:4321 DATA 9
{at}.2 cloud:4321 > dev:{port} ACK
"""


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        pytest.param("40.0 switch > * WATCH", ["failed"], id="half a minute of patience"),
        pytest.param("20.0 switch > * WATCH", [], id="the capture ends too early"),
        pytest.param(
            "2.0 cloud:4321 > dev:50001 FIN seq=+93\n40.0 switch > * WATCH",
            [],
            id="its FIN counts an answer that is missing",
        ),
        pytest.param("5.0 dev:50001 > cloud:4321 CLOSE\n20.0 switch > * WATCH", [], id="one connection, closed"),
        pytest.param(
            "40.0 dev:50002 > cloud:4321 CONNECT\n40.1 dev:50002 > cloud:4321 EXCHANGE 9 9",
            ["degraded"],
            id="another one is answered",
        ),
    ],
)
def test_a_server_that_only_acknowledges_needs_time_to_answer(rest: str, said: list[str]) -> None:
    facts = facts_of(MUTE.format(at=1, port=50001) + rest)

    assert [outcome for _, _, outcome in outcomes(returning.ack_only, facts)] == said


HOLED = """
1.0   dev:50001 > cloud:4321 SYN
1.03  cloud:4321 > dev:50001 SYN-ACK unseen
1.04  dev:50001 > cloud:4321 ACK unseen
1.1   dev:50001 > cloud:4321 DATA 46
1.16  cloud:4321 > dev:50001 DATA 16 unseen
1.17  dev:50001 > cloud:4321 ACK
61.0  dev:50001 > cloud:4321 DATA 248
61.03 cloud:4321 > dev:50001 ACK
61.06 cloud:4321 > dev:50001 DATA 12 unseen
61.07 dev:50001 > cloud:4321 ACK unseen
120.0 dev:50001 > cloud:4321 KEEPALIVE
120.1 cloud:4321 > dev:50001 ACK
180.0 cloud:4321 > dev:50001 FIN
180.1 dev:50001 > cloud:4321 FIN
300.0 switch > * WATCH
"""


def test_who_closes_behind_answers_that_the_capture_lost_did_not_wait_in_vain() -> None:
    assert outcomes(returning.ack_only, facts_of(HOLED)) == []


def test_data_repeated_long_after_its_acknowledgment_was_seen_is_not_delivered() -> None:
    facts = facts_of(
        """
        1.0  dev:50001 > cloud:4321 CONNECT
        1.1  dev:50001 > cloud:4321 DATA 120
        1.13 cloud:4321 > dev:50001 ACK
        1.5  dev:50001 > cloud:4321 AGAIN
        2.1  dev:50001 > cloud:4321 AGAIN
        3.3  dev:50001 > cloud:4321 AGAIN
        """
    )

    assert outcomes(returning.not_delivered, facts) == [("RETURN-NOT-DELIVERED", "return", "failed")]


def test_a_repeat_that_crosses_its_acknowledgment_is_delivered() -> None:
    facts = facts_of(
        """
        1.0  dev:50001 > cloud:4321 CONNECT
        1.1  dev:50001 > cloud:4321 DATA 120
        1.3  cloud:4321 > dev:50001 ACK
        1.31 dev:50001 > cloud:4321 AGAIN
        1.4  dev:50001 > cloud:4321 AGAIN
        1.45 dev:50001 > cloud:4321 AGAIN
        """
    )

    assert outcomes(returning.not_delivered, facts) == []


STEPS = "".join(
    f"{10 * i}.0 dev:{28700 + i} > {server}:8844 UDP 64\n{10 * i}.1 {server}:8844 > dev:{28700 + i} UDP 48\n"
    for i, server in enumerate(("one", "two", "one", "two"), start=1)
)
SERVERS = {"one": "192.0.2.1", "two": "192.0.2.2"}


@pytest.mark.parametrize(
    ("rest", "count"),
    [
        pytest.param("", 1, id="the walk goes on"),
        pytest.param("41.0 dev:28704 > two:8844 UDP 64\n41.1 two:8844 > dev:28704 UDP 48", 0, id="it stays in the end"),
    ],
)
def test_a_walk_past_answers_ends_when_the_device_stays(rest: str, count: int) -> None:
    assert len(outcomes(returning.not_delivered, facts_of(STEPS + rest, WALKER, SERVERS))) == count


def test_a_reply_that_the_capture_lost_does_not_end_the_walk() -> None:
    longer = STEPS + "\n".join(
        f"{10 * i}.0 dev:{28700 + i} > {server}:8844 UDP 64\n{10 * i}.1 {server}:8844 > dev:{28700 + i} UDP 48"
        for i, server in ((5, "one"), (6, "two"))
    )
    without = "\n".join(line for line in longer.splitlines() if not line.startswith("50.1"))

    (fired,) = returning.not_delivered(facts_of(without, WALKER, SERVERS))

    assert [a.flow.orig[1] for a in fired.attempts] == [28701, 28702, 28703, 28704, 28706]


FLIGHT = """
1.0  dev:50001 > cloud:4321 CONNECT
1.1  dev:50001 > cloud:4321 EXCHANGE 120 60
30.0 dev:50001 > cloud:4321 DATA 500 lost as=first
30.1 dev:50001 > cloud:4321 DATA 500 lost
30.2 dev:50001 > cloud:4321 DATA 500 lost
31.0 dev:50001 > cloud:4321 DATA 500 seq=-1500 lost
33.0 dev:50001 > cloud:4321 DATA 500 seq=-1500 lost
37.0 dev:50001 > cloud:4321 DATA 500 seq=-1500 lost
45.0 dev:50001 > cloud:4321 DATA 500 seq=-1500 lost
"""


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        pytest.param("", ["RETURN-MISSING"], id="the first of several is repeated"),
        pytest.param("46.0 dev:50001 > cloud:4321 DATA 100\n", [], id="it goes on behind them"),
    ],
)
def test_a_connection_may_be_lost_with_several_segments_on_the_way(rest: str, said: list[str]) -> None:
    found = outcomes(returning.return_missing, facts_of(f"{FLIGHT}{rest}80.0 switch > * WATCH"))

    assert [rule for rule, _, _ in found] == said
