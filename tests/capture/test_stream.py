from __future__ import annotations

import fcntl
import gzip
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcapaudit.capture import stream as stream_module
from pcapaudit.capture.stream import ByteStream, QuietError, widen_pipe

CONTENT = bytes(range(256)) * 40


def open_bytes(content: bytes, batch_bytes: int = 1000) -> ByteStream:
    return ByteStream(io.BytesIO(content), batch_bytes=batch_bytes)


def take(stream: ByteStream, need: int, used: int | None = None) -> bytes:
    """Have ``need`` bytes at hand, use all of them or as many as said, and give them."""
    stream.fill(need)
    start = stream.at
    stream.at = stream.end if used is None else min(stream.end, start + used)
    return bytes(stream.buffer[start : stream.at])


def test_what_was_looked_at_is_given_again() -> None:
    stream = open_bytes(CONTENT)
    assert stream.peek(4) == CONTENT[:4]
    assert stream.peek(600) == CONTENT[:600]
    assert take(stream, 1).startswith(CONTENT[:600])


def test_what_was_not_used_stays_at_hand() -> None:
    stream = open_bytes(CONTENT)
    assert take(stream, 1, used=996) == CONTENT[:996]
    assert stream.fill(5) == 1000
    assert take(stream, 1) == CONTENT[996:1996]


def test_the_buffer_stays_the_same_while_it_is_large_enough() -> None:
    stream = open_bytes(CONTENT)
    before = stream.buffer
    assert b"".join(take(stream, 1) for _ in range(5)) == CONTENT[:5000]
    assert stream.buffer is before


def test_a_fill_gives_what_is_needed_even_if_that_is_more_than_a_batch() -> None:
    stream = open_bytes(CONTENT, batch_bytes=10)
    stream.fill(1)
    shown = memoryview(stream.buffer)
    assert take(stream, 5000) == CONTENT[:5000]
    assert shown[:10] == CONTENT[:10]


def test_a_fill_gives_less_at_the_end_only() -> None:
    stream = open_bytes(CONTENT)
    assert take(stream, 1 << 20) == CONTENT
    assert take(stream, 100) == b""
    assert stream.fault is None


@given(sizes=st.lists(st.integers(1, 3000), max_size=20), batch_bytes=st.integers(1, 5000), is_packed=st.booleans())
def test_no_byte_is_lost_or_given_twice(sizes: list[int], batch_bytes: int, is_packed: bool) -> None:
    stream = open_bytes(gzip.compress(CONTENT) if is_packed else CONTENT, batch_bytes)
    given_bytes = b"".join(take(stream, size, used=size - 1) for size in sizes)
    assert given_bytes + take(stream, 1 << 20) == CONTENT


