"""How far the work is, on standard error: a line for a terminal, JSON lines for a program."""

from __future__ import annotations

import json
import math
import sys
import time
from collections import deque
from types import TracebackType
from typing import Any, Self, TextIO

from pcapaudit.cli.output import can_show
from pcapaudit.engine.progress import Phase, Step
from pcapaudit.model.report import DeviceReport
from pcapaudit.model.times import duration
from pcapaudit.report.phrases import say_title

_PATIENCE_S = 1.0
_STEP_S = 0.1
_LINE_S = 0.2
_RATE_S = 5.0
_TOLD_ADDRESSES = 4
_LONGEST_SUMMARY = 500
_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


class ProgressLine:
    """One line that is written over and over, for work of more than a second; silent where there is no terminal.

    Call the object with each step. Leaving the context wipes the line.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._is_wanted = self._stream.isatty()
        self._dot = " · " if can_show("·", self._stream) else ", "
        self._next_s = time.monotonic() + _PATIENCE_S
        self._rate = Rate()
        self._shown = 0

    def __call__(self, step: Step | DeviceReport) -> None:
        """Take notice; redraws at most ten times a second. The report that follows says all of the devices."""
        if not self._is_wanted or isinstance(step, DeviceReport):
            return
        now_s = time.monotonic()
        self._rate.note(step, now_s)
        if now_s >= self._next_s:
            self._next_s = now_s + _STEP_S
            self._show(self._dot.join(describe(step, self._rate.per_second())))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._show("")
            self._stream.write("\r")
            self._stream.flush()

    def _show(self, text: str) -> None:
        self._stream.write("\r" + text.ljust(self._shown))
        self._stream.flush()
        self._shown = len(text)


class ProgressLines:
    """The same for a program: one JSON object a line, at most five a second, and one at each change of phase.

    Keys: ``phase`` (reading, judging; on a cluster auditing), ``done`` and ``total`` (bytes, then devices; on a cluster
    captures; total is null for a pipe), ``rate`` (done a second, null at first) and ``left_s`` (seconds, null where
    nobody knows). Beside these each device has a line as it is judged: phase ``judged`` and ``device``.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._next_s = 0.0
        self._phase: Phase | None = None
        self._rate = Rate()

    def __call__(self, news: Step | DeviceReport) -> None:
        """Take notice."""
        if isinstance(news, DeviceReport):
            self._write({"phase": "judged", "device": _tell_device(news)})
        else:
            self._note(news)

    def _note(self, step: Step) -> None:
        now_s = time.monotonic()
        self._rate.note(step, now_s)
        if now_s < self._next_s and step.phase is self._phase:
            return
        self._next_s, self._phase = now_s + _LINE_S, step.phase
        rate = self._rate.per_second()
        self._write(
            {
                "phase": step.phase.value,
                "done": step.done,
                "total": step.total,
                "rate": None if rate is None else round(rate),
                "left_s": seconds_left(step, rate),
            }
        )

    def _write(self, told: dict[str, Any]) -> None:
        self._stream.write(json.dumps(told) + "\n")
        self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


def _tell_device(device: DeviceReport) -> dict[str, Any]:
    """The few words of a device that are worth knowing before the report is there."""
    root = device.root_cause
    return {
        "title": say_title(device),
        "verdict": device.verdict.value,
        "mac": device.mac,
        "addresses": list(device.addresses[:_TOLD_ADDRESSES]),
        "signature": device.signature,
        "stage": root.stage.value if root else None,
        "rule": root.rule if root else None,
        "summary": device.summary[:_LONGEST_SUMMARY] if device.summary else None,
    }


class Rate:
    """How much is done a second, over the last seconds of a phase."""

    def __init__(self) -> None:
        self._phase: Phase | None = None
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, step: Step, now_s: float) -> None:
        """So much was done at this time."""
        if step.phase is not self._phase or (self._seen and step.done < self._seen[-1][1]):
            self._phase = step.phase
            self._seen.clear()
        if not self._seen or now_s - self._seen[-1][0] >= _STEP_S:
            self._seen.append((now_s, step.done))
        while len(self._seen) > 2 and now_s - self._seen[1][0] >= _RATE_S:
            self._seen.popleft()

    def per_second(self) -> float | None:
        """Bytes or devices a second; None as long as too little is known."""
        if len(self._seen) < 2:
            return None
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        return (last - first) / (last_s - first_s)


def describe(step: Step, rate: float | None) -> list[str]:
    """What a line says: ``412 MB of 1.2 GB``, ``310 MB/s``, ``3 s left``; what nobody knows is left out."""
    if step.phase is Phase.JUDGING:
        return [f"{step.done} of {step.total} devices judged"]
    if step.phase is Phase.AUDITING:
        return [f"{step.done} of {step.total} captures audited"]
    of = "" if step.total is None else f" of {say_bytes(step.total)}"
    left_s = seconds_left(step, rate)
    return [
        say_bytes(step.done) + of,
        *([f"{say_bytes(rate)}/s"] if rate else []),
        *([f"{duration(left_s)} left"] if left_s else []),
    ]


def seconds_left(step: Step, rate: float | None) -> int | None:
    """Whole seconds until all is done, rounded up; None where nobody knows."""
    if not rate or step.total is None:
        return None
    return math.ceil(max(0, step.total - step.done) / rate)


def say_bytes(count: float) -> str:
    """Bytes in the unit that leaves few digits: ``1.2 GB``, ``412 MB``, ``9.5 kB``, ``640 bytes``."""
    for size, unit in _UNITS:
        if count >= size:
            return f"{count / size:.{0 if count >= 10 * size else 1}f} {unit}"
    return f"{count:.0f} bytes"
