from __future__ import annotations

from array import array
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pcapaudit.model.frames import FrameBatch
from pcapaudit.scan.memory import Clock, address, grow, make_arrays, slots_for, view_columns
from pcapaudit.scan.result import Bounds, Hop
from tests.scan.material import batch

SECOND = 1_000_000_000
HOUR = 3600 * SECOND


def clock_after(*times: int, each: int | None = None) -> Clock:
    clock = Clock()
    step = each or len(times)
    for at in range(0, len(times), step):
        part = times[at : at + step]
        clock.note(at + 1, view_columns(batch([b"x"] * len(part), times=part)))
    return clock


@pytest.mark.parametrize(
    "broken",
    [
        {"captured": memoryview(array("I", [1]))},
        {"offset": memoryview(array("q", [0, 2]))},
        {"offset": memoryview(array("q", [-1, 0]))},
        {"captured": memoryview(array("I", [1, 2**32 - 1]))},
    ],
)
def test_a_batch_that_points_outside_its_bytes_is_refused(broken: dict[str, Any]) -> None:
    whole: FrameBatch = batch([b"a", b"b"])
    with pytest.raises(ValueError, match="batch"):
        view_columns(replace(whole, **broken))


def test_a_batch_of_empty_frames_is_no_error() -> None:
    assert len(view_columns(batch([b"", b""])).offset) == 2


def test_growing_keeps_what_is_there_and_at_least_doubles() -> None:
    arrays = {"rows": np.array([1, 2, 3])}
    grow(arrays, "rows", 4, 3)
    assert arrays["rows"].tolist() == [1, 2, 3, 0, 0, 0]


def test_growing_takes_over_what_is_used_and_no_more() -> None:
    arrays = {"rows": np.array([1, 2, 3, 4, 5, 6])}
    grow(arrays, "rows", 4, 2, 2)
    assert arrays["rows"].tolist() == [1, 2, 3, 4] + [0] * 8


def test_growing_leaves_an_array_alone_that_is_long_enough() -> None:
    before = np.array([1, 2, 3])
    arrays = {"rows": before}
    grow(arrays, "rows", 3, 3)
    assert arrays["rows"] is before


@pytest.mark.parametrize("entries", [0, 1, 511, 512, 513, 65_536])
def test_a_slot_table_is_a_power_of_two_and_at_most_half_full(entries: int) -> None:
    slots = slots_for(entries)
    assert slots & (slots - 1) == 0
    assert slots >= 2 * entries


def test_arrays_begin_at_different_addresses() -> None:
    arrays = make_arrays(Bounds())
    assert len({address(array) for array in arrays.values()}) == len(arrays)


@pytest.mark.parametrize("each", [1, 2, 5])
def test_a_step_back_is_counted_with_its_frame_whatever_the_batches(each: int) -> None:
    clock = clock_after(10, 20, 15, 30, 5, each=each)
    assert (clock.backward.count, clock.backward.frames, clock.largest_back_ns) == (2, (3, 5), 25)


def test_steps_back_over_a_millisecond_are_counted_apart() -> None:
    assert clock_after(5_000_000, 4_500_000, 3_000_000).backward_over_1ms == 1


@pytest.mark.parametrize("each", [1, 2, 4])
def test_a_hop_of_more_than_a_second_back_or_five_minutes_ahead_is_noted_whatever_the_batches(each: int) -> None:
    clock = clock_after(
        HOUR, HOUR - SECOND, HOUR + 299 * SECOND, HOUR + 600 * SECOND, HOUR, HOUR + 300 * SECOND, each=each
    )
    assert clock.hops == (
        Hop(4, HOUR + 299 * SECOND, HOUR + 600 * SECOND),
        Hop(5, HOUR + 600 * SECOND, HOUR),
    )


def test_of_a_flood_of_hops_some_are_kept() -> None:
    hops = clock_after(*(HOUR * (at % 2) for at in range(5000))).hops
    assert sum(h.after_ns < h.before_ns for h in hops) == 100
    assert sum(h.after_ns > h.before_ns for h in hops) == 1000


def test_the_span_is_that_of_the_earliest_and_the_latest_stamp() -> None:
    clock = clock_after(30, 10, 20)
    assert (clock.first_ns, clock.last_ns) == (10, 30)


def test_stamps_at_both_ends_of_64_bits_do_not_overflow() -> None:
    clock = clock_after(2**63 - 1, -(2**63), 2**63 - 1)
    assert clock.largest_back_ns == 2**64 - 1
    assert [h.frame for h in clock.hops] == [2, 3]


def test_no_more_than_five_frames_are_named() -> None:
    clock = clock_after(*range(20, 0, -1))
    assert (clock.backward.count, clock.backward.frames) == (19, (2, 3, 4, 5, 6))


def test_a_frame_captured_shorter_than_it_was_is_counted() -> None:
    clock = Clock()
    clock.note(1, view_columns(batch([b"abc", b"abc", b"abc"], wire=[3, 4, 2])))
    assert (clock.cut, clock.captured, clock.wire) == (1, 9, 9)
