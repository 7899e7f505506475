"""The list of captures: SQLite in the data folder, one file for the capture and one for its report beside it."""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.records import dataclass
from pcapaudit.web.captures.database import open_list, transaction, words_of, write_devices
from pcapaudit.web.captures.search import PER_PAGE, Search

_ID_BYTES = 9
_MOST_LIKE = 200
"""Captures of the same device that are offered for a comparison."""
_COLUMNS = ("id", "name", "sha256", "size", "state", "reason", "created", "taken", "wishes", "note")


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
    mirror_point: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)

    def options(self) -> AuditOptions:
        """The same as options of an audit, with every rule's account."""
        return AuditOptions(
            signature=self.signature,
            device=self.device,
            led=self.led,
            log=self.log,
            mirror_point=self.mirror_point,
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
    """One capture of the list.

    ``created`` is when it was uploaded, ``taken`` the time of its first frame (None before that is known), both in
    seconds since the epoch, UTC.
    """

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
    taken: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what a search found.

    Attributes:
        entries: The captures of this page, the newest upload first.
        total: Captures on all pages.
        page: The number of this one, from 1.
        pages: How many there are; at least 1.
    """

    entries: tuple[Entry, ...]
    total: int
    page: int
    pages: int


class Store:
    """The captures of one data folder. Every change is on disk when its method returns."""

    def __init__(self, data_dir: Path) -> None:
        self._captures = data_dir / "captures"
        self._base = open_list(data_dir / "list.sqlite3")

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
        try:
            self._write(entry)
        except sqlite3.Error:
            shutil.rmtree(target.parent, ignore_errors=True)
            raise
        return entry

    def get(self, entry_id: str) -> Entry | None:
        """One capture, None when there is none of this id."""
        return next(iter(self._read("id = ?", [entry_id])), None)

    def find(self, sha256: str, wishes: Wishes) -> Entry | None:
        """The same file with the same wishes, if it was uploaded before and did not fail."""
        good = (JobState.QUEUED, JobState.RUNNING, JobState.DONE)
        known = reversed(self._read("sha256 = ?", [sha256]))
        return next((e for e in known if e.wishes == wishes and e.state in good), None)

    def all(self) -> list[Entry]:
        """Every capture, the newest first."""
        return self._read("TRUE", [])

    def older_than(self, moment: float) -> list[Entry]:
        """Captures that were uploaded before a moment, in seconds since the epoch."""
        return self._read("created < ?", [moment])

    def search(self, search: Search) -> Found:
        """One page of the captures that are asked for; the last one when there are not so many pages."""
        text, values = search.condition()
        total = self._base.execute(f"SELECT count(*) FROM captures WHERE {text}", values).fetchone()[0]  # noqa: S608
        pages = max(1, -(-total // PER_PAGE))
        page = min(search.page, pages)
        entries = self._read(text, values, limit=PER_PAGE, offset=(page - 1) * PER_PAGE)
        return Found(tuple(entries), total, page, pages)

    def count_verdicts(self) -> dict[str, int]:
        """Verdict -> captures with a device that has it."""
        rows = self._base.execute("SELECT verdict, count(DISTINCT capture) FROM devices GROUP BY verdict")
        return {row[0]: row[1] for row in rows}

    def find_alike(self, entry_id: str, place: int | None = None) -> list[Entry]:
        """Other captures, done, with a device of this one (or with that at one place of it), the latest capture first.

        The same device: of the same MAC; where one capture does not show a MAC, of the same address and product.
        """
        mine = "SELECT place, mac, signature FROM devices WHERE capture = :id AND place = ifnull(:place, place)"
        by_mac = f"SELECT d.capture FROM devices d JOIN ({mine}) m ON d.mac = m.mac"  # noqa: S608
        by_address = (
            f"SELECT d.capture FROM ({mine}) m"  # noqa: S608
            " JOIN device_names x ON x.capture = :id AND x.place = m.place JOIN device_names n ON n.name = x.name"
            " JOIN devices d ON d.capture = n.capture AND d.place = n.place"
            " WHERE (d.mac IS NULL OR m.mac IS NULL) AND d.signature IS m.signature"
        )
        text = f"id <> :id AND state = 'done' AND id IN ({by_mac} UNION {by_address})"
        found = self._read(text, {"id": entry_id, "place": place}, limit=_MOST_LIKE)
        return sorted(found, key=when_taken, reverse=True)

    def change(self, entry_id: str, **values: Any) -> Entry | None:
        """Change fields of a capture; None when it was deleted meanwhile."""
        entry = self.get(entry_id)
        if entry is None:
            return None
        changed = replace(entry, **values)
        self._write(changed)
        return changed

    def delete(self, entry_id: str) -> None:
        """Remove the line and every file of a capture: the upload, its report, and what was made of them."""
        try:
            self._forget(entry_id)
        except sqlite3.OperationalError:
            # On a full disk the list cannot be written before the files have made room.
            shutil.rmtree(self._captures / entry_id, ignore_errors=True)
            self._forget(entry_id)
        shutil.rmtree(self._captures / entry_id, ignore_errors=True)

    def _forget(self, entry_id: str) -> None:
        self._base.execute("DELETE FROM captures WHERE id = ?", (entry_id,))

    def recover(self) -> list[Entry]:
        """Tidy up after a server that was killed, and give what has to run (again).

        A line without its file says so, one without its report gets another; a folder without a line was never complete
        and goes.
        """
        entries = self.all()
        known = {e.id for e in entries}
        for folder in self._captures.iterdir():
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)
        return [e for e in map(self._recovered, entries) if e is not None and e.state is JobState.QUEUED]

    def _recovered(self, entry: Entry) -> Entry | None:
        is_lost = entry.state is JobState.DONE and not self.report_path(entry.id).exists()
        is_due = is_lost or entry.state in (JobState.QUEUED, JobState.RUNNING)
        if is_due and not self.capture_path(entry.id).exists():
            return self.change(entry.id, state=JobState.FAILED, reason="the capture is no longer there")
        if is_lost or entry.state is JobState.RUNNING:
            return self.change(entry.id, state=JobState.QUEUED)
        return entry

    def _write(self, entry: Entry) -> None:
        devices = [asdict(d) for d in entry.devices]
        values = {name: getattr(entry, name) for name in _COLUMNS} | {"wishes": json.dumps(asdict(entry.wishes))}
        values["said"] = words_of(entry.name, entry.note, entry.state, entry.created, devices)
        names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
        changes = ", ".join(f"{name} = excluded.{name}" for name in values)
        with transaction(self._base):
            self._base.execute(
                f"INSERT INTO captures ({names}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {changes}",  # noqa: S608
                values,
            )
            write_devices(self._base, entry.id, devices)

    def _read(
        self, condition: str, values: Sequence[object] | Mapping[str, object], *, limit: int = -1, offset: int = 0
    ) -> list[Entry]:
        """Captures, the newest first. The condition is a text of ours, never of a request; -1 sets no limit."""
        rows = self._base.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM captures WHERE {condition}"  # noqa: S608
            f" ORDER BY created DESC, id LIMIT {limit:d} OFFSET {offset:d}",
            values,
        ).fetchall()
        return [_entry(row, self._devices(row["id"])) for row in rows]

    def _devices(self, entry_id: str) -> Iterable[sqlite3.Row]:
        return self._base.execute(
            "SELECT title, verdict, mac, addresses, signature, summary FROM devices WHERE capture = ? ORDER BY place",
            (entry_id,),
        )


def when_taken(entry: Entry) -> float:
    """When a capture was taken, as far as is known: else when it was uploaded. Seconds since the epoch."""
    return entry.created if entry.taken is None else entry.taken


def _entry(row: sqlite3.Row, devices: Iterable[sqlite3.Row]) -> Entry:
    values = dict(row)
    values["state"] = JobState(values["state"])
    values["wishes"] = Wishes(**json.loads(values["wishes"]))
    return Entry(**values, devices=tuple(_device_line(d) for d in devices))


def _device_line(row: sqlite3.Row) -> DeviceLine:
    return DeviceLine(**{**dict(row), "addresses": tuple(json.loads(row["addresses"]))})
