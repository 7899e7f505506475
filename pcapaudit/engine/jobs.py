"""An audit in a process of its own: one that eats all memory, hangs or dies harms nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pcapaudit.engine import leash
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.progress import Judged, Phase, Step
from pcapaudit.model.errors import JobError
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import Verdict

Progress = Callable[[Step | Judged], None]

_REPORTED = (0, 1, 3)
"""Exit statuses of the command line behind which there is a report."""
_KEPT_LINES = 20
_LONGEST_LINE = 4000
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one audit may use: bytes of address space, seconds until it is ended."""

    memory_bytes: int = 4 << 30
    seconds: float = 3600.0


async def run_audit(
    sources: Sequence[str],
    options: AuditOptions,
    target: Path,
    *,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> None:
    """Audit one capture in a fresh process and leave the report document (JSON) in a file.

    The file is there whole or not at all. Cancelling the task ends the process.

    Args:
        sources: Files of one capture.
        options: As for an audit.
        target: Where the document goes.
        limits: What the process may use.
        progress: Told how far it is, some times a second, and each device as it is judged.

    Raises:
        JobError: The process gave no report; says why.
    """
    words = ["audit", "--format", "json", "--progress", "json", *_option_words(options)]
    await _run([*words, "-o", str(target), "--", *sources], limits or Limits(), progress)


async def run_evidence(
    sources: Sequence[str], options: AuditOptions, target: Path, *, limits: Limits | None = None
) -> None:
    """Cut the evidence out of one capture in a fresh process (``engine.evidence``).

    Args:
        sources: Files of one capture.
        options: Device and signature of the audit.
        target: Where the evidence goes; what is there after a failure is of no use.
        limits: What the process may use.

    Raises:
        JobError: There is no evidence; says why.
    """
    chosen = AuditOptions(device=options.device, signature=options.signature, separate=options.separate)
    await _run(["evidence", *_option_words(chosen), "-o", str(target), "--", *sources], limits or Limits(), None)


async def run_dissect(
    sources: Sequence[str], frames: Sequence[int], target: Path, *, limits: Limits | None = None
) -> None:
    """Dissect frames of one capture in a fresh process and leave the document (``deep.tree``, JSON) in a file.

    Args:
        sources: The file of the capture.
        frames: Numbers from 1.
        target: Where the document goes, whole or not at all.
        limits: What the process may use.

    Raises:
        JobError: There is no document, as when the capture has no such frame; says why.
    """
    words = ["dissect", "--format", "json", "--separate", "-o", str(target), "--"]
    await _run([*words, *sources, *map(str, frames)], limits or Limits(), None)


async def run_tables(
    sources: Sequence[str], target: Path, *, limits: Limits | None = None, progress: Progress | None = None
) -> None:
    """Write the raw tables of one capture into a SQLite file in a fresh process (``engine.tables.store``).

    Args:
        sources: Files of one capture.
        target: Where the tables go, with the end ``.sqlite``; the file is there whole or not at all.
        limits: What the process may use.
        progress: Told how far it is, some times a second.

    Raises:
        JobError: There are no tables; says why.
    """
    alone = ["--separate"] if len(sources) == 1 else []
    words = ["tables", *alone, "--progress", "json", "-o", str(target), "--", *sources]
    await _run(words, limits or Limits(), progress)


async def _run(words: Sequence[str], limits: Limits, progress: Progress | None) -> None:
    """Run the command line with these words. Raises JobError when it ends without a result."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pcapaudit", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        # A Ctrl-C at the terminal is meant for who started this process, not for it.
        start_new_session=True,
        env=leash.environment(limits.memory_bytes),
    )
    try:
        async with asyncio.timeout(limits.seconds):
            said = await _listen(process, progress)
            status = await process.wait()
    except TimeoutError:
        raise JobError(f"not done after {limits.seconds:g} s: stopped") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if status not in _REPORTED:
        raise JobError(_reason(status, said, limits))


def _option_words(options: AuditOptions) -> list[str]:
    """The options as the command line takes them."""
    named = {
        "--signature": options.signature,
        "--device": options.device,
        "--led": options.led,
        "--log": options.log,
        "--mirror-point": options.mirror_point,
    }
    words = [f"{name}={value}" for name, value in named.items() if value]
    words += [f"--param={name}={value}" for name, value in options.params.items()]
    words += [f"--set={name}={value:g}" for name, value in options.thresholds.items()]
    bounds = {"--since": options.since_ns, "--until": options.until_ns}
    words += [f"{name}={ns // _NS}.{ns % _NS:09d}" for name, ns in bounds.items() if ns is not None]
    words += [f"--max-flows={options.max_flows}"] if options.max_flows is not None else []
    words += [f"--signatures={options.signatures_dir}"] if options.signatures_dir else []
    flags = {"--all-devices": options.all_devices, "--separate": options.separate, "--why": options.why}
    return words + [name for name, is_set in flags.items() if is_set]


async def _listen(process: asyncio.subprocess.Process, progress: Progress | None) -> list[str]:
    """Pass the progress on until standard error ends, and keep the last other lines."""
    assert process.stderr is not None  # noqa: S101 - asked for above
    said: list[str] = []
    async for raw in read_lines(process.stderr):
        line = raw.decode(errors="replace").strip()
        news = _read_news(line)
        if news is None:
            said = [*said, line[:_LONGEST_LINE]][-_KEPT_LINES:]
        elif progress is not None:
            progress(news)
    return said


async def read_lines(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The lines of a stream; one beyond the stream's own bound (``limit``, else 64 KiB) is left out."""
    while True:
        try:
            line = await stream.readline()
        except ValueError:
            continue
        if not line:
            return
        yield line


def _read_news(line: str) -> Step | Judged | None:
    """What a line of ``--progress json`` tells; None for any other line."""
    if not line.startswith("{"):
        return None
    try:
        told = json.loads(line)
        return _read_device(told["device"]) if told["phase"] == "judged" else _read_step(told)
    except (ValueError, KeyError, TypeError):
        return None


def _read_step(told: Mapping[str, Any]) -> Step:
    total = None if told["total"] is None else int(told["total"])
    return Step(Phase(told["phase"]), int(told["done"]), total, told.get("rate"), told.get("left_s"))


def _read_device(told: Mapping[str, Any]) -> Judged:
    return Judged(**{**told, "verdict": Verdict(told["verdict"]), "addresses": tuple(told["addresses"])})


def _reason(status: int, said: Sequence[str], limits: Limits) -> str:
    if status == -signal.SIGKILL:
        return "the analysis was killed (SIGKILL), as the system does when it runs out of memory"
    if status < 0:
        name = signal.Signals(-status).name if -status in {s.value for s in signal.Signals} else str(-status)
        return f"the analysis was killed ({name})"
    if any("MemoryError" in line for line in said):
        return f"the analysis needed more memory than the {limits.memory_bytes >> 20} MiB that it may use"
    last = said[-1] if said else f"the analysis ended with status {status}"
    return last.removeprefix("pcapaudit: ")
