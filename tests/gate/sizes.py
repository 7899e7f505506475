"""Check that no module and no function grows beyond what one reads in one go.

Run as a script it prints one line per fault and exits with 1 if there is one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES = 500
FUNCTION_LINES = 60
FOLDERS = ("pcapaudit", "tests", "bench")

COMPILED = frozenset({"pcapaudit/scan/core.py", "pcapaudit/capture/walk.py"})
"""Their loops are compiled and read better whole; the limit of a module holds for them, too."""


def find_faults(root: Path) -> Iterator[str]:
    """Yield one sentence per module and per function of the checkout ``root`` that is too long."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            yield from _judge_module(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))


def _judge_module(name: str, source: str) -> Iterator[str]:
    lines = len(source.splitlines())
    if lines > MODULE_LINES:
        yield f"{name}: {lines} lines, {MODULE_LINES} are allowed"
    if name not in COMPILED:
        yield from _judge_functions(name, source)


def _judge_functions(name: str, source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{name}:{node.lineno}: {node.name} has {lines} lines, {FUNCTION_LINES} are allowed"


def main() -> int:
    """Check this checkout; the exit status."""
    faults = list(find_faults(Path(__file__).resolve().parents[2]))
    print("\n".join(faults) if faults else "sizes: every module and function is short enough")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
