"""What binds a job to the program that started it: it ends when that ends, and has so much memory and no more.

The job puts this on itself. Its starter could do it between fork and exec, but that is no safe place for Python in a
program with threads.
"""

from __future__ import annotations

import os
import resource
import signal
import sys

VARIABLE = "PCAPAUDIT_JOB"
_SET_PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


def environment(memory_bytes: int) -> dict[str, str]:
    """The environment for a job of this process, which may use so much address space."""
    return {**os.environ, VARIABLE: f"{os.getpid()}:{memory_bytes}"}


def put_on() -> None:
    """Bound the memory of this process and tie its life to its starter's, if it was started as a job."""
    starter, _, memory = os.environ.pop(VARIABLE, "").partition(":")
    if not (starter.isdecimal() and memory.isdecimal()):
        return
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = int(memory) if most == resource.RLIM_INFINITY else min(int(memory), most)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, wanted))
    if sys.platform == "linux":
        _end_with(int(starter))


def _end_with(starter: int) -> None:
    # Loaded by jobs alone; the command line starts without it.
    import ctypes  # noqa: PLC0415

    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != starter:
        # It ended before the line above, so no signal will ever come.
        os._exit(1)
