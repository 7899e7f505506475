from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.diagnose.rules import time
from pcapaudit.flows.exchanges import NtpPoll
from pcapaudit.model.events import NtpMessage, Packet
from pcapaudit.model.words import Outcome
from tests.support.services import CLOCK, CLOUD_PRODUCT, facts_of, outcomes

A, B = bytes([10, 0, 0, 5]), bytes([192, 0, 2, 1])
SECOND = 1_000_000_000
EPOCH = 1_767_600_000 * SECOND
NTP_HOSTS = {"one": "192.0.2.1", "two": "192.0.2.2"}


def poll(error_ns: int, *, way_ns: int = 20_000_000, stratum: int = 2, leap: int = 0, echo: int = 7) -> NtpPoll:
    """A poll by a client whose clock is ``error_ns`` ahead, over a way of equal length out and back."""
    sent, back = Packet(1, EPOCH, A, 123, B, 123, 17), Packet(2, EPOCH + 2 * way_ns, B, 123, A, 123, 17)
    asked = NtpMessage(sent, 4, 3, 0, 0, b"", 0, 7, None, None, EPOCH + error_ns)
    told = NtpMessage(back, 4, 4, leap, stratum, b"GPS\0", echo, 9, EPOCH, EPOCH + way_ns, EPOCH + way_ns)
    return NtpPoll(asked, told)


@given(error=st.integers(-(10**18), 10**18), way=st.integers(0, 10**9))
def test_the_offset_is_the_clocks_error_whatever_the_way(error: int, way: int) -> None:
    # RFC 5905, section 8: theta is exact on a symmetric path.
    assert time.offset_ns(poll(error, way_ns=way)) == -error


def test_without_time_stamps_there_is_no_offset() -> None:
    bare = NtpPoll(poll(0).query)

    assert time.offset_ns(bare) is None


@pytest.mark.parametrize(
    ("answer", "good"),
    [
        pytest.param(poll(0), True, id="a synchronised server"),
        pytest.param(poll(0, stratum=0), False, id="stratum 0"),
        pytest.param(poll(0, stratum=16), False, id="stratum 16"),
        pytest.param(poll(0, leap=3), False, id="leap indicator 3"),
        pytest.param(poll(0, echo=8), False, id="another question's answer"),
    ],
)
def test_only_a_synchronised_answer_to_the_question_gives_the_time(answer: NtpPoll, *, good: bool) -> None:
    assert time.is_good(answer) is good


def test_a_product_without_clock_is_not_degraded_by_a_silent_time_server() -> None:
    script = "0.0 gw > dev UDP 1\n1.0 dev > one NTP?\n9.0 dev > two NTP?\n20.0 switch > * WATCH"
    script = script.replace("gw > dev UDP", "gw:9 > dev:9 UDP")

    assert time.time_outcome(facts_of(script, CLOUD_PRODUCT, NTP_HOSTS), 0) is Outcome.NOTE
    assert time.time_outcome(facts_of(script, CLOCK, NTP_HOSTS), 0) is Outcome.DEGRADED


NEAR = "0.0 repeat 3 every 0.1:\n  0.0 gw:9 > dev:9 UDP 1\n"
SEEN = NEAR + "0.5 dev:50001 > 93.184.216.34:443 CONNECT\n"


@pytest.mark.parametrize(
    ("polls", "fires"),
    [
        pytest.param("1.0 dev > one NTP?\n9.0 dev > two NTP?\n20.0 switch > * WATCH", True, id="two silent servers"),
        pytest.param("1.0 dev > one NTP?\n20.0 switch > * WATCH", False, id="one question"),
        pytest.param("1.0 dev > one NTP?\n2.0 dev > two NTP?\n4.0 switch > * WATCH", False, id="the end is near"),
        pytest.param(
            "1.0 dev > one NTP\n9.0 dev > two NTP?\n19.0 dev > two NTP?\n60.0 switch > * WATCH",
            False,
            id="a dead pool member",
        ),
        pytest.param(
            "1.0 dev > one NTP\n9.0 dev > one NTP?\n19.0 dev > one NTP?\n60.0 switch > * WATCH",
            True,
            id="it answered once",
        ),
    ],
)
def test_silence_counts_for_servers_that_should_answer(polls: str, *, fires: bool) -> None:
    found = outcomes(time.no_reply, facts_of(SEEN + polls, CLOCK, NTP_HOSTS))

    assert found == ([("NTP-NO-REPLY", "time", "degraded")] if fires else [])


def test_silence_counts_only_where_answers_would_be_seen() -> None:
    silent = "1.0 dev > one NTP?\n9.0 dev > two NTP?\n20.0 switch > * WATCH"

    assert outcomes(time.no_reply, facts_of(silent, CLOCK, NTP_HOSTS)) == []
    assert outcomes(time.no_reply, facts_of(NEAR + silent, CLOCK, NTP_HOSTS)) == []
