from __future__ import annotations

import gzip
import io
import os
import threading
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.capture.stream import ByteStream

CONTENT = bytes(range(256)) * 40


def open_bytes(content: bytes, batch_bytes: int = 1000) -> ByteStream:
    return ByteStream(io.BytesIO(content), batch_bytes=batch_bytes)


def test_what_was_looked_at_is_given_again() -> None:
    stream = open_bytes(CONTENT)
    assert stream.peek(4) == CONTENT[:4]
    assert stream.peek(600) == CONTENT[:600]
    assert stream.fill(b"", 1).startswith(CONTENT[:600])


def test_a_fill_gives_the_rest_first_and_about_a_batch_behind_it() -> None:
    data = open_bytes(CONTENT).fill(b"rest", 1)
    assert data == b"rest" + CONTENT[: len(data) - 4]
    assert 1000 <= len(data) <= 1010


def test_a_fill_gives_what_is_needed_even_if_that_is_more_than_a_batch() -> None:
    assert len(open_bytes(CONTENT, batch_bytes=10).fill(b"", 5000)) >= 5000


def test_a_fill_gives_less_at_the_end_only() -> None:
    stream = open_bytes(CONTENT)
    assert stream.fill(b"", 1 << 20) == CONTENT
    assert stream.fill(b"rest", 100) == b"rest"
    assert stream.fault is None


@given(sizes=st.lists(st.integers(1, 3000), max_size=20), batch_bytes=st.integers(1, 5000), is_packed=st.booleans())
def test_no_byte_is_lost_or_given_twice(sizes: list[int], batch_bytes: int, is_packed: bool) -> None:
    stream = open_bytes(gzip.compress(CONTENT) if is_packed else CONTENT, batch_bytes)
    given_bytes = b"".join(stream.fill(stream.peek(size)[:0], size) for size in sizes)
    assert given_bytes + stream.fill(b"", 1 << 20) == CONTENT


def test_a_compressed_stream_is_unpacked_and_its_codec_named() -> None:
    stream = open_bytes(gzip.compress(CONTENT))
    assert (stream.codec, stream.peek(4)) == ("gzip", CONTENT[:4])
    assert open_bytes(CONTENT).codec is None


def test_progress_counts_the_bytes_of_the_file_not_those_inside() -> None:
    told: list[int] = []
    packed = gzip.compress(bytes(1 << 20))
    stream = ByteStream(io.BytesIO(packed), batch_bytes=4 << 20, progress=told.append)
    assert len(stream.fill(b"", 1 << 20)) == 1 << 20
    assert (told == sorted(told), told[-1]) == (True, len(packed))


class Failing(io.RawIOBase):
    """A file on a device that breaks after the first bytes."""

    def __init__(self, first: object, error: Exception) -> None:
        self._first = first
        self._error = error

    def read(self, _size: int = -1) -> bytes:
        first, self._first = self._first, None
        if first is None:
            raise self._error
        return cast("bytes", first)


@pytest.mark.parametrize(
    ("first", "error", "said"),
    [
        (b"0123456789", OSError(5, "Input/output error"), "reading failed (Input/output error)"),
        (b"0123456789", ValueError("read of closed file"), "reading failed (read of closed file)"),
        ("some text", OSError(), "reading failed (it gives str, not bytes)"),
    ],
)
def test_a_source_that_breaks_is_a_fault_and_no_exception(first: object, error: Exception, said: str) -> None:
    stream = ByteStream(cast("BinaryIO", Failing(first, error)), batch_bytes=100)
    data = stream.fill(b"", 100)
    assert (data, stream.fault) == (first if isinstance(first, bytes) else b"", said)
    assert stream.fill(b"", 100) == b""


def test_a_pipe_gives_what_it_has_and_does_not_wait_for_a_batch(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    go_on = threading.Event()

    def write() -> None:
        with pipe.open("wb", buffering=0) as out:
            out.write(b"first part")
            go_on.wait(10)
            out.write(b"second")

    writer = threading.Thread(target=write)
    writer.start()
    with pipe.open("rb", buffering=0) as raw:
        stream = ByteStream(raw, batch_bytes=1 << 20)
        got = stream.fill(b"", 1)
        go_on.set()
        assert (got, stream.fill(b"", 1), stream.fill(b"", 1)) == (b"first part", b"second", b"")
    writer.join()
