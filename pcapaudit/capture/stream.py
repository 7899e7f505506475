"""The bytes of a capture in order, from a file, a pipe or any binary stream, with the compression undone.

Nothing seeks: what was looked at is kept and given again. All bytes pass through one buffer, which stays where it is in
the processor's cache; fresh memory for every piece would cost more than all that is done with the bytes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, BinaryIO

from pcapaudit.capture.ahead import Ahead, has_second_processor
from pcapaudit.capture.codecs import MAGIC_LENGTH, PIECE, Unpacker, detect_codec

HEADROOM = 1 << 16
"""Bytes in front of those that are read ahead, for what is left of the ones before them."""


class QuietError(Exception):
    """Raised by ``readinto`` of a live source, now and then while it has nothing: silence is news, too."""


class ByteStream:
    """Bytes of a capture, read forward once; those at hand are ``buffer[at:end]``."""

    def __init__(self, raw: BinaryIO, *, batch_bytes: int, progress: Callable[[int], None] | None = None) -> None:
        """Look at the first bytes of ``raw`` and find out the codec.

        ``progress`` is told how many bytes were taken from ``raw`` so far, compressed if it is.
        """
        self.buffer = bytearray(max(1, batch_bytes))
        """Overwritten by ``fill``, and replaced where it is too small."""
        self.at = 0
        """The first byte that was not used yet; whoever uses some moves it on."""
        self.end = 0
        self.passed = 0
        """Bytes of the capture that came before the buffer's first."""
        self.taken = 0
        """Bytes taken from the source, compressed if it is."""
        self.may_pause = False
        """``fill`` comes back empty-handed while a live source is quiet; else it waits. Not for compressed bytes."""
        self.is_paused = False
        """The last ``fill`` did so."""
        self._raw = raw
        self._progress = progress
        self._fault: str | None = None
        self._is_slow = False
        self._unpacker: Unpacker | None = None
        self._unpacked = memoryview(b"")
        self._packed = b""
        self._told = 0
        self._ahead: Ahead | None = None
        self._is_coming = False
        self._spare = self.buffer
        codec = detect_codec(self.peek(MAGIC_LENGTH))
        if codec is not None:
            self._packed, self.end = bytes(self.buffer[: self.end]), 0
            self._unpacker = Unpacker(codec, self._take_packed)

    @property
    def codec(self) -> str | None:
        """Name of the compression, None if there is none."""
        return None if self._unpacker is None else self._unpacker.codec

    @property
    def fault(self) -> str | None:
        """Why the bytes ended before their end; None if they ended well or go on."""
        if self._fault is None and self._unpacker is not None:
            return self._unpacker.fault
        return self._fault

    def peek(self, wanted: int) -> bytes:
        """Give the next ``wanted`` bytes, or all there are, and keep them."""
        if self.end - self.at < wanted:
            self.fill(wanted)
        return bytes(self.buffer[self.at : min(self.end, self.at + wanted)])

    def fill(self, need: int) -> int:
        """Have at least ``need`` bytes at hand, fewer only at the end, more if they come without waiting.

        Bytes before ``at`` are given up. Gives the number of bytes at hand.
        """
        self.is_paused = False
        if self._ahead is None:
            self._make_room(need)
            while self.end < need and (size := self._read(memoryview(self.buffer)[self.end :])):
                self.end += size
        else:
            self._take_over(self._ahead, need)
        if self._progress is not None and self.taken > self._told:
            self._told = self.taken
            self._progress(self.taken)
        return self.end - self.at

    def read_ahead(self) -> None:
        """From now on have the next bytes read, and unpacked, by a second thread, where that is worth it."""
        is_long = self.passed + self.end >= len(self.buffer) > HEADROOM
        if self._ahead is None and is_long and has_second_processor():
            self._ahead = Ahead(self._read)
            self._is_coming = True
            self._spare = bytearray(HEADROOM + len(self.buffer))
            self._ahead.order(memoryview(self._spare)[HEADROOM:])

    def close(self) -> None:
        """Close the source, or have the second thread do so when it has read what it was to read."""
        # To close it while that thread reads would be a mistake: the file's number may soon be another file's.
        if self._ahead is None:
            self._raw.close()
        else:
            self._ahead.close(self._raw.close)

    def _take_over(self, ahead: Ahead, need: int) -> None:
        """Go on with what was read meanwhile."""
        while self._is_coming and self.end - self.at < need:
            size = ahead.wait()
            self._join(size, need)
            self._is_coming = size > 0
            if self._is_coming:
                ahead.order(memoryview(self._spare)[HEADROOM:])

    def _join(self, size: int, need: int) -> None:
        """Put the bytes at hand in front of those that were read ahead, or these behind them, if they are many."""
        rest = self.end - self.at
        if rest > HEADROOM:
            if len(self.buffer) - self.end < size:
                self._make_room(max(need, rest + size))
            self.buffer[self.end : self.end + size] = self._spare[HEADROOM : HEADROOM + size]
            self.end += size
            return
        start = HEADROOM - rest
        self._spare[start:HEADROOM] = self.buffer[self.at : self.end]
        self.passed += self.at - start
        self.at, self.end = start, HEADROOM + size
        self.buffer, self._spare = self._spare, self.buffer

    def _make_room(self, need: int) -> None:
        """Move the bytes at hand to the front of a buffer that can hold ``need``."""
        rest = self.buffer[self.at : self.end]
        if need > len(self.buffer):
            self.buffer = bytearray(need)
        self.buffer[: len(rest)] = rest
        self.passed += self.at
        self.at, self.end = 0, len(rest)

    def _read(self, room: memoryview) -> int:
        """Read into ``room`` as much as comes without waiting, but something; 0 at the end or at a fault."""
        size = 0
        # A live source gives less than it is asked for: what it gave is passed on, not held until the room is full.
        while size < len(room) and not (size and self._is_slow):
            taken = self._unpack(room[size:]) if self._unpacker else self._take(room[size:])
            if not taken:
                break
            size += taken
        return size

    def _unpack(self, room: memoryview) -> int:
        if not self._unpacked and self._unpacker is not None:
            self._unpacked = memoryview(self._unpacker.read())
        size = min(len(self._unpacked), len(room))
        room[:size] = self._unpacked[:size]
        self._unpacked = self._unpacked[size:]
        return size

    def _take_packed(self) -> bytes:
        looked_at, self._packed = self._packed, b""
        if looked_at:
            return looked_at
        piece = bytearray(PIECE)
        return bytes(memoryview(piece)[: self._take(memoryview(piece))])

    def _take(self, room: memoryview) -> int:
        """Read once from the source into ``room``; 0 at its end or at a fault."""
        if self._fault is not None:
            return 0
        try:
            size = self._read_patiently(room)
        except (OSError, ValueError) as error:
            self._fault = f"reading failed ({getattr(error, 'strerror', None) or error})"
            return 0
        self._is_slow = size < len(room)
        self.taken += size
        return size

    def _read_patiently(self, room: memoryview) -> int:
        """Read once from the source; 0 at its end, or in a pause."""
        while True:
            try:
                return _read_once(self._raw, room)
            except QuietError:
                if self.may_pause:
                    self.is_paused = True
                    return 0


def widen_pipe(file: BinaryIO, size: int) -> None:
    """Let a pipe hold ``size`` bytes, so that a batch is not cut into a sixteenth; other files stay as they are."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl  # noqa: PLC0415 - not on every system

        fcntl.fcntl(file.fileno(), fcntl.F_SETPIPE_SZ, size)


def _read_once(raw: BinaryIO, room: memoryview) -> int:
    """Read what is there into ``room``; a buffered stream is not asked to wait for more.

    Raises:
        ValueError: The stream is closed, gives text, or would have to be asked again later (non-blocking).
    """
    read_into: Callable[[memoryview], int | None] | None = getattr(raw, "readinto1", getattr(raw, "readinto", None))
    if read_into is not None:
        size = read_into(room)
        if size is None:
            raise ValueError("it gives nothing yet")
        return size
    data: Any = raw.read(len(room))
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ValueError(f"it gives {type(data).__name__}, not bytes")  # noqa: TRY004 - one kind of fault for callers
    room[: len(data)] = data
    return len(data)
