from __future__ import annotations

from pcapaudit.deep.hexview import hex_lines


def test_lines_are_those_of_a_hex_dump() -> None:
    # As "hexdump -C" arranges them, but for the gap in the middle.
    assert list(hex_lines(b"GET / HTTP/1.1\r\nHost")) == [
        "0000  47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a  GET / HTTP/1.1..",
        "0010  48 6f 73 74                                      Host",
    ]


def test_no_byte_of_the_wire_reaches_a_screen_as_it_is() -> None:
    assert all(line.isascii() and line.isprintable() for line in hex_lines(bytes(range(256))))


def test_no_bytes_give_no_line() -> None:
    assert list(hex_lines(b"")) == []
