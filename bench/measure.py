"""Runs commands in turn, as whole processes, and keeps the best time and the highest memory of each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """One command over all rounds.

    Attributes:
        seconds: Wall-clock time of its fastest round.
        cpu_s: Processor time of that round, all threads.
        peak_bytes: Highest resident memory of any round, of its largest process.
    """

    seconds: float
    cpu_s: float
    peak_bytes: int


def measure_all(commands: Mapping[str, Sequence[str]], rounds: int, *, cpus: int | None = None) -> dict[str, Measure]:
    """Let the commands take turns, round by round.

    Args:
        commands: Name -> command.
        rounds: How often each runs.
        cpus: Processors that each may use; None for all.

    Returns:
        A measure for each command that ended well each time; the others are named on the screen.
    """
    found: dict[str, list[Measure]] = {name: [] for name in commands}
    for number in range(rounds):
        for name, words in commands.items():
            measure = _run(words, cpus) if len(found[name]) == number else None
            if measure is not None:
                found[name].append(measure)
            print(f"  {name:24}" + (f"{measure.seconds:8.2f} s" if measure else "    failed"), flush=True)
    return {name: _best(runs) for name, runs in found.items() if len(runs) == rounds}


def _best(runs: Sequence[Measure]) -> Measure:
    fastest = min(runs, key=lambda run: run.seconds)
    return Measure(fastest.seconds, fastest.cpu_s, max(run.peak_bytes for run in runs))


def _run(words: Sequence[str], cpus: int | None) -> Measure | None:
    pinned = ["taskset", "-c", f"0-{cpus - 1}"] if cpus else []
    # The system counts as a process' memory what it had before it became another program: so a small one starts it.
    done = subprocess.run([sys.executable, "-IS", "-c", _LAUNCH, *pinned, *words], capture_output=True, check=True)
    seconds, cpu_s, peak_kib, status = json.loads(done.stdout)
    # An audit that finds no device has done its work, too (report contract).
    return Measure(seconds, cpu_s, peak_kib * 1024) if status in (0, 3) else None


_LAUNCH = """
import os, sys, time
begin = time.perf_counter()
child = os.fork()
if not child:
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(nothing, handle)
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    finally:
        os._exit(127)
_, status, usage = os.wait4(child, 0)
cpu_s = usage.ru_utime + usage.ru_stime
print([time.perf_counter() - begin, cpu_s, usage.ru_maxrss, os.waitstatus_to_exitcode(status)])
"""
