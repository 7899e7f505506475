"""The bytes that were handed over: the newest in memory, those before them in a file without a name."""

from __future__ import annotations

import os
import weakref
from typing import IO, Final

ROOM: Final = 4 << 20
"""Bytes that are gathered in memory before the file is opened, and between two writes to it."""

_HAS_PLACES = hasattr(os, "pread")
"""Files can be read and written at a place without moving their own, which a copy of this process (``fork``) shares."""


class Spill:
    """Bytes put away into a temporary file, which nobody else can see and which goes with its last user."""

    def __init__(self) -> None:
        self.size = 0
        self._file: IO[bytes] | None = None
        self._is_broken = False

    def append(self, data: memoryview) -> bool:
        """Put ``data`` behind what is there; False if it cannot be had, so that it must stay in memory."""
        if self._is_broken:
            return False
        try:
            _write(self._file or self._open(), data, self.size)
        except OSError:
            self._is_broken = True
            return False
        self.size += len(data)
        return True

    def read(self, start: int, stop: int) -> bytes:
        """Give the bytes from ``start`` to ``stop``; fewer if the file cannot be read."""
        if self._file is None or start >= stop:
            return b""
        try:
            return _read(self._file, start, stop - start)
        except OSError:
            return b""

    def _open(self) -> IO[bytes]:
        import tempfile  # noqa: PLC0415 - most captures need no file, and it takes longer to load than they to be read

        file: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed below
        weakref.finalize(self, file.close)
        self._file = file
        return file


def _write(file: IO[bytes], data: memoryview, at: int) -> None:
    """Write all of ``data`` at a place; the system may take a part of it at a time."""
    while data:
        if _HAS_PLACES:
            size = os.pwrite(file.fileno(), data, at)
        else:
            file.seek(at)
            size = file.write(data)
        data, at = data[size:], at + size


def _read(file: IO[bytes], at: int, size: int) -> bytes:
    """Read at a place."""
    if _HAS_PLACES:
        return os.pread(file.fileno(), size, at)
    file.seek(at)
    return file.read(size)


class Blob:
    """All bytes that a scan handed over so far, in one row.

    Args:
        spill: Those that were put away.
        size: How many of them.
        held: Those behind them.
    """

    def __init__(self, spill: Spill, size: int, held: bytes) -> None:
        self._spill = spill
        self._size = size
        self._held = held

    def __len__(self) -> int:
        return self._size + len(self._held)

    def __getitem__(self, part: slice) -> bytes:
        """Give the bytes of a slice without step."""
        start, stop, _ = part.indices(len(self))
        if start >= self._size:
            return self._held[start - self._size : max(stop, start) - self._size]
        return self._spill.read(start, min(stop, self._size)) + self._held[: max(0, stop - self._size)]
