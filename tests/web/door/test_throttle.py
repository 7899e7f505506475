from __future__ import annotations

import pytest

from pcapaudit.web.door.throttle import MOST_FAILURES, SPAN_S, Throttle


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(clock)


def fail(throttle: Throttle, address: str, times: int = MOST_FAILURES) -> None:
    for _ in range(times):
        throttle.note_failure(address)


def test_an_address_is_shut_after_too_many_failures_and_no_other(throttle: Throttle) -> None:
    fail(throttle, "10.0.0.9", MOST_FAILURES - 1)
    assert not throttle.is_shut("10.0.0.9")
    fail(throttle, "10.0.0.9", 1)
    assert throttle.is_shut("10.0.0.9")
    assert not throttle.is_shut("10.0.0.8")


def test_it_opens_again_when_the_span_is_over(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, "10.0.0.9")
    clock.now += SPAN_S
    assert not throttle.is_shut("10.0.0.9")
    fail(throttle, "10.0.0.9", 1)
    assert not throttle.is_shut("10.0.0.9")


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:10.0.0.9", "10.0.0.9", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("testclient", "testclient", True),
    ],
)
def test_a_person_with_a_whole_ipv6_network_is_one(throttle: Throttle, one: str, other: str, *, is_same: bool) -> None:
    fail(throttle, one)
    assert throttle.is_shut(other) is is_same


def test_however_many_addresses_knock_the_table_stays_small(throttle: Throttle) -> None:
    for number in range(3000):
        throttle.note_failure(f"10.0.{number >> 8}.{number & 255}")
    assert len(throttle._spans) == 1000
