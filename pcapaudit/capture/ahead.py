"""A second thread that reads the next bytes while those before them are looked at."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread

_NAP_S = 0.5

Work = Callable[[memoryview], int]


def has_second_processor() -> bool:
    """Tell whether a second thread could run at the same time as this one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) > 1
    return (os.cpu_count() or 1) > 1


class Ahead:
    """One thread that fills one piece of memory at a time.

    It may wait for its source for ever; nobody needs to wait for it in order to end the program.

    Args:
        work: Fills memory from its start and gives the number of bytes; 0 when there are no more.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._last: Callable[[], object] = bool
        self._orders: SimpleQueue[memoryview | None] = SimpleQueue()
        self._sizes: SimpleQueue[int] = SimpleQueue()
        Thread(target=self._run, daemon=True, name="read-ahead").start()

    def order(self, room: memoryview) -> None:
        """Have ``room`` filled, which is the thread's until ``wait`` is called."""
        self._orders.put(room)

    def wait(self) -> int:
        """Give the number of bytes that came into the memory ordered last."""
        # In short naps: a signal that comes just before a wait would be slept over until the next bytes.
        while True:
            with suppress(Empty):
                return self._sizes.get(timeout=_NAP_S)

    def close(self, last: Callable[[], object]) -> None:
        """Let the thread end when it has filled what was ordered; then it calls ``last``."""
        self._last = last
        self._orders.put(None)

    def _run(self) -> None:
        try:
            while (room := self._orders.get()) is not None:
                self._sizes.put(self._work(room))
        finally:
            # Whoever waits is told that nothing more comes, even if the work broke.
            self._sizes.put(0)
            self._last()
