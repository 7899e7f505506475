"""The memory of a watch on the disk: what it knew when it ended, however it ended, and the newest events.

One SQLite file with a write-ahead log. Each look is one transaction, so that a process that is killed leaves the last
complete state, and a machine that loses its power one of a moment before. Held exclusively as long as it is open: two
watches on one file would each undo what the other wrote.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import struct
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pcapaudit.model.errors import UsageError
from pcapaudit.model.times import NS
from pcapaudit.report.serialize import serialize
from pcapaudit.watch.events import Event
from pcapaudit.watch.record import Device, Record, read_record

FORM = 1
"""Number of the file's form (``PRAGMA user_version``)."""
MOST_EVENTS = 10_000
"""Events that are kept; the oldest go."""
REST_S = 300
"""What moves with each look, such as when a device was heard, is written once in so many seconds of the wire's clock:
the file may lie on a card that bears few writes, and a watch that starts anew trusts no silence before its start."""
_MARK = 0x70636177
"""``pcaw``, the file's ``application_id``."""
_HEADER = struct.Struct(">16s52xI28x")
"""The mark's place, see "The Database Header" in SQLite's description of its file format."""
_MAGIC = b"SQLite format 3\0"
_TABLES = (
    "CREATE TABLE watch (one INTEGER PRIMARY KEY CHECK (one = 1), said TEXT NOT NULL) STRICT",
    "CREATE TABLE devices (key TEXT PRIMARY KEY, said TEXT NOT NULL) STRICT",
    "CREATE TABLE events (number INTEGER PRIMARY KEY AUTOINCREMENT, said TEXT NOT NULL) STRICT",
    f"PRAGMA application_id = {_MARK}",
    f"PRAGMA user_version = {FORM}",
)
_MOVE_AWAY = "move it away, and the watch begins a new one"
_NAME_ANOTHER = "Name another file, or move it away"


class Memory:
    """The file of one watch. Everything in it is readable by its owner alone.

    Args:
        path: The file; made when it is not there, in a folder that is.
        tell: Told once when nothing can be written any more, and when it can again.

    Raises:
        UsageError: The file is another program's, damaged, of a newer version, in use by another watch, or cannot be
            opened. It is left as it is.
    """

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self._path = path
        self._tell = tell
        self._base = _open(path)
        self._saved: dict[str, Device] = {}
        self._head: Record | None = None
        self._newest: Record | None = None
        self._rested_ns: int | None = None
        self._waiting: deque[str] = deque(maxlen=MOST_EVENTS)
        self._is_failing = False

    def read(self) -> Record | None:
        """What the watch before knew; None where there was none.

        Raises:
            UsageError: It cannot be read, or is of a newer version.
        """
        try:
            head = self._base.execute("SELECT said FROM watch").fetchone()
            rows = self._base.execute("SELECT said FROM devices ORDER BY rowid").fetchall()
            if head is None:
                return None
            return read_record({**json.loads(head[0]), "devices": [json.loads(said) for (said,) in rows]})
        except (sqlite3.Error, ValueError, TypeError, RecursionError, UsageError) as error:
            raise UsageError(f"{self._path}: what it remembers cannot be read ({error}); {_MOVE_AWAY}") from error

    def save(self, record: Record, events: Sequence[Event]) -> None:
        """Keep what a watch knows now and what it told since; as one, or not at all.

        Where the disk takes nothing that is told once. The watch goes on, and what waits is written when there is room.
        """
        self._waiting.extend(json.dumps(event.as_dict()) for event in events)
        self._newest = record
        self._write(record, in_full=self._has_rested(record.now_ns))

    def events(self, limit: int = 100) -> list[dict[str, Any]]:
        """The newest events first, each as its JSON line holds it.

        Raises:
            UsageError: They cannot be read.
        """
        try:
            rows = self._base.execute("SELECT said FROM events ORDER BY number DESC LIMIT ?", (limit,)).fetchall()
            return [dict(json.loads(said)) for (said,) in rows]
        except (sqlite3.Error, ValueError, TypeError, RecursionError) as error:
            raise UsageError(f"{self._path}: its events cannot be read ({error}); {_MOVE_AWAY}") from error

    def close(self) -> None:
        """Write what rests, and let go of the file."""
        if self._newest is not None:
            self._write(self._newest, in_full=True)
        self._base.close()

    def _write(self, record: Record, *, in_full: bool) -> None:
        head = replace(record, devices=())
        known = {device.key: device for device in record.devices}
        fresh = {key: device for key, device in known.items() if self._is_news(key, device, in_full=in_full)}
        gone = self._saved.keys() - known.keys()
        if not (fresh or gone or self._waiting or head != self._head):
            return
        try:
            with self._base:
                self._put(head, fresh, gone)
        except sqlite3.Error as error:
            self._note_fault(error)
            return
        self._note_success()
        self._waiting.clear()
        self._head = head
        self._saved = {key: device for key, device in self._saved.items() if key not in gone} | fresh
        if in_full:
            self._rested_ns = record.now_ns

    def _has_rested(self, now_ns: int | None) -> bool:
        if now_ns is None or self._rested_ns is None:
            return True
        return abs(now_ns - self._rested_ns) >= REST_S * NS

    def _is_news(self, key: str, device: Device, *, in_full: bool) -> bool:
        before = self._saved.get(key)
        return before is None or _stand(before) != _stand(device) or (in_full and before != device)

    def _put(self, head: Record, fresh: dict[str, Device], gone: set[str]) -> None:
        base = self._base
        base.execute("BEGIN IMMEDIATE")
        base.execute("INSERT OR REPLACE INTO watch VALUES (1, ?)", (serialize(head),))
        if self._head is None:
            # What the watch before remembered has been taken over, or not.
            base.execute("DELETE FROM devices")
        base.executemany("DELETE FROM devices WHERE key = ?", [(_key(key),) for key in gone])
        base.executemany(
            "INSERT INTO devices VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET said = excluded.said",
            [(_key(key), serialize(device)) for key, device in fresh.items()],
        )
        base.executemany("INSERT INTO events (said) VALUES (?)", [(said,) for said in self._waiting])
        base.execute("DELETE FROM events WHERE number <= (SELECT max(number) FROM events) - ?", (MOST_EVENTS,))

    def _note_fault(self, error: sqlite3.Error) -> None:
        if not self._is_failing:
            self._is_failing = True
            self._tell(f"{self._path}: the watch's memory cannot be written ({error}); the watch goes on")

    def _note_success(self) -> None:
        if self._is_failing:
            self._is_failing = False
            self._tell(f"{self._path}: the watch's memory is written again")


