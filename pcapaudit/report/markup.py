"""Pieces of Markdown (CommonMark, tables as GitHub has them) in which no text can open a tag, a link or a cell."""

from __future__ import annotations

from collections.abc import Sequence

_SPECIAL = str.maketrans({char: f"&#{ord(char)};" for char in "&\\`*_[]<>|~#$"})


def safe(text: str) -> str:
    """The text with every character that Markdown or HTML would obey as an entity."""
    return " ".join(text.split()).translate(_SPECIAL)


def code(text: str) -> str:
    """A code span that holds exactly this text (CommonMark 0.31, section 6.1)."""
    longest = max((len(run) for run in "".join(c if c == "`" else " " for c in text).split()), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}" if longest else f"`{text}`"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the cells of the rows are made safe, those of the header are ours."""
    lines = [header, ["---"] * len(header), *([safe(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def items(texts: Sequence[str], mark: str = "-") -> str:
    """A list; ``mark`` may be ``1.``."""
    return "\n".join(f"{mark} {safe(text)}" for text in texts)
