from __future__ import annotations

import pytest

from pcapaudit.dissect.cursor import Cursor, CutError


def test_fields_are_read_from_front_to_back() -> None:
    cursor = Cursor(b"\x01\x00\x02\x03abc!")
    assert (cursor.uint(1), cursor.uint(2), cursor.block(1), cursor.take(1), cursor.left()) == (1, 2, b"abc", b"!", 0)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x05abcd"])
def test_a_field_beyond_the_end_is_one_error_of_ours(data: bytes) -> None:
    with pytest.raises(CutError):
        Cursor(data).block(2)


def test_a_field_beyond_the_end_takes_nothing() -> None:
    cursor = Cursor(b"abc")
    with pytest.raises(CutError):
        cursor.take(4)
    assert cursor.take(3) == b"abc"
