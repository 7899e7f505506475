"""The list of captures: SQLite in the data folder, one file for the capture and one for its report beside it."""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.records import dataclass

_ID_BYTES = 9
_SCHEMA = """
CREATE TABLE IF NOT EXISTS captures (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL, state TEXT NOT NULL,
    reason TEXT, created REAL NOT NULL, wishes TEXT NOT NULL, note TEXT NOT NULL, devices TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS captures_sha256 ON captures (sha256);
CREATE INDEX IF NOT EXISTS captures_created ON captures (created);
"""


class JobState(StrEnum):
    """How far the analysis of a capture is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the admin knew beforehand; each part may be missing."""

    signature: str | None = None
    device: str | None = None
    led: str | None = None
    log: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)

    def options(self) -> AuditOptions:
        """The same as options of an audit, with every rule's account."""
        return AuditOptions(
            signature=self.signature,
            device=self.device,
            led=self.led,
            log=self.log,
            params=dict(self.params),
            separate=True,
            why=True,
        )


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """What the list says of one device of a report."""

    title: str
    verdict: str
    mac: str | None
    addresses: tuple[str, ...]
    signature: str | None
    summary: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One capture of the list. ``created`` is seconds since the epoch, UTC."""

    id: str
    name: str
    sha256: str
    size: int
    state: JobState
    created: float
    wishes: Wishes
    reason: str | None = None
    note: str = ""
    devices: tuple[DeviceLine, ...] = ()


class Store:
    """The captures of one data folder. Every change is on disk when its method returns."""

    def __init__(self, data_dir: Path) -> None:
        self._captures = data_dir / "captures"
        self._base = sqlite3.connect(data_dir / "list.sqlite3", isolation_level=None, check_same_thread=False)
        self._base.row_factory = sqlite3.Row
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = FULL")
        self._base.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the list."""
        self._base.close()

    # --- files --------------------------------------------------------------------------------------

    def capture_path(self, entry_id: str) -> Path:
        """The capture as it was uploaded."""
        return self._captures / entry_id / "capture"

    def report_path(self, entry_id: str) -> Path:
        """The report document; there when the state is done."""
        return self._captures / entry_id / "report.json"

    # --- the list -------------------------------------------------------------------------------------

    def add(self, received: Path, name: str, sha256: str, wishes: Wishes, note: str) -> Entry:
        """Take a received file over: first its place on disk, then its line in the list."""
        entry_id = secrets.token_hex(_ID_BYTES)
        target = self.capture_path(entry_id)
        target.parent.mkdir(mode=0o700)
        received.replace(target)
        size = target.stat().st_size
        entry = Entry(entry_id, name, sha256, size, JobState.QUEUED, time.time(), wishes, note=note)
        self._write(entry)
        return entry

    def get(self, entry_id: str) -> Entry | None:
        """One capture, None when there is none of this id."""
        row = self._base.execute("SELECT * FROM captures WHERE id = ?", (entry_id,)).fetchone()
        return None if row is None else _entry(row)

    def find(self, sha256: str, wishes: Wishes) -> Entry | None:
        """The same file with the same wishes, if it was uploaded before and did not fail."""
        rows = self._base.execute("SELECT * FROM captures WHERE sha256 = ? ORDER BY created", (sha256,))
        good = (JobState.QUEUED, JobState.RUNNING, JobState.DONE)
        return next((e for e in map(_entry, rows) if e.wishes == wishes and e.state in good), None)

    def all(self) -> list[Entry]:
        """Every capture, the newest first."""
        return [_entry(row) for row in self._base.execute("SELECT * FROM captures ORDER BY created DESC, id")]

    def change(self, entry_id: str, **values: Any) -> Entry | None:
        """Change fields of a capture; None when it was deleted meanwhile."""
        entry = self.get(entry_id)
        if entry is None:
            return None
        changed = replace(entry, **values)
        self._write(changed)
        return changed

    def delete(self, entry_id: str) -> None:
        """Remove the line and every file of a capture."""
        self._base.execute("DELETE FROM captures WHERE id = ?", (entry_id,))
        shutil.rmtree(self._captures / entry_id, ignore_errors=True)

    def recover(self) -> list[Entry]:
        """Tidy up after a server that was killed, and give what has to run (again).

        A line without its file says so; a folder without a line was never complete and goes.
        """
        entries = self.all()
        known = {e.id for e in entries}
        for folder in self._captures.iterdir():
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)
        return [e for e in map(self._recovered, entries) if e is not None and e.state is JobState.QUEUED]

    def _recovered(self, entry: Entry) -> Entry | None:
        if entry.state in (JobState.QUEUED, JobState.RUNNING) and not self.capture_path(entry.id).exists():
            return self.change(entry.id, state=JobState.FAILED, reason="the capture is no longer there")
        if entry.state is JobState.RUNNING:
            return self.change(entry.id, state=JobState.QUEUED)
        return entry

    def _write(self, entry: Entry) -> None:
        values = {
            **{f.name: getattr(entry, f.name) for f in fields(entry)},
            "wishes": json.dumps(asdict(entry.wishes)),
            "devices": json.dumps([asdict(d) for d in entry.devices]),
        }
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        self._base.execute(f"INSERT OR REPLACE INTO captures ({names}) VALUES ({marks})", values)  # noqa: S608


def _entry(row: sqlite3.Row) -> Entry:
    values = dict(row)
    values["state"] = JobState(values["state"])
    values["wishes"] = Wishes(**json.loads(values["wishes"]))
    values["devices"] = tuple(_device_lines(json.loads(values["devices"])))
    return Entry(**values)


def _device_lines(stored: Iterable[Mapping[str, Any]]) -> Iterable[DeviceLine]:
    return (DeviceLine(**{**line, "addresses": tuple(line["addresses"])}) for line in stored)
