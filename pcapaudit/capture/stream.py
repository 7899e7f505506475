"""The bytes of a capture in order, from a file, a pipe or any binary stream, with the compression undone.

Nothing seeks: what was looked at is kept and given again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from pcapaudit.capture.codecs import MAGIC_LENGTH, PIECE, Unpacker, detect_codec


class ByteStream:
    """Bytes of a capture, read forward once."""

    def __init__(self, raw: BinaryIO, *, batch_bytes: int, progress: Callable[[int], None] | None = None) -> None:
        """Look at the first bytes of ``raw`` and find out the codec.

        ``progress`` is told how many bytes were taken from ``raw`` so far, compressed if it is.
        """
        self.taken = 0
        """Bytes taken from the source, compressed if it is."""
        self._raw = raw
        self._batch_bytes = max(1, batch_bytes)
        self._progress = progress
        self._fault: str | None = None
        self._held = b""
        self._is_slow = False
        self._unpacker: Unpacker | None = None
        self._packed = b""
        codec = detect_codec(self.peek(MAGIC_LENGTH))
        if codec is not None:
            self._packed, self._held = self._held, b""
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
        self._held = self._gather(self._held, wanted, wanted)
        return self._held[:wanted]

    def fill(self, rest: bytes, need: int) -> bytes:
        """Give ``rest`` and what follows it: about a batch, at least ``need`` bytes, fewer only at the end."""
        rest, self._held = rest + self._held, b""
        return self._gather(rest, need, len(rest) + self._batch_bytes)

    def _gather(self, first: bytes, need: int, wanted: int) -> bytes:
        pieces, size = [first], len(first)
        # A live source gives less than it is asked for: what it gave is passed on, not held until a batch is full.
        while size < need or (size < wanted and not self._is_slow):
            piece = self._unpacker.read() if self._unpacker else self._take(wanted - size)
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces) if len(pieces) > 1 else first

    def _take_packed(self) -> bytes:
        looked_at, self._packed = self._packed, b""
        return looked_at or self._take(PIECE)

    def _take(self, wanted: int) -> bytes:
        """Read once from the source; empty at its end or at a fault."""
        if self._fault is not None:
            return b""
        try:
            data = _read_once(self._raw, max(1, wanted))
        except (OSError, ValueError) as error:
            self._fault = f"reading failed ({getattr(error, 'strerror', None) or error})"
            return b""
        self._is_slow = len(data) < wanted
        self.taken += len(data)
        if data and self._progress is not None:
            self._progress(self.taken)
        return data


def _read_once(raw: BinaryIO, wanted: int) -> bytes:
    """Read what is there, at most ``wanted`` bytes; a buffered stream is not asked to wait for all of them.

    Raises:
        ValueError: The stream is closed, gives text, or would have to be asked again later (non-blocking).
    """
    read = getattr(raw, "read1", raw.read)
    data = read(wanted)
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ValueError(f"it gives {type(data).__name__}, not bytes")  # noqa: TRY004 - one kind of fault for callers
    return bytes(data)
