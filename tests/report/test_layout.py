from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.report.layout import count_cells, hang, join_wrapped, lay_row, pad, wrap


@pytest.mark.parametrize(("text", "cells"), [("abc", 3), ("é", 1), ("e\u0301", 1), ("東京", 4), ("✓", 1), ("", 0)])
def test_cells_are_counted_as_a_terminal_does(text: str, cells: int) -> None:
    assert count_cells(text) == cells


def test_padding_counts_cells() -> None:
    assert pad("東", 4) == "東  "


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("one two three", ["one two", "three"]),
        ("exactly.", ["exactly."]),
        ("abcdefghijkl", ["abcdefgh", "ijkl"]),
        ("東京東京東京", ["東京東京", "東京"]),
    ],
)
def test_text_is_broken_at_blanks_and_long_words_are_cut(text: str, lines: list[str]) -> None:
    assert wrap(text, 8) == lines


@given(st.text(), st.integers(min_value=2, max_value=40))
def test_no_line_is_wider_than_asked_and_no_character_is_lost(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(count_cells(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_a_paragraph_hangs_behind_its_label() -> None:
    assert hang("  Do", "allow TCP 443 outbound", indent=6, width=19) == ["  Do  allow TCP 443", "      outbound"]


def test_a_label_without_room_gets_its_own_line() -> None:
    assert hang("TCP-SYN-TIMEOUT", "no answer", indent=6, width=20) == ["TCP-SYN-TIMEOUT", "      no answer"]


def test_items_stay_whole_where_they_can() -> None:
    assert join_wrapped(["one", "two three", "four"], " · ", width=12) == ["one", "two three", "four"]
    assert join_wrapped(["one", "two", "three"], " · ", width=12) == ["one · two", "three"]
    assert join_wrapped(["a longer item", "b"], " · ", width=8) == ["a longer", "item · b"]
    assert join_wrapped([], " · ", width=8) == [""]


def test_a_cell_that_is_too_wide_goes_on_below() -> None:
    rows = lay_row(["SEN-05", "cloud connection", "9"], [6, 8, 3], indent=2, right=2)
    assert rows == ["  SEN-05  cloud       9", "          connecti", "          on"]


def test_a_label_of_wide_characters_is_cut_by_the_cells_that_it_takes() -> None:
    assert hang("一" * 50, "x", indent=4, width=80) == ["一" * 40, "    x"]
