"""A process in which every compiled module runs as the plain Python that it was made of.

Run as a script it reads paths, one a line, and answers each with one line of JSON: the report, or why there is none.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import IO

CHECKOUT = Path(__file__).resolve().parents[2]


class SourceFinder(MetaPathFinder):
    """Finds the sources of our package, and never a compiled module that lies beside one."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module below ``pcapaudit``; others are left to the usual finders."""
        if not fullname.startswith("pcapaudit."):
            return None
        finders = (FileFinder(entry, (SourceFileLoader, SOURCE_SUFFIXES)) for entry in path or ())
        return next((spec for finder in finders if (spec := finder.find_spec(fullname, target))), None)


class Interpreted:
    """The process, seen from outside."""

    def __init__(self, asked: IO[str], answered: IO[str]) -> None:
        self._asked = asked
        self._answered = answered

    def audit(self, path: Path) -> str | None:
        """The report of a capture as JSON; None if it could not be read."""
        print(path, file=self._asked, flush=True)
        answer: str | None = json.loads(self._answered.readline())
        return answer


@contextmanager
def interpreted() -> Iterator[Interpreted]:
    """Start the process; it ends with its input."""
    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process has no pipes")
        with process.stdin:
            yield Interpreted(process.stdin, process.stdout)


def _check_that_all_is_source() -> None:
    loaded = {name: str(module.__file__) for name, module in sys.modules.items() if name.startswith("pcapaudit.")}
    if compiled := sorted(name for name, file in loaded.items() if not file.endswith(".py")):
        raise RuntimeError(f"compiled: {compiled}")


def main() -> None:
    """Answer until the input ends."""
    sys.meta_path.insert(0, SourceFinder())
    sys.path.insert(0, str(CHECKOUT))
    scoring = importlib.import_module("tests.lab.scoring")
    options = importlib.import_module("pcapaudit.engine.options").AuditOptions(all_devices=True)
    document = importlib.import_module("pcapaudit.report.document")
    errors = importlib.import_module("pcapaudit.model.errors")
    _check_that_all_is_source()
    for line in sys.stdin:
        try:
            answer = document.to_json(scoring.audit([line.rstrip("\n")], options))
        except errors.CaptureError:
            answer = None
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
