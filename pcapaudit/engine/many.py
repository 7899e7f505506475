"""Many captures, each in processes of its own: one that breaks costs only itself."""

from __future__ import annotations

import asyncio
import hashlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from pcapaudit import __version__
from pcapaudit.capture import expand, group
from pcapaudit.catalog import load_signatures, sha256_of
from pcapaudit.engine.jobs import Limits, run_audit, run_tables
from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.errors import JobError
from pcapaudit.model.records import dataclass

REPORT_FILE = "report.json"
TABLES_FILE = "tables.sqlite"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one capture.

    Attributes:
        files: Its files.
        folder: Holds ``REPORT_FILE`` and ``TABLES_FILE``; of no use when there is an error.
        error: Why there is no result; None when there is one.
        name: As ``hash_files`` names the results, where the one who made them worked that out.
    """

    files: tuple[str, ...]
    folder: Path
    error: str | None = None
    name: str | None = None


Ended: TypeAlias = "Done | BaseException | None"
"""What the worker tells: a capture that is done, a fault that ends all, or that there is no more."""


def find_captures(sources: Sequence[str], *, separate: bool) -> list[tuple[str, ...]]:
    """The captures that are meant, each with its files. Raises UsageError when a source does not exist."""
    return [tuple(ring) for ring in group(expand(sources), separate=separate)]


def hash_files(files: Sequence[str], options: AuditOptions) -> str:
    """A name for what an audit of these files gives: equal content, options and edition, equal name.

    Raises:
        OSError: A file cannot be read.
        SignatureError: A signature file is broken.
    """
    digest = hashlib.sha256(f"{say_edition(options)} {options!r}".encode())
    for file in files:
        with Path(file).open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
        digest.update(b"\0end of file\0")
    return digest.hexdigest()


def say_edition(options: AuditOptions) -> str:
    """What results depend on beside captures and options: the program's version, and a digest of the signatures.

    Raises:
        SignatureError: A signature file is broken.
    """
    signatures = "".join(sha256_of(signature) for signature in load_signatures(options.signatures_dir))
    return f"pcapaudit {__version__} with signatures {hashlib.sha256(signatures.encode()).hexdigest()[:12]}"


def audit_all(
    captures: Sequence[tuple[tuple[str, ...], Path]],
    options: AuditOptions,
    *,
    jobs: int,
    limits: Limits | None = None,
) -> Iterator[Done]:
    """Audit captures and write their tables, so many at the same time; yields each as it is done.

    Works while an event loop runs, as one does in a notebook. Leaving the iteration early ends what is running.

    Args:
        captures: Files of each, and the folder for its results, which is made.
        options: Of each audit; ``separate`` follows from the number of its files.
        jobs: Captures at the same time.
        limits: Of each process.
    """
    for _, folder in captures:
        folder.mkdir(parents=True, exist_ok=True)
    ended: queue.SimpleQueue[Ended] = queue.SimpleQueue()
    worker = _Worker(lambda tell: _audit_all(captures, options, jobs, limits, tell), ended.put)
    worker.start()
    try:
        while (news := ended.get()) is not None:
            if isinstance(news, BaseException):
                raise news
            yield news
    finally:
        worker.stop()


class _Worker:
    """An event loop of its own in a thread, as the caller's thread may be running one already."""

    def __init__(self, work: Callable[[Callable[[Ended], None]], object], tell: Callable[[Ended], None]) -> None:
        self._work = work
        self._tell = tell
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[object] | None = None
        self._thread = threading.Thread(target=self._run, name="pcapaudit-many", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End what is running, and wait until it has ended."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join()
        self._loop.close()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._task = self._loop.create_task(self._work(self._tell))  # type: ignore[arg-type]
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits, which raises it
            self._tell(error)
        finally:
            self._tell(None)


async def _audit_all(
    captures: Sequence[tuple[tuple[str, ...], Path]],
    options: AuditOptions,
    jobs: int,
    limits: Limits | None,
    tell: Callable[[Ended], None],
) -> None:
    free = asyncio.Semaphore(max(1, jobs))

    async def work(files: tuple[str, ...], folder: Path) -> None:
        async with free:
            tell(await _audit_one(files, folder, options, limits))

    async with asyncio.TaskGroup() as tasks:
        for files, folder in captures:
            tasks.create_task(work(files, folder))


async def _audit_one(files: tuple[str, ...], folder: Path, options: AuditOptions, limits: Limits | None) -> Done:
    one = replace(options, separate=len(files) == 1)
    try:
        await run_audit(files, one, folder / REPORT_FILE, limits=limits)
        await run_tables(files, folder / TABLES_FILE, limits=limits)
    except JobError as error:
        return Done(files, folder, str(error))
    return Done(files, folder)
