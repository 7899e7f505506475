"""The queue of analyses: each in a process of its own, its progress told to whoever watches."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

from pcapaudit.engine.jobs import run_audit
from pcapaudit.model.errors import JobError, PcapAuditError
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import DeviceReport, Report
from pcapaudit.report.document import from_json, to_json
from pcapaudit.report.phrases import say_title
from pcapaudit.web.settings import Settings
from pcapaudit.web.store import DeviceLine, Entry, JobState, Store

_LOG = logging.getLogger(__name__)
_PATIENCE_S = 1.0
_ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Status:
    """What is told of a capture while one waits. ``progress`` is a share of 1."""

    id: str
    state: JobState
    progress: float
    reason: str | None


class Workshop:
    """Runs the analyses of a store, so many at a time as the settings say."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._waiting: asyncio.Queue[str] = asyncio.Queue()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._progress: dict[str, float] = {}
        self._news = asyncio.Condition()
        self._workers: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Start working; what a killed server left is done first."""
        for entry in reversed(self._store.recover()):
            self._waiting.put_nowait(entry.id)
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._settings.jobs)]

    async def close(self) -> None:
        """Stop working. What runs is ended, and runs again when the server comes back."""
        tasks = [*self._workers, *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def submit(self, entry_id: str) -> None:
        """Put a capture into the queue."""
        self._waiting.put_nowait(entry_id)

    async def cancel(self, entry_id: str) -> None:
        """End the analysis of a capture, or keep it from beginning."""
        entry = self._store.get(entry_id)
        if entry is None or entry.state in _ENDED:
            return
        self._store.change(entry_id, state=JobState.CANCELLED)
        task = self._running.get(entry_id)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._tell()

    def status(self, entry_id: str) -> Status | None:
        """How far a capture is; None when there is none of this id."""
        entry = self._store.get(entry_id)
        if entry is None:
            return None
        share = 1.0 if entry.state is JobState.DONE else self._progress.get(entry_id, 0.0)
        return Status(entry_id, entry.state, round(share, 4), entry.reason)

    async def watch(self, entry_id: str) -> AsyncIterator[Status]:
        """The status now and after every change, until the analysis has ended or the capture is deleted."""
        last: Status | None = None
        while True:
            status = self.status(entry_id)
            if status is None:
                return
            if status != last:
                yield status
                last = status
            if status.state in _ENDED:
                return
            # News may have come while the status was being sent; a second is short enough to look again.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_S), self._news:
                    await self._news.wait()

    async def _work(self) -> None:
        while True:
            entry_id = await self._waiting.get()
            entry = self._store.get(entry_id)
            if entry is None or entry.state is not JobState.QUEUED:
                continue
            task = asyncio.create_task(self._analyse(entry_id))
            self._running[entry_id] = task
            await asyncio.wait({task})
            self._running.pop(entry_id, None)
            self._progress.pop(entry_id, None)
            self._note_fault(entry_id, task)
            await self._tell()

    def _note_fault(self, entry_id: str, task: asyncio.Task[None]) -> None:
        """A fault of our own ends one analysis and no more."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _LOG.error("analysis %s failed: %s", entry_id, type(error).__name__)
            reason = f"a fault of pcapaudit ({type(error).__name__}); please report it"
            self._store.change(entry_id, state=JobState.FAILED, reason=reason)

    async def _analyse(self, entry_id: str) -> None:
        entry = self._store.change(entry_id, state=JobState.RUNNING)
        if entry is None:
            return
        await self._tell()
        try:
            await run_audit(
                [str(self._store.capture_path(entry_id))],
                entry.wishes.options(),
                self._store.report_path(entry_id),
                limits=self._settings.limits,
                progress=lambda done, total: self._count(entry_id, done, total),
            )
            self._finish(entry)
        except JobError as error:
            reason = str(error).replace(str(self._store.capture_path(entry_id)), entry.name)
            self._store.change(entry_id, state=JobState.FAILED, reason=reason)

    def _finish(self, entry: Entry) -> None:
        path = self._store.report_path(entry.id)
        try:
            report = _named(from_json(path.read_text(encoding="utf-8")), entry.name)
            draft = path.with_suffix(".part")
            draft.write_text(to_json(report), encoding="utf-8")
            draft.replace(path)
        except (OSError, PcapAuditError) as error:
            self._store.change(entry.id, state=JobState.FAILED, reason=f"the report cannot be read: {error}")
            return
        lines = tuple(_device_line(d) for d in report.devices)
        self._store.change(entry.id, state=JobState.DONE, reason=None, devices=lines)

    def _count(self, entry_id: str, done: int, total: int | None) -> None:
        self._progress[entry_id] = min(1.0, done / total) if total else 0.0
        asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


def _named(report: Report, name: str) -> Report:
    """The report with the name that its capture had where it came from, not the server's own path."""
    captures = (
        replace(c, source=name, files=tuple(replace(file, source=name) for file in c.files)) for c in report.captures
    )
    return replace(report, captures=tuple(captures))


def _device_line(device: DeviceReport) -> DeviceLine:
    return DeviceLine(
        say_title(device), device.verdict.value, device.mac, device.addresses[:4], device.signature, device.summary
    )