def _stand(device: Device) -> tuple[object, ...]:
    """What of a device is worth a write at once."""
    flapping = (device.losses, device.flapping_ns, device.flaps)
    return device.shown, device.down_ns, flapping, device.is_silent, device.changed_ns


def _key(key: str) -> str:
    """The key as text that any database takes: a name from the wire may hold halves of characters."""
    return key.encode("ascii", "backslashreplace").decode("ascii")


def _open(path: Path) -> sqlite3.Connection:
    """The file in this form, and locked. Raises UsageError."""
    try:
        _make_or_check(path)
        # SQLite takes some relative names for something else than a file.
        base = sqlite3.connect(path.absolute(), timeout=0)
    except (OSError, sqlite3.Error) as error:
        raise UsageError(f"{path}: the watch's memory cannot be opened ({error})") from error
    try:
        _bring_up(base, path)
    except sqlite3.OperationalError as error:
        base.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise UsageError(f"{path} is in use by another watch; give each a file of its own") from error
        raise UsageError(f"{path}: the watch's memory cannot be opened ({error})") from error
    except sqlite3.Error as error:
        base.close()
        raise UsageError(f"{path} is damaged ({error}); {_MOVE_AWAY}") from error
    except UsageError:
        base.close()
        raise
    return base


def _make_or_check(path: Path) -> None:
    """Make an empty file of the owner alone, or see that the one there is ours before anything touches it.

    Raises:
        OSError: It can be neither read and written nor made.
        UsageError: It is no memory of a watch.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        head = file.read(_HEADER.size) if stat.S_ISREG(state.st_mode) else b"?"
        if head and (len(head) < _HEADER.size or _HEADER.unpack(head) != (_MAGIC, _MARK)):
            raise UsageError(f"{path} is no memory of a watch, or is damaged; it is left as it is. {_NAME_ANOTHER}")
        os.fchmod(descriptor, 0o600)


def _bring_up(base: sqlite3.Connection, path: Path) -> None:
    """Lock the file, see that it is whole, and make the tables of a new one. Raises sqlite3.Error, UsageError."""
    # Another one that holds it so long as it runs, and lets go when it is killed.
    base.execute("PRAGMA locking_mode = EXCLUSIVE")
    with base:
        base.execute("BEGIN EXCLUSIVE")
        found = base.execute("PRAGMA user_version").fetchone()[0]
        if found > FORM:
            raise UsageError(f"{path} was made by a newer version of pcapaudit; use that, or {_MOVE_AWAY}")
        if found < FORM:
            for statement in _TABLES:
                base.execute(statement)
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("PRAGMA synchronous = NORMAL")
    (verdict,) = base.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
