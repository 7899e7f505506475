"""Keeps a watch running in a process of its own: reads what it tells, and begins it anew when it dies.

The watch (``pcapaudit live --format jsonl --status``) tells something each second. It ends in an orderly way when it is
told to, and when nobody reads any more, so that none is left behind when this process is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pcapaudit.engine.jobs import read_lines

_LOG = logging.getLogger(__name__)

Take = Callable[[dict[str, Any]], None]

LONGEST_LINE = 4 << 20
"""Bytes of a line: a status with a thousand devices has less than one of these four million."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
"""Seconds before a watch that died is begun anew: twice as many each time, until one has lived for so long."""
GRACE_S = 5.0
"""Seconds that a watch has to write its end."""
_KEPT_LINES = 3
_KEPT_CHARACTERS = 500


def live_words(interface: str, capture_filter: str, ring_size: int, folder: Path) -> list[str]:
    """The command that watches an interface and tells how it stands.

    Args:
        interface: Where the mirror port arrives.
        capture_filter: What to capture, pcap-filter(7); empty for everything.
        ring_size: Bytes of frames that are kept.
        folder: Where the ring and the memory of the watch lie.
    """
    words = [sys.executable, "-m", "pcapaudit", "live", f"--interface={interface}", "--format=jsonl", "--status"]
    words += [f"--filter={capture_filter}"] if capture_filter else []
    return [
        *words,
        f"--keep-ring={ring_folder(folder)}",
        f"--ring-size={max(1, ring_size >> 20)}M",
        f"--state={state_file(folder)}",
    ]


def ring_folder(folder: Path) -> Path:
    """Where the watch of a folder keeps its frames."""
    return folder / "ring"


def state_file(folder: Path) -> Path:
    """Where the watch of a folder keeps what it knows."""
    return folder / "watch.sqlite"


class Child:
    """A program that prints a JSON object a line, kept running.

    Args:
        words: Its command line.
        take: Given each object. A line that is none is passed over.
        first_pause_s: Seconds before it is begun anew for the first time.
    """

    def __init__(self, words: Sequence[str], take: Take, *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self._words = words
        self._take = take
        self._first_pause_s = first_pause_s
        self._said: deque[str] = deque(maxlen=_KEPT_LINES)
        self.fault: str | None = None
        """Why it does not run, in its own words; None while it tells something."""

    async def keep_running(self) -> None:
        """Run the program, and again when it ends. Cancelled, this ends the program and returns when it has gone."""
        pause_s = self._first_pause_s
        while True:
            begun_s = time.monotonic()
            await self.run_once()
            if time.monotonic() - begun_s >= LONGEST_PAUSE_S:
                pause_s = self._first_pause_s
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def run_once(self) -> None:
        """Run the program until it ends; ``fault`` says how it did."""
        try:
            process = await self._start()
        except OSError as error:
            self.fault = f"the watch does not start: {error.strerror or error}"
            return
        self._said.clear()
        try:
            # Both are read to their ends: a program that is not read from waits.
            await asyncio.gather(self._listen(process), self._note_words(process))
            status = await process.wait()
        finally:
            await _end(process)
        self.fault = self._say_why(status)
        _LOG.warning("the watch ended with status %d", status)

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # A Ctrl-C at the terminal is meant for this process, which then ends the watch.
            start_new_session=True,
            limit=LONGEST_LINE,
        )

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 - asked for above
        async for line in read_lines(process.stdout):
            told = _read_object(line)
            if told is not None:
                self.fault = None
                self._take(told)

    async def _note_words(self, process: asyncio.subprocess.Process) -> None:
        """Keep the last that it says to people."""
        assert process.stderr is not None  # noqa: S101 - asked for above
        async for line in read_lines(process.stderr):
            text = line[: 4 * _KEPT_CHARACTERS].decode(errors="replace").strip()
            if text:
                self._said.append(text[:_KEPT_CHARACTERS])

    def _say_why(self, status: int) -> str:
        ended = f"the watch was killed (signal {-status})" if status < 0 else f"the watch ended with status {status}"
        return f"{ended}: {self._said[-1].removeprefix('pcapaudit: ')}" if self._said else ended


def _read_object(line: bytes) -> dict[str, Any] | None:
    """A line as a JSON object; None for any other."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


async def _end(process: asyncio.subprocess.Process) -> None:
    """Have it write its end and leave; one that does not is killed."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(GRACE_S):
            # Read to the end, or it waits for somebody who does.
            await process.communicate()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
