from __future__ import annotations

import bz2
import gzip
import lzma
import random
import struct
import zlib
from collections.abc import Callable, Iterator

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.capture.codecs import PIECE, GzipDecoder, Unpacker, detect_codec, measure_gzip_header

PLAIN = random.Random(1).randbytes(20_000) + bytes(20_000) + b"end"

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data),
    "lz4": lambda data: lz4.frame.compress(data, content_checksum=True),
}

SKIPPABLE = struct.pack("<II", 0x184D2A50, 3) + b"abc"
"""A frame that zstd and lz4 readers pass over."""


def feed(data: bytes, size: int) -> Callable[[], bytes]:
    pieces: Iterator[bytes] = iter([data[at : at + size] for at in range(0, len(data), size)])
    return lambda: next(pieces, b"")


def unpack(codec: str, data: bytes, size: int = 1000) -> tuple[bytes, str | None]:
    unpacker = Unpacker(codec, feed(data, size))
    plain = b"".join(iter(unpacker.read, b""))
    return plain, unpacker.fault


@pytest.mark.parametrize("codec", PACK)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_what_was_packed_is_unpacked_however_it_arrives(codec: str, size: int) -> None:
    assert unpack(codec, PACK[codec](PLAIN), size) == (PLAIN, None)


@pytest.mark.parametrize("codec", PACK)
def test_the_codec_is_known_by_its_first_bytes(codec: str) -> None:
    assert detect_codec(PACK[codec](b"x")) == codec


def test_a_capture_is_no_codec() -> None:
    assert [detect_codec(start) for start in (b"\xd4\xc3\xb2\xa1", b"\x0a\x0d\x0d\x0a", b"")] == [None, None, None]


@pytest.mark.parametrize("codec", PACK)
def test_streams_one_behind_the_other_are_one(codec: str) -> None:
    assert unpack(codec, PACK[codec](b"first ") + PACK[codec](b"") + PACK[codec](b"second")) == (b"first second", None)


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_frames_to_be_skipped_are_skipped(codec: str) -> None:
    assert unpack(codec, PACK[codec](b"first ") + SKIPPABLE + PACK[codec](b"second")) == (b"first second", None)


@pytest.mark.parametrize("codec", PACK)
def test_zero_bytes_behind_a_stream_are_padding(codec: str) -> None:
    assert unpack(codec, PACK[codec](b"all") + bytes(512)) == (b"all", None)


@pytest.mark.parametrize("codec", PACK)
def test_other_bytes_behind_a_stream_are_a_fault(codec: str) -> None:
    plain, fault = unpack(codec, PACK[codec](b"all") + b"something else")
    assert (plain, "follow" in str(fault)) == (b"all", True)


@pytest.mark.parametrize("codec", PACK)
def test_a_stream_that_is_cut_gives_what_came_before(codec: str) -> None:
    plain, fault = unpack(codec, PACK[codec](PLAIN)[:-3])
    assert PLAIN.startswith(plain)
    assert fault == f"its {codec} stream is cut short"


@pytest.mark.parametrize("codec", PACK)
def test_a_damaged_stream_ends_with_a_fault(codec: str) -> None:
    packed = bytearray(PACK[codec](PLAIN))
    packed[len(packed) // 2 :] = bytes(len(packed) - len(packed) // 2)
    plain, fault = unpack(codec, bytes(packed))
    assert plain != PLAIN
    assert f"its {codec} stream" in str(fault)


def test_a_wrong_check_sum_costs_no_byte() -> None:
    packed = bytearray(gzip.compress(PLAIN))
    packed[-8] ^= 1
    assert unpack("gzip", bytes(packed)) == (PLAIN, "its gzip stream is damaged (its check sum does not match)")


def test_gzip_gives_all_but_the_last_byte_before_the_damage() -> None:
    half = zlib.compressobj(wbits=-15)
    start = half.compress(PLAIN) + half.flush(zlib.Z_FULL_FLUSH)
    # Block type 3 does not exist (RFC 1951, section 3.2.3).
    packed = b"\x1f\x8b\x08\x00" + bytes(6) + start + b"\x07" + bytes(50)
    plain, fault = unpack("gzip", packed, size=1 << 20)
    assert plain == PLAIN[:-1]
    assert "invalid block type" in str(fault)


@pytest.mark.parametrize(
    ("flags", "fields", "length"),
    [
        (0, b"", 10),
        (4, b"\x05\x00extra", 17),
        (8, b"name\0", 15),
        (16, b"a comment\0", 20),
        (2, b"\xab\xcd", 12),
        (30, b"\x01\x00x" + b"n\0" + b"c\0" + b"\xab\xcd", 19),
    ],
)
def test_a_gzip_header_is_measured_with_every_optional_field(flags: int, fields: bytes, length: int) -> None:
    header = b"\x1f\x8b\x08" + bytes([flags]) + bytes(6) + fields
    assert measure_gzip_header(header + b"behind") == length
    assert [measure_gzip_header(header[:cut]) for cut in range(len(header))] == [None] * len(header)


def test_a_gzip_header_that_never_ends_is_a_fault() -> None:
    packed = b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * (2 * PIECE)
    assert unpack("gzip", packed, size=PIECE) == (b"", "its gzip stream is damaged (its header does not end)")


def test_a_gzip_member_of_another_method_is_refused() -> None:
    with pytest.raises(zlib.error, match="no gzip header"):
        GzipDecoder().decompress(b"\x1f\x8b\x09" + bytes(20), 100)


BOMB = 64 << 20


@pytest.mark.parametrize(("codec", "most"), [("gzip", PIECE), ("bzip2", PIECE), ("xz", PIECE), ("lz4", PIECE)])
def test_a_small_stream_of_much_comes_in_pieces(codec: str, most: int) -> None:
    unpacker = Unpacker(codec, feed(PACK[codec](bytes(8 << 20)), 1 << 20))
    sizes = [len(piece) for piece in iter(unpacker.read, b"")]
    assert (sum(sizes), max(sizes) <= most) == (8 << 20, True)


def test_a_zstd_stream_of_much_comes_in_bounded_pieces() -> None:
    unpacker = Unpacker("zstd", feed(PACK["zstd"](bytes(2 * BOMB)), 1 << 20))
    sizes = [len(piece) for piece in iter(unpacker.read, b"")]
    assert (sum(sizes), max(sizes) <= (32 << 20) + PIECE) == (2 * BOMB, True)


@given(codec=st.sampled_from(list(PACK)), noise=st.binary(max_size=300))
def test_no_bytes_break_an_unpacker(codec: str, noise: bytes) -> None:
    magic = PACK[codec](b"")[:6]
    _, fault = unpack(codec, magic + noise, size=50)
    assert fault is None or f"its {codec} stream" in fault
