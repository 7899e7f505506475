from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.capture.options import OVERRUN, read_count, read_options, read_text
from tests.capture.material import option


@pytest.mark.parametrize("order", ["<", ">"])
def test_options_are_read_in_the_byte_order_of_their_section(order: str) -> None:
    body = b"head" + option(order, 1, b"hello") + option(order, 9, b"\x06") + option(order, 0, b"") + b"behind"
    assert list(read_options(body, 4, order)) == [(1, b"hello"), (9, b"\x06")]


def test_options_may_end_with_their_block() -> None:
    assert list(read_options(option("<", 1, b"hey!"), 0, "<")) == [(1, b"hey!")]


@pytest.mark.parametrize("at", [0, 3, 4, 99])
def test_a_block_without_room_for_an_option_has_none(at: int) -> None:
    assert list(read_options(b"abc", at, "<")) == []


def test_an_option_that_runs_past_its_block_is_the_last() -> None:
    body = option("<", 1, b"good") + b"\x02\x00\x05\x00" + b"1234"
    assert list(read_options(body, 0, "<")) == [(1, b"good"), (OVERRUN, b"")]


@given(body=st.binary(max_size=200), at=st.integers(0, 220), order=st.sampled_from("<>"))
def test_no_bytes_make_the_options_longer_than_their_block(body: bytes, at: int, order: str) -> None:
    values = [value for _, value in read_options(body, at, order)]
    assert sum(map(len, values)) + 4 * (len(values) - 1) <= len(body)


@pytest.mark.parametrize(
    ("value", "text"),
    [(b"tcp port 80", "tcp port 80"), (b"cut\0here", "cut"), (b"\xff", "\ufffd"), (b"", ""), (b"x" * 2000, "x" * 1000)],
)
def test_a_text_ends_at_a_zero_byte_or_at_its_most(value: bytes, text: str) -> None:
    assert read_text(value) == text


@pytest.mark.parametrize(
    ("value", "count"), [(b"\x05" + bytes(7), 5), (b"\xff" * 8, None), (b"\x05", None), (b"", None)]
)
def test_a_counter_of_all_ones_or_of_another_length_is_unknown(value: bytes, count: int | None) -> None:
    assert read_count(value, "<") == count
