"""Runs commands in turn, as whole processes, and keeps the best time and the highest memory of each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, and the exit statuses with which it has done its work."""

    words: Sequence[str]
    fine: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class Patience:
    """When to stop.

    Attributes:
        rounds: How often a command runs at most.
        total_s: A command that has taken so long in all is not run again.
        limit_s: A command is ended after this time.
        limit_bytes: A command is ended when it and what it started take more memory.
    """

    rounds: int = 3
    total_s: float = 20.0
    limit_s: float = 180.0
    limit_bytes: int = 6_000_000_000


@dataclass(frozen=True, slots=True)
class Measure:
    """One command over all rounds.

    Attributes:
        seconds: Wall-clock time of its fastest round.
        cpu_s: Processor time of that round, all threads and processes.
        peak_bytes: Highest resident memory of any round: of the process, or of all it started together.
        was_ended: It reached a limit: all figures are lower bounds.
    """

    seconds: float
    cpu_s: float
    peak_bytes: int
    was_ended: bool = False


def measure_all(commands: Mapping[str, Command], patience: Patience, *, cpus: int | None = None) -> dict[str, Measure]:
    """Let the commands take turns, round by round.

    Args:
        commands: Name -> command.
        patience: When to stop.
        cpus: Processors that each may use; None for all.

    Returns:
        A measure for each command that did not fail; the others are named on the screen.
    """
    found: dict[str, list[Measure]] = {name: [] for name in commands}
    failed: set[str] = set()
    for _ in range(patience.rounds):
        for name, command in commands.items():
            if name in failed or _is_enough(found[name], patience):
                continue
            measure = _run(command, patience, cpus)
            if measure is None:
                failed.add(name)
            else:
                found[name].append(measure)
            print(f"  {name:26}" + (f"{measure.seconds:8.2f} s" if measure else "    failed"), flush=True)
    return {name: _best(runs) for name, runs in found.items() if name not in failed}


def _is_enough(runs: Sequence[Measure], patience: Patience) -> bool:
    return any(run.was_ended for run in runs) or sum(run.seconds for run in runs) > patience.total_s


def _best(runs: Sequence[Measure]) -> Measure:
    fastest = min(runs, key=lambda run: run.seconds)
    was_ended = any(run.was_ended for run in runs)
    return Measure(fastest.seconds, fastest.cpu_s, max(run.peak_bytes for run in runs), was_ended)


def _run(command: Command, patience: Patience, cpus: int | None) -> Measure | None:
    pinned = ["taskset", "-c", f"0-{cpus - 1}"] if cpus else []
    launch = [sys.executable, "-IS", str(_LAUNCH), str(patience.limit_s), str(patience.limit_bytes)]
    done = subprocess.run([*launch, *pinned, *command.words], capture_output=True, check=True)
    answer = json.loads(done.stdout)
    if not answer["was_ended"] and answer["status"] not in command.fine:
        return None
    return Measure(answer["seconds"], answer["cpu_s"], answer["peak_bytes"], answer["was_ended"])
