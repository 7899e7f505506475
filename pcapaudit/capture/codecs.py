"""Undo the compression of a capture, a bounded piece at a time: gzip, bzip2, xz, zstd, lz4.

Whatever the input, one call gives a limited number of bytes, so that a small file cannot fill the memory. Damage
ends the stream; what could be undone before it has been given by then.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

import lz4.frame
import zstandard

PIECE = 1 << 18
"""Most bytes that one call of a decoder is asked for."""

_MEMORY = 1 << 28
"""Most memory that an xz stream may ask for."""

_MAGICS: Mapping[bytes, str] = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
}
"""First bytes of a stream -> codec."""

MAGIC_LENGTH = max(map(len, _MAGICS))

_PADDING = b"\0"
"""gzip and xz allow zero bytes between and after streams; tapes and block devices leave them."""

_FAULTS = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, RuntimeError, ValueError, MemoryError)
"""What the five libraries raise on damaged input; lz4 knows only RuntimeError, bz2 only OSError."""


class Decoder(Protocol):
    """One compressed stream, as ``bz2.BZ2Decompressor`` behaves."""

    @property
    def eof(self) -> bool:
        """The end of the stream was met."""

    @property
    def needs_input(self) -> bool:
        """Nothing more comes without new input."""

    @property
    def unused_data(self) -> bytes | None:
        """Input behind the end of the stream."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take input, give at most ``max_length`` bytes."""


def detect_codec(start: bytes) -> str | None:
    """Name the codec of a stream by its first bytes; None if it is none of ours."""
    if _is_skippable(start):
        return "zstd"
    return next((codec for magic, codec in _MAGICS.items() if start.startswith(magic)), None)


def _is_skippable(start: bytes) -> bool:
    """Tell whether a skippable frame begins, which zstd and lz4 share (RFC 8878, section 3.1.2)."""
    return start[1:4] == b"\x2a\x4d\x18" and start[0] & 0xF0 == 0x50


class GzipDecoder:
    """One gzip member. Source: RFC 1952.

    The frame around the deflate data is undone here: zlib would keep back the last bytes of a member whose check sum
    is wrong, and with them every frame of a small capture.
    """

    def __init__(self) -> None:
        self.eof = False
        self._held = b""
        self._body: zlib._Decompress | None = None
        self._check = 0
        self._size = 0
        self._is_stuck = True
        self._fault = ""

    @property
    def needs_input(self) -> bool:
        """Nothing more comes without new input."""
        return self._is_stuck and not self.eof

    @property
    def unused_data(self) -> bytes:
        """Input behind the end of the member."""
        return self._held if self.eof else b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take input, give at most ``max_length`` bytes.

        Raises:
            zlib.error: The member is damaged; everything before the damage was given by earlier calls.
        """
        if self._fault:
            raise zlib.error(self._fault)
        self._held += data
        self._is_stuck = False
        if self._body is None and not self._open_body():
            return b""
        out = self._inflate(max_length)
        if not out:
            self._close_body()
        return out

    def _open_body(self) -> bool:
        start = measure_gzip_header(self._held)
        if start is None:
            self._is_stuck = True
            return False
        self._held = self._held[start:]
        self._body = zlib.decompressobj(-zlib.MAX_WBITS)
        return True

    def _inflate(self, limit: int) -> bytes:
        body = self._body
        if body is None or body.eof:
            return b""
        before = body.copy()
        try:
            out = body.decompress(self._held, limit)
        except zlib.error as error:
            self._fault = str(error)
            return _inflate_up_to_fault(before, self._held, limit)
        self._held = body.unconsumed_tail or body.unused_data
        self._check = zlib.crc32(out, self._check)
        self._size += len(out)
        return out

    def _close_body(self) -> None:
        """Compare the trailer, when the deflate data has ended and the trailer is there."""
        if self._fault:
            raise zlib.error(self._fault)
        if self._body is None or not self._body.eof or len(self._held) < 8:
            self._is_stuck = True
            return
        check, size = self._held[:4], self._held[4:8]
        if int.from_bytes(check, "little") != self._check or int.from_bytes(size, "little") != self._size % (1 << 32):
            raise zlib.error("its check sum does not match")
        self._held = self._held[8:]
        self.eof = True


def measure_gzip_header(data: bytes) -> int | None:
    """Give the length of the member header that ``data`` starts with; None while more bytes are needed.

    Raises:
        zlib.error: No header of a deflate member, or one of absurd length.

    Source: RFC 1952, section 2.3.
    """
    if len(data) < 10:
        return None
    if not data.startswith(b"\x1f\x8b\x08"):
        raise zlib.error("no gzip header where one must stand")
    flags, at = data[3], 10
    if flags & 4:
        at += 2 + int.from_bytes(data[10:12], "little")
    for has_text in (flags & 8, flags & 16):
        if has_text:
            end = data.find(b"\0", at)
            at = end + 1 if end >= 0 else len(data) + 1
    at += 2 if flags & 2 else 0
    if at <= len(data):
        return at
    if len(data) > PIECE:
        raise zlib.error("its header does not end")
    return None


def _inflate_up_to_fault(inner: zlib._Decompress, data: bytes, limit: int) -> bytes:
    """Give what can be undone before the damage, perhaps without the last byte.

    zlib drops the output of the call that meets the damage; so the same input is tried for less and less output.
    """
    pieces = []
    step = limit
    while step and limit > 0:
        trial = inner.copy()
        try:
            piece = trial.decompress(data, step)
        except zlib.error:
            step //= 2
            continue
        if not piece:
            break
        pieces.append(piece)
        limit -= len(piece)
        step = min(step, limit)
        inner, data = trial, trial.unconsumed_tail
    return b"".join(pieces)


class ZstdDecoder:
    """One zstd frame. Source: RFC 8878.

    The library gives all that its input holds at once, and 4 bytes of input can hold 128 KiB of output (a block of one
    repeated byte), so input is fed in small slices.
    """

    SLICE = 1024

    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor().decompressobj()
        self._held = memoryview(b"")

    @property
    def eof(self) -> bool:
        """The end of the frame was met."""
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        """Nothing more comes without new input."""
        return not self._held and not self.eof

    @property
    def unused_data(self) -> bytes:
        """Input behind the end of the frame."""
        return self._inner.unused_data + bytes(self._held)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take input, give about ``max_length`` bytes, at most 32 MiB more.

        Raises:
            zstandard.ZstdError: The frame is damaged.
        """
        if data:
            self._held = memoryview(bytes(self._held) + data)
        pieces: list[bytes] = []
        size = 0
        while self._held and size < max_length and not self.eof:
            piece = self._inner.decompress(self._held[: self.SLICE])
            self._held = self._held[self.SLICE :]
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)


