"""From a source to its frames: open, find out codec and format, read batch after batch, note how it ended."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from pcapaudit.capture.columns import Columns
from pcapaudit.capture.foreign import LOOK, describe_foreign
from pcapaudit.capture.pcap import open_pcap
from pcapaudit.capture.pcapng import open_pcapng
from pcapaudit.capture.step import FormatReader
from pcapaudit.capture.stream import ByteStream, widen_pipe
from pcapaudit.model.errors import CaptureError
from pcapaudit.model.frames import CaptureNotes, FileNote, FrameBatch

BATCH_BYTES = 1 << 20
"""Bytes of a file that one batch holds, about: few enough to stay in the processor's cache."""

STDIN = "-"

Source = str | Path | BinaryIO
Progress = Callable[[int], None]
Keep = Callable[[memoryview, bytes], None]
"""Takes whole records as they came, and what a file must begin with so that they can be read: nothing at first."""


def open_capture(
    source: Source,
    *,
    name: str | None = None,
    notes: CaptureNotes,
    first_frame: int = 1,
    batch_bytes: int = BATCH_BYTES,
    progress: Progress | None = None,
    keep: Keep | None = None,
    pauses: bool = False,
) -> Iterator[FrameBatch]:
    """Give the frames of one file or stream, in file order, in batches of bounded size.

    The file is opened when the first batch is asked for. It may be compressed (gzip, bzip2, xz, zstd, lz4); nothing
    in it is ever sought, so a pipe is as good as a file.

    Args:
        source: A path, ``-`` for standard input, or a binary stream, which stays open.
        name: What to call the source in notes and errors; by default the path.
        notes: Filled while reading; a ``FileNote`` is added first, its ``frames`` are right after each batch.
        first_frame: Number of the first frame.
        batch_bytes: Bytes of the file for one batch; what the frames are does not depend on it.
        progress: Told the bytes taken from the source so far, compressed if they are.
        keep: Given all bytes whose records were read, with the compression undone, before their frames.
        pauses: Come back with a batch without frames while a live source is quiet (``QuietError``).

    Yields:
        Batches with at least one frame but for these, each good until the next is asked for. Damage behind the
        file's header ends them; the file's note says where and why.

    Raises:
        CaptureError: The source cannot be opened, or is no capture.
    """
    called = name or _name_of(source)
    # A stream of somebody else stays open and is not read further than its frames are asked for.
    is_ours = isinstance(source, str | Path)
    with contextlib.ExitStack() as stack:
        raw = _open_source(source, called)
        stream = ByteStream(raw, batch_bytes=batch_bytes, progress=progress)
        if is_ours:
            stack.callback(stream.close)
        reader = _choose_reader(stream, called, notes)
        note = FileNote(called, reader.name + (f"+{stream.codec}" if stream.codec else ""), first_frame)
        notes.files.append(note)
        try:
            stream.may_pause = pauses and stream.codec is None
            yield from _read_batches(stream, reader, note, keep, is_ours=is_ours)
        except CaptureError:
            notes.files.remove(note)
            raise


def read_ring(
    sources: Sequence[Source],
    notes: CaptureNotes,
    *,
    batch_bytes: int = BATCH_BYTES,
    progress: Progress | None = None,
) -> Iterator[FrameBatch]:
    """Give the frames of several files as one capture: frame numbers run on from file to file.

    ``progress`` is told the bytes taken from all files so far. What is damaged behind its header ends that file alone.

    Raises:
        CaptureError: One of the files cannot be opened, or is no capture.
    """
    meter = _Meter(progress)
    next_frame = 1
    for source in sources:
        frames = open_capture(
            source, notes=notes, first_frame=next_frame, batch_bytes=batch_bytes, progress=meter.count
        )
        for batch in frames:
            next_frame += len(batch)
            yield batch
        meter.end_file()


class _Meter:
    """Adds up what the files of a ring report of themselves."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._before = 0
        self._here = 0

    def count(self, taken: int) -> None:
        self._here = taken
        if self._progress is not None:
            self._progress(self._before + taken)

    def end_file(self) -> None:
        self._before += self._here
        self._here = 0


def _name_of(source: Source) -> str:
    if isinstance(source, str | Path):
        return str(source)
    return str(getattr(source, "name", "stream"))


def _open_source(source: Source, called: str) -> BinaryIO:
    if not isinstance(source, str | Path):
        return source
    if str(source) == STDIN:
        return _open_stdin()
    try:
        # Unbuffered: the stream above reads in large pieces, and takes what a pipe has without waiting for more.
        return Path(source).open("rb", buffering=0)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CaptureError(f"cannot be opened ({reason})", path=called) from error


def _open_stdin() -> BinaryIO:
    """Give standard input without Python's buffer, which at the program's end waits for a thread that still reads."""
    try:
        raw = cast("BinaryIO", io.FileIO(sys.stdin.fileno(), closefd=False))
    except (OSError, ValueError):
        return sys.stdin.buffer
    if raw.isatty():
        raise CaptureError("standard input is the keyboard; put a program in front: tcpdump -w - | ...", path=STDIN)
    widen_pipe(raw, BATCH_BYTES)
    return raw


def _choose_reader(stream: ByteStream, called: str, notes: CaptureNotes) -> FormatReader:
    start = stream.peek(4)
    reader = open_pcap(start, notes) or open_pcapng(start, notes)
    if reader is not None:
        return reader
    found = describe_foreign(stream.peek(LOOK))
    inside = f"is compressed by {stream.codec}, and inside it " if stream.codec else ""
    fault = f"; {stream.fault}" if stream.fault else ""
    raise CaptureError(f"no capture: {inside}{found}{fault}", path=called, offset=0)


def _read_batches(
    stream: ByteStream, reader: FormatReader, note: FileNote, keep: Keep | None, *, is_ours: bool
) -> Iterator[FrameBatch]:
    columns = Columns(first_frame=note.first_frame)
    stream.fill(1)
    while True:
        header = bytes(reader.header) if keep is not None else b""
        step = reader.advance(stream.buffer, stream.at, stream.end, columns)
        note.frames += columns.count
        if keep is not None and step.at > stream.at:
            keep(memoryview(stream.buffer)[stream.at : step.at], header)
        if columns.count:
            yield columns.give_batch(memoryview(stream.buffer)[: stream.end])
        if step.fault is not None:
            _end_badly(note, stream.passed + step.at, step.fault)
            return
        stream.at = step.at
        if step.need <= stream.end - step.at:
            continue
        if is_ours and stream.codec:
            # To undo a compression takes as long as the scan; plain bytes are here before another thread has them.
            stream.read_ahead()
        if stream.fill(step.need) >= step.need:
            continue
        if stream.is_paused:
            yield columns.give_batch(b"")
        else:
            _end_file(stream, note, step.need)
            return


def _end_file(stream: ByteStream, note: FileNote, need: int) -> None:
    """Note how a file ended that gives no more bytes, though the next record is ``need`` bytes long."""
    at, left = stream.passed + stream.at, stream.end - stream.at
    if stream.fault is not None:
        _end_badly(note, at, stream.fault)
    elif left or not at:
        _end_badly(note, at, f"it is cut short: {left} of at least {need} bytes are there")


def _end_badly(note: FileNote, at: int, why: str) -> None:
    """Note the fault, or raise if it stands in the file's header, so that there is nothing to read.

    Raises:
        CaptureError: The fault is at the start of the file.
    """
    if at == 0:
        raise CaptureError(f"no readable {note.format} header: {why}", path=note.source, offset=0)
    note.truncated_at = at
    note.truncated_why = why
