"""Places text on lines of a fixed width. Width is counted in terminal cells, not characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence


def count_cells(text: str) -> int:
    """Cells that a text takes: East Asian wide characters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(_cell(char) for char in text)


def _cell(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def pad(text: str, width: int) -> str:
    """The text filled with blanks to at least ``width`` cells."""
    return text + " " * (width - count_cells(text))


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most ``width`` cells, broken at blanks; a longer word is cut. At least one line."""
    lines = [""]
    for word in _cut_words(text, width):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if count_cells(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines


def _cut_words(text: str, width: int) -> Iterator[str]:
    """Words of at most ``width`` cells."""
    for word in text.split():
        if count_cells(word) <= width:
            yield word
        else:
            yield from _cut(word, width)


def _cut(word: str, width: int) -> Iterator[str]:
    piece, size = "", 0
    for char in word:
        cell = _cell(char)
        if size + cell > width:
            yield piece
            piece, size = "", 0
        piece, size = piece + char, size + cell
    yield piece


def hang(label: str, text: str, *, indent: int, width: int) -> list[str]:
    """A label, then the text, whose lines all begin at column ``indent``.

    A label that does not fit before the text gets a line of its own.
    """
    lines = wrap(text, width - indent)
    if count_cells(label) >= indent and label:
        return [next(_cut(label, width)), *(" " * indent + line for line in lines)]
    return [pad(label, indent) + lines[0], *(" " * indent + line for line in lines[1:])]


def join_wrapped(items: Sequence[str], separator: str, *, width: int) -> list[str]:
    """Items in a row, broken between items where possible. At least one line."""
    lines = [""]
    for item in items:
        joined = f"{lines[-1]}{separator}{item}" if lines[-1] else item
        if count_cells(joined) <= width:
            lines[-1] = joined
        else:
            lines += wrap(item, width)
    return lines if lines[0] else lines[1:] or lines


def lay_row(cells: Sequence[str], widths: Sequence[int], *, indent: int, right: int = -1) -> list[str]:
    """One row of a table with two blanks between the columns; a cell that is too wide goes on below.

    The column numbered ``right`` ends at its right edge, the others begin at their left one.
    """
    columns = [wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
    if right >= 0:
        columns[right] = [" " * (widths[right] - count_cells(line)) + line for line in columns[right]]
    height = max(len(column) for column in columns)
    lines = []
    for number in range(height):
        parts = [pad(c[number] if number < len(c) else "", w) for c, w in zip(columns, widths, strict=True)]
        lines.append((" " * indent + "  ".join(parts)).rstrip())
    return lines
