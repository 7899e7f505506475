"""What the compiler of the hot modules does not promise, and a wheel for another Python would show first."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def find_negative_places(source: str) -> Iterator[int]:
    """Lines where something is picked by a negative constant, counted from the end."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Subscript(slice=ast.UnaryOp(op=ast.USub())):
                yield node.lineno


def test_no_compiled_module_counts_from_the_end(checkout: Path) -> None:
    # Under wraparound=False that is undefined; built for Python 3.11 it works by chance, for 3.12 it does not.
    sources = {path: path.read_text(encoding="utf-8") for path in (checkout / "pcapaudit").rglob("*.py")}
    compiled = {path: text for path, text in sources.items() if text.startswith("# cython:")}
    assert compiled
    assert [f"{path.name}:{line}" for path, text in compiled.items() for line in find_negative_places(text)] == []


def test_counting_from_the_end_is_found_and_the_end_of_a_range_is_not() -> None:
    assert list(find_negative_places("a[0]\nb = c[1:-1]\nd[-1]\n")) == [3]