def _start_decoder(codec: str) -> Decoder:
    """Begin a new stream of a codec."""
    match codec:
        case "gzip":
            return GzipDecoder()
        case "bzip2":
            return bz2.BZ2Decompressor()
        case "xz":
            return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
        case "zstd":
            return ZstdDecoder()
    decoder: Decoder = lz4.frame.LZ4FrameDecompressor()
    return decoder


class Unpacker:
    """Undo a codec; several compressed streams, one behind the other, count as one."""

    def __init__(self, codec: str, read: Callable[[], bytes]) -> None:
        """Take the codec's name, and a function that gives the next compressed bytes, none at their end."""
        self.codec = codec
        self.fault: str | None = None
        """Why the stream ended, if it ended badly."""
        self._read = read
        self._decoder = _start_decoder(codec)

    def read(self) -> bytes:
        """Give the next piece, about ``PIECE`` bytes at most; empty at the end or at a fault."""
        while self.fault is None:
            if self._decoder.eof:
                if not self._start_next():
                    return b""
                continue
            data = self._read() if self._decoder.needs_input else b""
            if not data and self._decoder.needs_input:
                self.fault = f"its {self.codec} stream is cut short"
                return b""
            piece = self._decode(data)
            if piece:
                return piece
        return b""

    def _decode(self, data: bytes) -> bytes:
        try:
            return self._decoder.decompress(data, PIECE)
        except _FAULTS as error:
            self.fault = f"its {self.codec} stream is damaged ({error})"
            return b""

    def _start_next(self) -> bool:
        """Begin the stream behind the one that ended; False if there is none."""
        rest = (self._decoder.unused_data or b"").lstrip(_PADDING)
        while len(rest) < MAGIC_LENGTH:
            data = self._read()
            if not data:
                break
            rest = (rest + data).lstrip(_PADDING)
        if not rest:
            return False
        if detect_codec(rest) != self.codec and not _is_skippable(rest):
            self.fault = f"bytes that are no {self.codec} stream follow its {self.codec} stream"
            return False
        self._decoder = _start_decoder(self.codec)
        self._read = _give_first(rest, self._read)
        return True


def _give_first(data: bytes, read: Callable[[], bytes]) -> Callable[[], bytes]:
    """Give a reader that returns ``data`` once and then what ``read`` gives."""
    held = [data]

    def read_held_first() -> bytes:
        return held.pop() if held else read()

    return read_held_first