@pytest.fixture
def small_headroom() -> Iterator[None]:
    """Two processors, and little room in front of what is read ahead, so that all ways of joining are taken."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream_module, "HEADROOM", 20)
        patch.setattr(stream_module, "has_second_processor", lambda: True)
        yield


@pytest.mark.usefixtures("small_headroom")
@given(
    uses=st.lists(st.tuples(st.integers(1, 300), st.integers(0, 300)), max_size=30),
    batch_bytes=st.integers(21, 200),
    is_packed=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_what_a_second_thread_reads_ahead_comes_in_order_and_whole(
    uses: list[tuple[int, int]], batch_bytes: int, is_packed: bool
) -> None:
    stream = open_bytes(gzip.compress(CONTENT) if is_packed else CONTENT, batch_bytes)
    stream.fill(batch_bytes)
    stream.read_ahead()
    parts = []
    for need, used in uses:
        parts.append(take(stream, need, used))
        assert stream.passed + stream.at == sum(map(len, parts))
    parts.append(take(stream, 1 << 20))
    stream.close()
    assert b"".join(parts) == CONTENT


@pytest.mark.usefixtures("small_headroom")
def test_bytes_that_are_shown_stay_while_the_next_are_read() -> None:
    stream = open_bytes(CONTENT, batch_bytes=100)
    stream.fill(100)
    stream.read_ahead()
    for _ in range(20):
        stream.fill(60)
        shown, kept = memoryview(stream.buffer), bytes(stream.buffer)
        stream.peek(1)
        assert shown == kept
        stream.at += 50
    stream.close()


@pytest.mark.usefixtures("small_headroom")
def test_a_source_that_breaks_while_it_is_read_ahead_is_a_fault() -> None:
    source = Failing(b"x" * 100, OSError(5, "Input/output error"))
    stream = ByteStream(cast("BinaryIO", source), batch_bytes=100)
    stream.fill(100)
    stream.read_ahead()
    assert take(stream, 101) == b"x" * 100
    assert stream.fault == "reading failed (Input/output error)"


def test_one_processor_reads_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "has_second_processor", lambda: False)
    before = set(threading.enumerate())
    stream = open_bytes(CONTENT * 100, batch_bytes=1 << 17)
    stream.fill(1 << 17)
    stream.read_ahead()
    assert set(threading.enumerate()) <= before


def test_a_compressed_stream_is_unpacked_and_its_codec_named() -> None:
    stream = open_bytes(gzip.compress(CONTENT))
    assert (stream.codec, stream.peek(4)) == ("gzip", CONTENT[:4])
    assert open_bytes(CONTENT).codec is None


def test_progress_counts_the_bytes_of_the_file_not_those_inside() -> None:
    told: list[int] = []
    packed = gzip.compress(bytes(1 << 20))
    stream = ByteStream(io.BytesIO(packed), batch_bytes=4 << 20, progress=told.append)
    assert stream.fill(1 << 20) == 1 << 20
    assert (told == sorted(told), told[-1]) == (True, len(packed))


class Failing:
    """A stream of somebody's own, which breaks after the first bytes."""

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
    assert (take(stream, 100), stream.fault) == (first if isinstance(first, bytes) else b"", said)
    assert take(stream, 100) == b""


def test_a_source_that_has_nothing_yet_and_does_not_wait_is_a_fault(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(tmp_path / "pipe", os.O_WRONLY)
    with io.FileIO(reading) as raw:
        stream = ByteStream(cast("BinaryIO", raw), batch_bytes=100)
        assert (stream.fill(1), stream.fault) == (0, "reading failed (it gives nothing yet)")
    os.close(writing)


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
        got = take(stream, 1)
        go_on.set()
        assert (got, take(stream, 1), take(stream, 1)) == (b"first part", b"second", b"")
    writer.join()


def test_a_pipe_is_made_to_hold_a_batch_and_a_file_stays_as_it_is(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with io.FileIO(reading) as raw, io.FileIO(writing, "w"):
        widen_pipe(cast("BinaryIO", raw), 1 << 18)
        if hasattr(fcntl, "F_GETPIPE_SZ"):
            assert fcntl.fcntl(raw.fileno(), fcntl.F_GETPIPE_SZ) == 1 << 18
    (tmp_path / "file").write_bytes(b"data")
    with (tmp_path / "file").open("rb") as file:
        widen_pipe(file, 1 << 18)
        assert file.read() == b"data"


class Hesitating(io.RawIOBase):
    """A live source: it gives one byte, then is quiet twice before each further one."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._calls = 0

    def readinto(self, room: memoryview) -> int:  # type: ignore[override]
        self._calls += 1
        if self._calls % 3 != 1:
            raise QuietError
        room[:1], self._content = self._content[:1], self._content[1:]
        return len(bytes(room[:1])) if self._calls // 3 < len(CONTENT[:8]) else 0


def test_a_stream_that_may_not_pause_waits_through_silence() -> None:
    stream = ByteStream(cast("BinaryIO", Hesitating(CONTENT[:8])), batch_bytes=100)
    assert stream.peek(8) == CONTENT[:8]
    assert not stream.is_paused


def test_a_stream_that_may_pause_comes_back_and_goes_on_later() -> None:
    stream = ByteStream(cast("BinaryIO", Hesitating(CONTENT[:8])), batch_bytes=100)
    stream.peek(7)
    stream.may_pause = True
    assert [stream.fill(8), stream.is_paused] == [7, True]
    assert [stream.fill(8), stream.is_paused] == [7, True]
    assert [stream.fill(8), stream.is_paused] == [8, False]
