"""The queue of analyses: each in a process of its own, its progress told to whoever watches."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from pcapaudit.engine.jobs import run_audit, run_evidence
from pcapaudit.engine.progress import Judged, Step
from pcapaudit.model.errors import JobError, PcapAuditError
from pcapaudit.model.report import DeviceReport, Report
from pcapaudit.report.document import from_json, json_pieces
from pcapaudit.report.phrases import say_title
from pcapaudit.web.captures.status import Course, Status
from pcapaudit.web.captures.store import DeviceLine, Entry, JobState, Store
from pcapaudit.web.settings import Settings

_LOG = logging.getLogger(__name__)
_PATIENCE_S = 1.0
"""Who watches looks again after this, so that nobody need tell of a change to the list."""
_KEPT_ADDRESSES = 16
"""Addresses of a device by which the list finds it."""
_BREATH_S = 0.1
"""News that come together are told together."""
_ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Workshop:
    """Runs the analyses of a store, so many at a time as the settings say."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._waiting: asyncio.Queue[str] = asyncio.Queue()
        self._line: dict[str, None] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._courses: dict[str, Course] = {}
        self._news = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self._cutting = asyncio.Lock()
        self._is_ending = False

    # --- the server's life ----------------------------------------------------------------------------

    async def open(self) -> None:
        """Start working; what a killed server left is done first."""
        for entry in reversed(self._store.recover()):
            self.submit(entry.id)
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._settings.jobs)]

    def dismiss(self) -> None:
        """Let go all who watch: the server is about to end."""
        self._is_ending = True
        self._tell()

    async def close(self) -> None:
        """Stop working. What runs is ended, and runs again when the server comes back."""
        self.dismiss()
        tasks = [*self._workers, *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- what is asked of it --------------------------------------------------------------------------

    def submit(self, entry_id: str) -> None:
        """Put a capture into the queue."""
        self._line[entry_id] = None
        self._waiting.put_nowait(entry_id)

    def again(self, entry_id: str) -> bool:
        """Analyse a capture once more whose analysis failed or was cancelled; False when there is no such one."""
        entry = self._store.get(entry_id)
        if entry is None or entry.state not in (JobState.FAILED, JobState.CANCELLED):
            return False
        self._store.change(entry_id, state=JobState.QUEUED, reason=None)
        self.submit(entry_id)
        self._tell()
        return True

    async def cancel(self, entry_id: str) -> None:
        """End the analysis of a capture, or keep it from beginning."""
        entry = self._store.get(entry_id)
        if entry is None or entry.state in _ENDED:
            return
        self._store.change(entry_id, state=JobState.CANCELLED)
        self._line.pop(entry_id, None)
        task = self._running.get(entry_id)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._sweep(entry_id)
        self._tell()

    async def evidence(self, entry: Entry) -> Path:
        """The frames that prove the findings of a capture, in a file that is made when it is first asked for.

        Raises:
            JobError: There are none.
        """
        target = self._store.report_path(entry.id).with_name("evidence.pcapng")
        async with self._cutting:
            if not target.exists():
                draft = target.with_suffix(f".{secrets.token_hex(4)}")
                source = str(self._store.capture_path(entry.id))
                try:
                    await run_evidence([source], entry.wishes.options(), draft, limits=self._settings.limits)
                    draft.replace(target)
                except (JobError, OSError) as error:
                    draft.unlink(missing_ok=True)
                    raise JobError(str(error).replace(source, entry.name)) from error
        return target

    # --- what is told ---------------------------------------------------------------------------------

    def status(self, entry_id: str) -> Status | None:
        """How far a capture is; None when there is none of this id."""
        entry = self._store.get(entry_id)
        return None if entry is None else self.status_of(entry)

    def status_of(self, entry: Entry) -> Status:
        """How far a capture of the list is."""
        if entry.state is JobState.RUNNING and entry.id in self._courses:
            return self._courses[entry.id].status(entry)
        before = self._count_before(entry.id) if entry.state is JobState.QUEUED else 0
        return Status(entry.id, entry.state, float(entry.state is JobState.DONE), entry.reason, before=before)

    async def watch(self, entry_ids: Sequence[str]) -> AsyncIterator[tuple[str, Status | None]]:
        """The status of captures now and after every change, until all have ended or are gone (None)."""
        last: dict[str, Status] = {}
        pending = list(dict.fromkeys(entry_ids))
        while pending and not self._is_ending:
            news = self._news
            for entry_id in pending[:]:
                status = self.status(entry_id)
                if status is None or status != last.get(entry_id):
                    yield entry_id, status
                if status is None or status.state in _ENDED:
                    pending.remove(entry_id)
                else:
                    last[entry_id] = status
            if pending:
                await _wait(news)

    def _count_before(self, entry_id: str) -> int:
        ahead = list(self._line).index(entry_id) if entry_id in self._line else 0
        return len(self._running) + ahead

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    # --- the work -------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            entry_id = await self._waiting.get()
            self._line.pop(entry_id, None)
            entry = self._store.get(entry_id)
            if entry is None or entry.state is not JobState.QUEUED:
                continue
            task = asyncio.create_task(self._analyse(entry))
            self._running[entry_id], self._courses[entry_id] = task, Course()
            await asyncio.wait({task})
            del self._running[entry_id], self._courses[entry_id]
            await self._note_fault(entry_id, task)
            self._tell()

    async def _note_fault(self, entry_id: str, task: asyncio.Task[None]) -> None:
        """A fault of our own ends one analysis and no more."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _LOG.error("analysis %s failed: %s", entry_id, type(error).__name__)
            await self._end_badly(entry_id, f"a fault of pcapaudit ({type(error).__name__}); please report it")

    async def _analyse(self, entry: Entry) -> None:
        self._sweep(entry.id)
        if await self._keep(entry.id, state=JobState.RUNNING) is None:
            return
        self._tell()
        try:
            await run_audit(
                [str(self._store.capture_path(entry.id))],
                entry.wishes.options(),
                self._store.report_path(entry.id),
                limits=self._settings.limits,
                progress=lambda news: self._note(entry.id, news),
            )
            found = await run_in_threadpool(self._take_over, entry)
        except (JobError, OSError, PcapAuditError) as error:
            await self._end_badly(entry.id, self._say(error, entry))
        else:
            await self._keep(entry.id, state=JobState.DONE, reason=None, **found)

    def _note(self, entry_id: str, news: Step | Judged) -> None:
        self._courses[entry_id].note(news)
        self._tell()

    def _take_over(self, entry: Entry) -> dict[str, Any]:
        """Give the report the capture's own name, and say what the list shows of it."""
        path = self._store.report_path(entry.id)
        report = _named(from_json(path.read_text(encoding="utf-8")), entry.name)
        draft = path.with_suffix(".part")
        with draft.open("w", encoding="utf-8") as out:
            out.writelines(json_pieces(report))
            out.flush()
            # On disk before the list says that it is there.
            os.fsync(out.fileno())
        draft.replace(path)
        return {"devices": tuple(_device_line(d) for d in report.devices), "taken": _when_taken(report)}

    def _say(self, error: Exception, entry: Entry) -> str:
        """Why there is no report, in the names that the person knows."""
        if isinstance(error, OSError):
            return f"the report cannot be written: {error.strerror or type(error).__name__}"
        names = {self._store.capture_path(entry.id): entry.name, self._store.report_path(entry.id): "the report"}
        reason = str(error)
        for path, name in names.items():
            reason = reason.replace(str(path), name)
        return reason

    async def _end_badly(self, entry_id: str, reason: str) -> None:
        self._sweep(entry_id)
        await self._keep(entry_id, state=JobState.FAILED, reason=reason)

    def _sweep(self, entry_id: str) -> None:
        """Leave of a capture nothing but itself: what an analysis began to write is of no use without its end."""
        capture = self._store.capture_path(entry_id)
        with contextlib.suppress(FileNotFoundError):
            for path in capture.parent.iterdir():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                elif path != capture:
                    path.unlink(missing_ok=True)

    async def _keep(self, entry_id: str, **values: Any) -> Entry | None:
        """Change the list, however long the disk is full: what is not written down has not happened."""
        is_told = False
        while True:
            try:
                return self._store.change(entry_id, **values)
            except sqlite3.OperationalError as error:
                if not is_told:
                    _LOG.error("the list cannot be written (%s): trying again until there is room", error)
                is_told = True
                await asyncio.sleep(_PATIENCE_S)


async def _wait(news: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            await news.wait()
        await asyncio.sleep(_BREATH_S)


def _named(report: Report, name: str) -> Report:
    """The report with the name that its capture had where it came from, not the server's own path."""
    captures = (
        replace(c, source=name, files=tuple(replace(file, source=name) for file in c.files)) for c in report.captures
    )
    return replace(report, captures=tuple(captures))


def _when_taken(report: Report) -> float | None:
    """Time of the first frame, seconds since the epoch; None for a capture without frames."""
    first = report.captures[0].first if report.captures else None
    return None if first is None else datetime.fromisoformat(first).timestamp()


def _device_line(device: DeviceReport) -> DeviceLine:
    return DeviceLine(
        say_title(device),
        device.verdict.value,
        device.mac,
        device.addresses[:_KEPT_ADDRESSES],
        device.signature,
        device.summary,
    )
