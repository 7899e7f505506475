"""A progress line on standard error, for work that takes more than a second at a terminal."""

from __future__ import annotations

import json
import sys
import time
from types import TracebackType
from typing import Self, TextIO

_PATIENCE_S = 1.0
_STEP_S = 0.1
_LINE_S = 0.2
_WIDTH = 30


class Progress:
    """Shows how far the reading is; silent when standard error is no terminal.

    Call the object with the bytes read so far and the total, None when it is not known. Leaving
    the context wipes the line.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._is_wanted = self._stream.isatty()
        self._next_s = time.monotonic() + _PATIENCE_S
        self._shown = 0

    def __call__(self, done: int, total: int | None) -> None:
        """Take notice of ``done`` of ``total`` bytes; redraws at most ten times a second."""
        if not self._is_wanted or time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + _STEP_S
        self._show(describe(done, total))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._show("")
            self._stream.write("\r")
            self._stream.flush()

    def _show(self, text: str) -> None:
        self._stream.write("\r" + text.ljust(self._shown))
        self._stream.flush()
        self._shown = len(text)


class ProgressLines:
    """Says the same to a program: one JSON object a line on standard error, at most five a second."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._next_s = 0.0

    def __call__(self, done: int, total: int | None) -> None:
        """Take notice of ``done`` of ``total`` bytes."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + _LINE_S
            self._stream.write(json.dumps({"done": done, "total": total}) + "\n")
            self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


def describe(done: int, total: int | None) -> str:
    """The line for ``done`` of ``total`` bytes: ``reading [####----]  50 %  12.0 MB``."""
    size = f"{done / 1e6:.1f} MB"
    if not total:
        return f"reading {size}"
    share = min(1.0, done / total)
    bar = "#" * round(share * _WIDTH)
    return f"reading [{bar.ljust(_WIDTH, '-')}] {share * 100:3.0f} %  {size}"
