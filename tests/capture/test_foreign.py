from __future__ import annotations

import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.capture.foreign import LOOK, describe_foreign


def zip_archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("x.pcap", b"content")
    return out.getvalue()


ERF_RECORD = struct.pack("<Q", 1 << 40) + struct.pack(">BBHHH", 2, 4, 84, 0, 64) + bytes(68)

CASES = [
    (b"", "it is empty"),
    (b"\xd4\xc3", "it ends after 2 bytes"),
    (b"\xd4", "it ends after 1 byte"),
    (zip_archive(), "a zip archive; unpack it first"),
    (b"snoop\0\0\0\0\0\0\x02\0\0\0\x04", "a snoop capture"),
    (b"GMBU\x03\x02\x01\x00", "a Microsoft Network Monitor 2 capture"),
    (ERF_RECORD, "an ERF capture by its shape"),
    (b"<!DOCTYPE html><html>", "an HTML page"),
    (b"\xef\xbb\xbf\n <HTML>", "an HTML page"),
    (b'{"error": "not found"}', "JSON text"),
    (
        b"12:34:56.789 IP 10.0.0.5.50000 > 10.0.0.1.53: 1+ A? example.com. (29)\n",
        "text; a capture is what tcpdump writes",
    ),
    ("Übertragung".encode("utf-16"), "UTF-16 text"),
    (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
    (b"x" * 257 + b"ustar\x0000", "a tar archive"),
    (bytes(100), "zero bytes only"),
    (b"\x01\x02\x03\x04\x05", "no capture format we know"),
]


@pytest.mark.parametrize(("start", "said"), CASES)
def test_what_is_no_capture_is_named(start: bytes, said: str) -> None:
    assert said in describe_foreign(start)


def test_the_bytes_found_are_quoted() -> None:
    assert describe_foreign(zip_archive()).startswith('starts with "PK\\x03\\x04"')


@given(start=st.binary(max_size=LOOK))
def test_every_start_gives_one_printable_line(start: bytes) -> None:
    said = describe_foreign(start)
    assert said.isprintable()
    assert len(said) < 200
