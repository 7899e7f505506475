"""Where an audit spends its time, by the rooms of pcapaudit: a timer interrupts it and asks which one is at work.

``python -m bench.where CAPTURE`` prints it. It is run in a process of its own, on one processor.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from types import FrameType

_ROOT = Path(__file__).resolve().parents[1]
_ROOMS = str(_ROOT / "pcapaudit") + os.sep
_EVERY_S = 0.002
START = "start and imports"
ELSEWHERE = "elsewhere"


class _Sampler:
    """Gives each interval to the room that was at work at its end; machine code is charged where it returns to."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._last = time.process_time()
        self.seconds[START] = self._last

    def __call__(self, _signal: int, frame: FrameType | None) -> None:
        now = time.process_time()
        self.seconds[find_room(frame)] += now - self._last
        self._last = now


def find_room(frame: FrameType | None) -> str:
    """The innermost room of a stack; what a module does when it is imported is start-up."""
    room = ""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib"):
            return START
        if not room and name.startswith(_ROOMS):
            room = name[len(_ROOMS) :].partition(os.sep)[0]
        frame = frame.f_back
    return room or ELSEWHERE


def measure_rooms(capture: Path) -> dict[str, float]:
    """Processor seconds of each room for an audit of one capture, the largest first."""
    words = ["taskset", "-c", "0", sys.executable, "-m", "bench.where", str(capture)]
    done = subprocess.run(words, cwd=_ROOT, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stderr.splitlines()[-1])
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def main() -> None:
    """Audit one capture; its report goes to standard output, the rooms to standard error."""
    sampler = _Sampler()
    signal.signal(signal.SIGPROF, sampler)
    signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)
    sys.argv = ["pcapaudit", "audit", "--fail-on", "never", "--format", "json", sys.argv[1]]
    with contextlib.suppress(SystemExit):
        runpy.run_module("pcapaudit", run_name="__main__")
    signal.setitimer(signal.ITIMER_PROF, 0.0)
    print(json.dumps(sampler.seconds), file=sys.stderr)


if __name__ == "__main__":
    main()
