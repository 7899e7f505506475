"""Work that is done aside, by a copy of this process, while this one goes on.

The copy sees all as it was when it was made and costs only the memory that is changed meanwhile. What it worked out
comes back through a pipe.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import select
import signal
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

_T = TypeVar("_T")
_PIECE = 1 << 16


class Aside(Generic[_T]):
    """One piece of work at a time. Where no copy can be made (no memory, not on this system) it is done here and now.

    The process must have no second thread that holds something the work needs.
    """

    def __init__(self) -> None:
        self._done: list[_T] = []
        self._copy: int | None = None
        self._out = -1
        self._came = bytearray()

    @property
    def is_busy(self) -> bool:
        """Something is being worked out, or was and is not fetched yet."""
        return self._copy is not None or bool(self._done)

    def begin(self, work: Callable[[], _T]) -> None:
        """Have a copy do the work; nothing may be under way."""
        reading, writing = os.pipe()
        try:
            copy = os.fork()
        except (OSError, AttributeError):
            os.close(reading)
            os.close(writing)
            self._done.append(work())
            return
        if copy == 0:
            _work_and_leave(work, reading, writing)
        os.close(writing)
        self._copy, self._out = copy, reading
        self._came.clear()

    def fetch(self) -> _T | None:
        """What was worked out, once; None as long as it is not ready. Never waits.

        A copy that died, for want of memory perhaps, gives nothing: the next one may.
        """
        if self._done:
            return self._done.pop()
        poll = select.poll()
        if self._copy is not None:
            poll.register(self._out, select.POLLIN)
        while self._copy is not None and poll.poll(0):
            piece = os.read(self._out, _PIECE)
            self._came += piece
            if not piece:
                self.close()
                return self._read()
        return None

    def close(self) -> None:
        """End what is under way."""
        if self._copy is None:
            return
        os.close(self._out)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._copy, signal.SIGKILL)
        os.waitpid(self._copy, 0)
        self._copy = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> _T | None:
        try:
            # From our own copy, through a pipe that nobody else holds.
            result: _T = pickle.loads(self._came)  # noqa: S301
        except (EOFError, pickle.UnpicklingError):
            return None
        return result


def begin_as_copy(*others: int) -> None:
    """What a copy of this process does first: it closes the ends of pipes that are the original's alone."""
    # Ctrl-C is the original's; it ends the copy when it wants.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    for end in others:
        os.close(end)


def _work_and_leave(work: Callable[[], _T], reading: int, writing: int) -> None:
    """What the copy does. It leaves without a word to what it shares with the original: buffers, files, terminal."""
    status = 1
    try:
        begin_as_copy(reading)
        with os.fdopen(writing, "wb") as out:
            pickle.dump(work(), out, pickle.HIGHEST_PROTOCOL)
        status = 0
    finally:
        os._exit(status)
