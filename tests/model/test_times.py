from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.model.times import NS, duration, go_on, readable, rfc3339

START = 1_767_600_000 * NS
"""2026-01-05T08:00:00Z (``date -u -d @1767600000``)."""


def test_times_are_written_in_utc_with_microseconds() -> None:
    assert rfc3339(START + 123_456_789) == "2026-01-05T08:00:00.123456Z"


def test_times_in_sentences_end_with_the_second_and_their_offset() -> None:
    assert readable(START + 999_999_999) == "2026-01-05 08:00:00+00:00"


@given(st.integers(-62_135_596_800 * NS, 253_402_300_799 * NS))
def test_the_text_leads_back_to_the_microsecond(time_ns: int) -> None:
    moment = datetime.fromisoformat(rfc3339(time_ns)) - datetime(1970, 1, 1, tzinfo=UTC)

    assert moment.days * 86_400_000_000 + moment.seconds * 1_000_000 + moment.microseconds == time_ns // 1000


@given(st.tuples(st.integers(), st.integers()).map(sorted))
def test_earlier_times_sort_before_later_ones_as_text(pair: list[int]) -> None:
    assert rfc3339(pair[0]) <= rfc3339(pair[1])


@pytest.mark.parametrize(
    ("time_ns", "expected"),
    [
        (-(10**30), "0001-01-01T00:00:00.000000Z"),
        (10**30, "9999-12-31T23:59:59.000000Z"),
        (0, "1970-01-01T00:00:00.000000Z"),
    ],
)
def test_times_outside_the_calendar_are_clipped(time_ns: int, expected: str) -> None:
    assert rfc3339(time_ns) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (0.84, "0.8 s"),
        (3.0, "3 s"),
        (9.96, "10 s"),
        (41.2, "41 s"),
        (59.7, "1 min"),
        (60, "1 min"),
        (220, "3 min 40 s"),
        (3599.6, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (172_799, "47 h 59 min"),
        (172_800, "2 days"),
        (79_200 * 3600, "3,300 days"),
    ],
)
def test_spans_are_told_in_words(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("latest_s", "expected_s"),
    # Ahead by any leap; a frame out of order; a clock that was set back.
    [(101, 101), (10**6, 10**6), (100, 100), (91, 100), (89, 89), (-5, -5)],
)
def test_the_wires_clock_follows_one_that_was_set_and_no_frame_out_of_order(latest_s: int, expected_s: int) -> None:
    assert go_on(100 * NS, latest_s * NS) == expected_s * NS
