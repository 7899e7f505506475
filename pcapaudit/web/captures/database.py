"""The file of the list: its tables, and how one of an older form becomes one of this form."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pcapaudit.model.errors import UsageError

FORM = 2
"""Number of this form, kept in the file (``PRAGMA user_version``). The first form had no number."""

_CAPTURES = """
CREATE TABLE captures (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL, state TEXT NOT NULL,
    reason TEXT, created REAL NOT NULL, taken REAL, wishes TEXT NOT NULL, note TEXT NOT NULL, said TEXT NOT NULL
) STRICT
"""
_TABLES = (
    """
CREATE TABLE devices (
    capture TEXT NOT NULL REFERENCES captures (id) ON DELETE CASCADE, place INTEGER NOT NULL, title TEXT NOT NULL,
    verdict TEXT NOT NULL, mac TEXT, addresses TEXT NOT NULL, signature TEXT, summary TEXT,
    PRIMARY KEY (capture, place)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE device_names (
    capture TEXT NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (capture, place, name),
    FOREIGN KEY (capture, place) REFERENCES devices (capture, place) ON DELETE CASCADE
) STRICT, WITHOUT ROWID
""",
    "CREATE INDEX IF NOT EXISTS captures_sha256 ON captures (sha256)",
    "CREATE INDEX IF NOT EXISTS captures_created ON captures (created)",
    "CREATE INDEX devices_mac ON devices (mac)",
    "CREATE INDEX devices_verdict ON devices (verdict)",
    "CREATE INDEX devices_signature ON devices (signature)",
    "CREATE INDEX device_names_name ON device_names (name)",
)
"""``captures.said`` is all words of a line, folded, to search in; ``device_names`` a device's MAC and addresses."""


def open_list(path: Path) -> sqlite3.Connection:
    """The list in this form; an older one is changed on the way, whole or not at all.

    Raises:
        UsageError: A newer version of the program made it.
    """
    base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    base.row_factory = sqlite3.Row
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("PRAGMA synchronous = FULL")
    base.execute("PRAGMA foreign_keys = ON")
    found = base.execute("PRAGMA user_version").fetchone()[0]
    if found > FORM:
        base.close()
        raise UsageError(f"the list {path} was made by a newer version of pcapaudit (form {found})")
    if found < FORM:
        with transaction(base):
            _bring_up(base)
    return base


@contextmanager
def transaction(base: sqlite3.Connection) -> Iterator[None]:
    """What happens inside is on disk as a whole, or not at all."""
    base.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        base.execute("ROLLBACK")
        raise
    base.execute("COMMIT")


def write_devices(base: sqlite3.Connection, capture: str, devices: Sequence[dict[str, Any]]) -> None:
    """Put these devices in the place of those that a capture had. Each has the fields of ``DeviceLine``."""
    base.execute("DELETE FROM devices WHERE capture = ?", (capture,))
    for place, device in enumerate(devices):
        values = {**device, "addresses": json.dumps(device["addresses"]), "capture": capture, "place": place}
        base.execute(
            "INSERT INTO devices (capture, place, title, verdict, mac, addresses, signature, summary)"
            " VALUES (:capture, :place, :title, :verdict, :mac, :addresses, :signature, :summary)",
            values,
        )
        names = {name for name in (device["mac"], *device["addresses"]) if name}
        base.executemany("INSERT INTO device_names VALUES (?, ?, ?)", [(capture, place, name) for name in names])


def words_of(name: str, note: str, state: str, created: float, devices: Sequence[dict[str, Any]]) -> str:
    """All that one may search a line for, case folded."""
    said = [name, note, state, time.strftime("%Y-%m-%d %H:%M", time.gmtime(created))]
    for device in devices:
        said += [device["title"], device["verdict"], device["mac"] or "", device["signature"] or ""]
        said += device["addresses"]
    return "\n".join(said).casefold()


def _bring_up(base: sqlite3.Connection) -> None:
    """Make the tables, or change those of the first form, which kept a line's devices as text in the line."""
    is_old = base.execute("SELECT 1 FROM sqlite_master WHERE name = 'captures'").fetchone()
    if is_old:
        base.execute("ALTER TABLE captures ADD COLUMN taken REAL")
        base.execute("ALTER TABLE captures ADD COLUMN said TEXT NOT NULL DEFAULT ''")
    else:
        base.execute(_CAPTURES)
    for statement in _TABLES:
        base.execute(statement)
    if is_old:
        for row in base.execute("SELECT id, name, note, state, created, devices FROM captures").fetchall():
            devices = json.loads(row["devices"])
            write_devices(base, row["id"], devices)
            said = words_of(row["name"], row["note"], row["state"], row["created"], devices)
            base.execute("UPDATE captures SET said = ? WHERE id = ?", (said, row["id"]))
        base.execute("ALTER TABLE captures DROP COLUMN devices")
    base.execute(f"PRAGMA user_version = {FORM}")
