"""Bytes as lines of sixteen: where they lie, the bytes, their characters."""

from __future__ import annotations

from collections.abc import Iterator

BYTES_A_LINE = 16


def hex_lines(data: bytes, digits: int = 4) -> Iterator[str]:
    """One line for sixteen bytes, as ``0010  08 00 06 …  ........``; a dot stands for what is no printable ASCII.

    Args:
        data: The bytes.
        digits: Of the position at the begin of a line, at least.
    """
    for at in range(0, len(data), BYTES_A_LINE):
        part = data[at : at + BYTES_A_LINE]
        characters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        yield f"{at:0{digits}x}  {part.hex(' '):<{3 * BYTES_A_LINE - 1}}  {characters}"
