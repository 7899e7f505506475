"""The tables of captures, made when somebody first asks: one process at a time, kept beside the report."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from pcapaudit.engine.jobs import run_tables
from pcapaudit.engine.progress import Judged, Phase, Step
from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.engine.tables.store import form_of
from pcapaudit.model.errors import JobError
from pcapaudit.web.captures.store import Entry, Store
from pcapaudit.web.settings import Settings


class TableMaker:
    """Makes the tables of a store's captures.

    A file that an older version made, with other columns, is made again. What is being made of a capture that somebody
    deletes is given up.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._name = f"tables-{form_of(TABLES.values())}.sqlite"
        self._turn = asyncio.Semaphore(1)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._progress: dict[str, float] = {}
        self._reasons: dict[str, str] = {}

    def find(self, entry: Entry) -> Path | None:
        """The file of a capture's tables; None as long as it is not made."""
        path = self._path(entry.id)
        return path if path.exists() else None

    def progress(self, entry: Entry) -> float:
        """How much of the capture is read, as a share of 1."""
        return self._progress.get(entry.id, 0.0)

    def begin(self, entry: Entry) -> str | None:
        """Begin to make the tables unless that is under way.

        Returns:
            Why the last try failed; then nothing is begun, and the next call tries again.
        """
        reason = self._reasons.pop(entry.id, None)
        if reason is None and entry.id not in self._running:
            task = asyncio.create_task(self._make(entry))
            self._running[entry.id] = task
            task.add_done_callback(lambda _: self._running.pop(entry.id, None))
        return reason

    async def wait(self, entry: Entry) -> Path:
        """The file, once it is made. Raises JobError when it cannot be."""
        if self.find(entry) is None:
            reason = self.begin(entry)
            task = self._running.get(entry.id)
            if task is not None:
                # Who asks may go away; others may wait for the same.
                await asyncio.wait({task})
                reason = self._reasons.pop(entry.id, None)
            if reason is not None:
                raise JobError(reason)
        path = self.find(entry)
        if path is None:
            raise JobError("the capture was deleted meanwhile")
        return path

    async def close(self) -> None:
        """End all that is being made."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _path(self, entry_id: str) -> Path:
        return self._store.report_path(entry_id).with_name(self._name)

    async def _make(self, entry: Entry) -> None:
        source = str(self._store.capture_path(entry.id))

        def note(step: Step | Judged) -> None:
            if self._store.get(entry.id) is None:
                self._running[entry.id].cancel()
            elif isinstance(step, Step) and step.phase is Phase.READING and step.total:
                self._progress[entry.id] = min(1.0, step.done / step.total)

        try:
            async with self._turn:
                await run_tables([source], self._path(entry.id), limits=self._settings.limits, progress=note)
        except JobError as error:
            reason = str(error).replace(source, entry.name)
            self._reasons[entry.id] = reason.replace(str(self._path(entry.id)), "the tables")
        finally:
            self._progress.pop(entry.id, None)
            self._drop_drafts(entry.id)

    def _drop_drafts(self, entry_id: str) -> None:
        """What a process that was ended left behind, and what an older version made."""
        folder = self._path(entry_id).parent
        with contextlib.suppress(OSError):
            for path in (*folder.glob(".tables-*.part*"), *folder.glob("tables-*.sqlite")):
                if path.name != self._name:
                    path.unlink(missing_ok=True)
