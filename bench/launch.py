"""Runs one command as a child, and prints what it took as JSON: seconds, processor time, memory, exit status.

A program of its own, started small: the system counts as a process' memory also what it had before it became
another program. It needs the standard library alone and runs with ``python -IS``.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

_EVERY_S = 0.05
_PROC = Path("/proc")
_ENDS = {signal.SIGINT, signal.SIGTERM}
_HEARD = _ENDS | {signal.SIGCHLD}


class Watch:
    """Samples the memory of a process and all it started, and ends them when they take too much."""

    def __init__(self, root: int, limit_s: float, limit_bytes: int) -> None:
        self.peak_bytes = 0
        self.was_ended = False
        self._root = root
        self._limit_s = limit_s
        self._limit_bytes = limit_bytes
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No more samples."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        begin = time.monotonic()
        while not self._is_over.wait(_EVERY_S):
            size = measure_tree(self._root)
            self.peak_bytes = max(self.peak_bytes, size)
            if size > self._limit_bytes or time.monotonic() - begin > self._limit_s:
                self.was_ended = True
                end_group(self._root)
                return


def end_group(leader: int) -> None:
    """End a process and all it started; nothing if they have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def measure_tree(root: int) -> int:
    """Bytes of memory that a process and its descendants have now; what they share is counted once."""
    tree = list(list_tree(root))
    # The share of each page takes the kernel a walk over all of them, so one process alone is asked the cheap way.
    return _resident(tree[0]) if len(tree) == 1 else sum(map(_proportional, tree))


def list_tree(pid: int) -> Iterator[int]:
    """A process and its descendants."""
    yield pid
    for listed in _PROC.glob(f"{pid}/task/*/children"):
        with contextlib.suppress(OSError):
            for child in listed.read_text().split():
                yield from list_tree(int(child))


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError, IndexError):
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    return 0


def _proportional(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _become(words: list[str]) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(nothing, handle)
    os.setsid()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
    os.execvp(words[0], words)


def _wait(child: int) -> tuple[int, resource.struct_rusage]:
    """What became of the child; it and all it started are ended if this process is told to end."""
    # The signals are blocked and asked for: one that comes just before a plain wait would be slept over.
    while True:
        heard = signal.sigwait(_HEARD)
        if heard in _ENDS:
            end_group(child)
            os.kill(child, signal.SIGKILL)
            sys.exit(128 + heard)
        ended, status, usage = os.wait4(child, os.WNOHANG)
        if ended:
            return status, usage


def main() -> None:
    """``launch.py LIMIT_S LIMIT_BYTES WORD …``."""
    limit_s, limit_bytes, words = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    begin = time.perf_counter()
    child = os.fork()
    if not child:
        try:
            _become(words)
        finally:
            os._exit(127)
    watch = Watch(child, limit_s, limit_bytes)
    status, usage = _wait(child)
    seconds = time.perf_counter() - begin
    watch.stop()
    answer = {
        "seconds": seconds,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_bytes": max(usage.ru_maxrss * 1024, watch.peak_bytes),
        "status": os.waitstatus_to_exitcode(status),
        "was_ended": watch.was_ended,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
