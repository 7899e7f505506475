"""The process that tells others, seen from whoever started it: two pipes at which nobody waits."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import IO, Any, cast

from pcapaudit.station.teller import Start

_WORDS = ("-m", "pcapaudit.station.teller")
_PIECE = 1 << 16
_LONGEST_LINE = 1 << 16
_GRACE_S = 1.0


class TellerProcess:
    """A running process that tells others.

    Args:
        start: What it is told first.

    Raises:
        OSError: It does not start.
    """

    def __init__(self, start: Start) -> None:
        # A session of its own: Ctrl-C is for whoever captures. The wish goes through the pipe, for it holds secrets.
        self._process = subprocess.Popen(
            [sys.executable, *_WORDS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=() if start.listening is None else (start.listening,),
            start_new_session=True,
            bufsize=0,
        )
        self._into = cast("IO[bytes]", self._process.stdin)
        self._from = cast("IO[bytes]", self._process.stdout)
        for stream in (self._into, self._from):
            os.set_blocking(stream.fileno(), False)
        self._heard = bytearray()
        self._reads_no_more = False
        self.give(start.write())

    @property
    def ended(self) -> str | None:
        """How it ended: ``status 1``, ``signal 9``; None while it runs."""
        status = self._process.poll()
        if status is None:
            return "it reads no more" if self._reads_no_more else None
        return f"signal {-status}" if status < 0 else f"status {status}"

    def give(self, line: bytes) -> None:
        """Write a line as far as there is room; only when the one before is written."""
        self._unwritten = memoryview(line)
        self.has_room()

    def has_room(self) -> bool:
        """Whether a line can be given, when the last one was written on as far as the pipe takes it."""
        try:
            while self._unwritten and not self._reads_no_more:
                self._unwritten = self._unwritten[os.write(self._into.fileno(), self._unwritten) :]
        except BlockingIOError:
            return False
        except BrokenPipeError:
            self._reads_no_more = True
        return not self._reads_no_more

    def hear(self) -> Iterator[Mapping[str, Any]]:
        """What it says, line by line, as far as it is there."""
        while True:
            try:
                piece = os.read(self._from.fileno(), _PIECE)
            except BlockingIOError:
                return
            if not piece:
                return
            *lines, rest = bytes(self._heard + piece).split(b"\n")
            self._heard = bytearray(rest[:_LONGEST_LINE])
            yield from filter(None, map(_read, lines))

    def wait_for_room(self, seconds: float) -> None:
        """Wait until it reads on."""
        _wait(self._into, select.POLLOUT, seconds)

    def wait_for_words(self, seconds: float) -> bool:
        """Wait until it says something; False when the time is over or it has ended without a word."""
        return bool(_wait(self._from, select.POLLIN, seconds) & select.POLLIN)

    def close_input(self) -> None:
        """Nothing more comes: it sends what waits, and ends."""
        self._into.close()

    def end(self) -> None:
        """End it; one that does not end by itself is killed."""
        self._into.close()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._from.close()


def _read(line: bytes) -> Mapping[str, Any] | None:
    """What a line says; None for one that is none of ours."""
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _wait(stream: IO[bytes], event: int, seconds: float) -> int:
    """What is there when the time is over, or before."""
    poll = select.poll()
    poll.register(stream, event)
    return sum(found for _, found in poll.poll(1000 * seconds))
