"""A diagnosis on two processors: a copy of this process does every second host and device.

Both have the whole capture, as it was when the copy was made, and take the same steps; only what they work out goes
through pipes. If the copy dies, for want of memory perhaps, this process does its part, too.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any, TypeVar

from pcapaudit.capture.ahead import has_second_processor
from pcapaudit.diagnose.crew import Alone, Crew
from pcapaudit.engine.aside import begin_as_copy

try:
    import fcntl
except ImportError:  # no such system has fork
    fcntl = None  # type: ignore[assignment]

T = TypeVar("T")
AHEAD = 16
"""So many results of its own the first process keeps while it waits for the copy's."""
PIPE = 1 << 20
"""Bytes of results that the copy may be ahead; a device has about thirty thousand."""
_LOST = (EOFError, OSError, pickle.UnpicklingError)
"""What is met where the other process is gone."""


def in_two(work: Callable[[Crew], T]) -> T:
    """Do the work in two processes where that can be, else in this one.

    Args:
        work: What both do; its result is that of this process.
    """
    if not may_copy():
        return work(Alone())
    (from_copy, to_here), (from_here, to_copy) = os.pipe(), os.pipe()
    _widen(to_here)
    try:
        copy = os.fork()
    except OSError:
        for end in (from_copy, to_here, from_here, to_copy):
            os.close(end)
        return work(Alone())
    if copy == 0:
        _follow(work, from_here, to_here, (from_copy, to_copy))
    for end in (to_here, from_here):
        os.close(end)
    try:
        with os.fdopen(from_copy, "rb") as receive, os.fdopen(to_copy, "wb") as send:
            return work(Leader(receive, send))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(copy, signal.SIGKILL)
        os.waitpid(copy, 0)


def _widen(pipe: int) -> None:
    """Let a pipe hold the results of some devices, so that the copy need not wait until they are read."""
    with contextlib.suppress(AttributeError, OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)


def may_copy() -> bool:
    """Whether a copy is worth it and can be made: one of a process with threads may wait for what one of them held."""
    return has_second_processor() and hasattr(os, "fork") and threading.active_count() == 1


class Leader:
    """The process that began: it does the even numbers.

    Args:
        receive: From the copy.
        send: To it.
    """

    def __init__(self, receive: IO[bytes], send: IO[bytes]) -> None:
        self._receive = receive
        self._send = send
        self._is_alone = False

    def share(self, work: Callable[[int], T], numbers: Sequence[int]) -> list[T]:
        """See ``Crew``."""
        own = [work(number) for number in numbers if not number % 2]
        others: list[T] | None = self._hear()
        if others is None:
            others = [work(number) for number in numbers if number % 2]
        else:
            self._tell(own)
        return _together(own, others, numbers)

    def gather(self, work: Callable[[int], T], numbers: Sequence[int]) -> Iterator[T]:
        """See ``Crew``; while the copy is not ready with the next, this process goes on with its own."""
        own = iter([number for number in numbers if not number % 2])
        ahead: deque[T] = deque()
        for number in numbers:
            if not number % 2:
                yield ahead.popleft() if ahead else work(next(own))
                continue
            while len(ahead) < AHEAD and not self._is_told():
                following = next(own, None)
                if following is None:
                    break
                ahead.append(work(following))
            result: T | None = self._hear()
            yield work(number) if result is None else result

    def _is_told(self) -> bool:
        """Whether the copy has sent more, or is gone.

        What was read from the pipe already is not seen: then some work is done earlier than it had to be.
        """
        return self._is_alone or bool(select.select([self._receive], [], [], 0)[0])

    def _hear(self) -> Any:
        """What the copy worked out; None if it is gone."""
        if not self._is_alone:
            try:
                # From our own copy, through a pipe that nobody else holds.
                return pickle.load(self._receive)  # noqa: S301
            except _LOST:
                self._is_alone = True
        return None

    def _tell(self, own: list[T]) -> None:
        with contextlib.suppress(OSError):
            _write(own, self._send)


class Follower:
    """The copy: it does the odd numbers.

    Args:
        receive: From the process that began.
        send: To it.
        leader: Its process id.
    """

    def __init__(self, receive: IO[bytes], send: IO[bytes], leader: int) -> None:
        self._receive = receive
        self._send = send
        self._leader = leader

    def share(self, work: Callable[[int], T], numbers: Sequence[int]) -> list[T]:
        """See ``Crew``."""
        own = list(self._work(work, numbers))
        _write(own, self._send)
        # From the process that this is a copy of.
        return _together(pickle.load(self._receive), own, numbers)  # noqa: S301

    def gather(self, work: Callable[[int], T], numbers: Sequence[int]) -> Iterator[T]:
        """See ``Crew``; the copy ends with it."""
        for result in self._work(work, numbers):
            _write(result, self._send)
        os._exit(0)

    def _work(self, work: Callable[[int], T], numbers: Sequence[int]) -> Iterator[T]:
        for number in (n for n in numbers if n % 2):
            if os.getppid() != self._leader:
                os._exit(1)
            yield work(number)


def _follow(work: Callable[[Crew], T], receive: int, send: int, others: tuple[int, int]) -> None:
    """What the copy does. It leaves without a word to what it shares with the original: buffers, files, terminal."""
    try:
        leader = os.getppid()
        begin_as_copy(*others)
        with os.fdopen(receive, "rb") as heard, os.fdopen(send, "wb") as told:
            work(Follower(heard, told, leader))
    finally:
        os._exit(1)


def _write(result: object, send: IO[bytes]) -> None:
    pickle.dump(result, send, pickle.HIGHEST_PROTOCOL)
    send.flush()


def _together(even: Iterable[T], odd: Iterable[T], numbers: Iterable[int]) -> list[T]:
    """The results of both in the order of the numbers."""
    results = (iter(even), iter(odd))
    return [next(results[number % 2]) for number in numbers]
