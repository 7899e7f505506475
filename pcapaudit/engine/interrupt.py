"""Ctrl-C as a wish: the first asks for the report of what there is, the second ends the program."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType
from typing import Self, TypeVar

_Item = TypeVar("_Item")


class Interrupt:
    """Notes the first Ctrl-C instead of ending what runs; a second one raises KeyboardInterrupt.

    Python raises KeyboardInterrupt wherever it stands, also half-way through a table. Here it is raised while the next
    bytes are waited for, so that an idle pipe can be left, and noted everywhere else. Where Ctrl-C is somebody else's
    (another thread, a handler of his own), it stays so.
    """

    def __init__(self) -> None:
        self.is_noted = False
        """Ctrl-C was pressed once."""
        self._is_waiting = False
        self._is_ours = False

    def __enter__(self) -> Self:
        in_main = threading.current_thread() is threading.main_thread()
        self._is_ours = in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._is_ours:
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def until_noted(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """The items until they end or Ctrl-C comes, also while the next one is waited for."""
        iterator = iter(items)
        while True:
            item = self._wait_for(iterator)
            if item is None:
                return
            yield item

    def _wait_for(self, iterator: Iterator[_Item]) -> _Item | None:
        item: _Item | None = None
        try:
            # In this order: a Ctrl-C between the two lines must not be slept over.
            self._is_waiting = True
            if not self.is_noted:
                item = next(iterator, None)
            self._is_waiting = False
        except KeyboardInterrupt:
            self.is_noted = True
            self._is_waiting = False
        return item

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        was_noted, self.is_noted = self.is_noted, True
        if was_noted or self._is_waiting:
            self._is_waiting = False
            raise KeyboardInterrupt
