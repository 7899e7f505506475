"""The options that pcapng blocks carry behind their fixed part. Source: draft-ietf-opsawg-pcapng, section 3.5."""

from __future__ import annotations

import struct
from collections.abc import Iterator

OVERRUN = -1
"""Code given in place of an option that runs past its block; nothing follows it."""

COMMENT = 1


def read_options(body: bytes, at: int, order: str) -> Iterator[tuple[int, bytes]]:
    """Give code and value of each option of a block, without the one that ends them.

    Args:
        body: The block between its two lengths.
        at: Where the options begin; at or behind the end of ``body`` if there are none.
        order: Byte order as ``struct`` writes it.

    Yields:
        Options in file order; last ``(OVERRUN, b"")`` if one is longer than what is left.
    """
    head = struct.Struct(f"{order}HH")
    while at + 4 <= len(body):
        code, length = head.unpack_from(body, at)
        if code == 0:
            return
        at += 4
        if length > len(body) - at:
            yield OVERRUN, b""
            return
        yield code, body[at : at + length]
        at += (length + 3) & ~3


def read_text(value: bytes, most: int = 1000) -> str:
    """Read a text of a capture file: UTF-8, up to the first zero byte, at most ``most`` bytes of it."""
    return value[:most].partition(b"\0")[0].decode("utf-8", "replace")


def read_count(value: bytes, order: str) -> int | None:
    """Read a 64-bit counter; None if it has another length or says that it is unknown (all ones)."""
    if len(value) != 8:
        return None
    (count,) = struct.unpack(f"{order}Q", value)
    return None if count == (1 << 64) - 1 else int(count)
