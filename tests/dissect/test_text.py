from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.dissect.text import MAX_TEXT, first_line, padded_text, printable, redact_url


@pytest.mark.parametrize(
    ("data", "text"), [(b"gateway 7", "gateway 7"), (b"a\x00\x1b[31m", r"a\x00\x1b[31m"), ("ä".encode(), r"\xc3\xa4")]
)
def test_control_characters_and_other_alphabets_are_escaped(data: bytes, text: str) -> None:
    assert printable(data) == text


@given(st.binary(max_size=1000))
def test_text_is_always_short_printable_ascii(data: bytes) -> None:
    text = printable(data)
    assert len(text) <= MAX_TEXT
    assert text.isascii()
    assert text == "" or text.isprintable()


def test_trailing_zeros_of_a_padded_field_are_no_text() -> None:
    assert padded_text(b"host\0\0") == "host"


def test_the_first_line_ends_at_the_line_break_and_at_the_limit() -> None:
    assert first_line(b"SSH-2.0-x\r\nmore", 80) == "SSH-2.0-x"
    assert first_line(b"a" * 500, 80) == "a" * 80


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (b"/a/b?token=s3cret", "/a/b"),
        (b"https://bob:s3cret@example.org/x#s3cret", "https://example.org/x"),
        (b"//bob@example.org/", "//example.org/"),
        (b"/cart;jsessionid=s3cret?x=1", "/cart"),
        (b"/mail/a@b.example", "/mail/a@b.example"),
        (b"https://" + b"s3cret" * 100 + b"@example.org/", "https://example.org/"),
    ],
)
def test_a_kept_url_carries_no_user_parameters_query_or_fragment(url: bytes, kept: str) -> None:
    assert redact_url(url) == kept
