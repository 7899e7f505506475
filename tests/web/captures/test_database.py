from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from pcapaudit.model.errors import UsageError
from pcapaudit.web.captures.database import FORM, open_list, transaction, words_of, write_devices
from pcapaudit.web.captures.store import DeviceLine, JobState, Store

OLD = """
CREATE TABLE captures (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL, state TEXT NOT NULL,
    reason TEXT, created REAL NOT NULL, wishes TEXT NOT NULL, note TEXT NOT NULL, devices TEXT NOT NULL
) STRICT;
CREATE INDEX captures_sha256 ON captures (sha256);
CREATE INDEX captures_created ON captures (created);
"""
"""The list as version 0.1.0 made it."""
DEVICE = {
    "title": "Acme box",
    "verdict": "failed",
    "mac": "02:00:0a:00:00:05",
    "addresses": ["10.0.0.5"],
    "signature": "acme/box",
    "summary": "No answer.",
}


def make_old_list(folder: Path) -> None:
    base = sqlite3.connect(folder / "list.sqlite3")
    base.executescript(OLD)
    wishes = json.dumps({"signature": None, "device": None, "led": "red", "log": None, "params": {}})
    row = ("abc", "Öffice.pcap", "1" * 64, 3, "done", None, 1.0, wishes, "a note", json.dumps([DEVICE]))
    base.execute(f"INSERT INTO captures VALUES ({', '.join('?' * 10)})", row)
    base.commit()
    base.close()


def test_a_list_of_the_first_form_is_taken_over_with_its_devices(tmp_path: Path) -> None:
    make_old_list(tmp_path)
    entry = Store(tmp_path).get("abc")
    assert entry is not None
    assert (entry.name, entry.state, entry.wishes.led, entry.note) == ("Öffice.pcap", JobState.DONE, "red", "a note")
    assert entry.devices == (
        DeviceLine("Acme box", "failed", "02:00:0a:00:00:05", ("10.0.0.5",), "acme/box", "No answer."),
    )
    base = open_list(tmp_path / "list.sqlite3")
    assert base.execute("PRAGMA user_version").fetchone()[0] == FORM
    assert {row[0] for row in base.execute("SELECT name FROM device_names")} == {"02:00:0a:00:00:05", "10.0.0.5"}
    assert "öffice.pcap" in base.execute("SELECT said FROM captures").fetchone()[0]


def test_a_take_over_that_breaks_off_leaves_the_old_list(tmp_path: Path) -> None:
    make_old_list(tmp_path)
    base = sqlite3.connect(tmp_path / "list.sqlite3")
    base.execute("UPDATE captures SET devices = 'no JSON'")
    base.commit()
    with pytest.raises(ValueError, match="Expecting value"):
        Store(tmp_path)
    assert base.execute("PRAGMA user_version").fetchone()[0] == 0
    assert base.execute("SELECT devices FROM captures").fetchone()[0] == "no JSON"


def test_a_list_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "list.sqlite3").execute("PRAGMA user_version = 99").connection.close()
    with pytest.raises(UsageError, match="newer version"):
        open_list(tmp_path / "list.sqlite3")


def test_what_happens_in_a_transaction_happens_as_a_whole(tmp_path: Path) -> None:
    base = open_list(tmp_path / "list.sqlite3")

    def write_and_fail() -> None:
        with transaction(base):
            base.execute("CREATE TABLE other (x)")
            write_devices(base, "no such capture", [DEVICE])

    with pytest.raises(sqlite3.IntegrityError):
        write_and_fail()
    assert base.execute("SELECT 1 FROM sqlite_master WHERE name = 'other'").fetchone() is None


def test_the_words_of_a_line_are_all_that_it_shows() -> None:
    said = words_of("A.pcap", "Note", "done", 0.0, [DEVICE])
    for word in (
        "a.pcap",
        "note",
        "done",
        "1970-01-01",
        "acme box",
        "failed",
        "02:00:0a:00:00:05",
        "10.0.0.5",
        "acme/box",
    ):
        assert word in said
