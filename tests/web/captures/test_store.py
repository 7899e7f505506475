from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pcapaudit.web.captures.store import DeviceLine, Entry, JobState, Store, Wishes, when_taken
from pcapaudit.web.settings import Settings, prepare_folder

LINE = DeviceLine("Acme box", "failed", "02:00:0a:00:00:05", ("10.0.0.5",), "acme/box", "No answer.")


@pytest.fixture
def store(settings: Settings) -> Store:
    prepare_folder(settings.data_dir)
    return Store(settings.data_dir)


def add(store: Store, folder: Path, led: str | None = None) -> Entry:
    received = folder / "received.part"
    received.write_bytes(b"abc")
    return store.add(received, "x.pcap", "1" * 64, Wishes(led=led), "a note")


def test_a_capture_is_there_again_after_the_list_was_closed(store: Store, settings: Settings, tmp_path: Path) -> None:
    entry = add(store, tmp_path, led="red")
    changed = store.change(entry.id, state=JobState.DONE, devices=(LINE,))
    store.close()

    assert Store(settings.data_dir).get(entry.id) == changed
    assert changed is not None
    assert (changed.size, changed.wishes.led, changed.devices) == (3, "red", (LINE,))


def test_the_newest_stands_first(store: Store, tmp_path: Path) -> None:
    ids = [add(store, tmp_path).id for _ in range(3)]
    for at, entry_id in enumerate(ids):
        store.change(entry_id, created=float(at))
    assert [e.id for e in store.all()] == ids[::-1]


def test_the_same_file_is_found_with_the_same_wishes_unless_it_failed(store: Store, tmp_path: Path) -> None:
    entry = add(store, tmp_path, led="red")
    assert store.find("1" * 64, Wishes(led="red")) == entry
    assert store.find("1" * 64, Wishes()) is None
    assert store.find("2" * 64, Wishes(led="red")) is None
    store.change(entry.id, state=JobState.FAILED)
    assert store.find("1" * 64, Wishes(led="red")) is None


def test_a_change_to_a_deleted_capture_brings_nothing_back(store: Store, tmp_path: Path) -> None:
    entry = add(store, tmp_path)
    store.delete(entry.id)
    assert store.change(entry.id, state=JobState.DONE) is None
    assert store.get(entry.id) is None
    assert not store.capture_path(entry.id).parent.exists()


def test_after_a_crash_what_was_running_is_queued_and_what_is_lost_says_so(store: Store, tmp_path: Path) -> None:
    running, lost, done, unread = (add(store, tmp_path) for _ in range(4))
    for entry in (running, lost):
        store.change(entry.id, state=JobState.RUNNING)
    for entry in (done, unread):
        store.change(entry.id, state=JobState.DONE)
    store.capture_path(lost.id).unlink()
    store.report_path(done.id).write_text("{}")

    assert {e.id for e in store.recover()} == {running.id, unread.id}
    found = [store.get(e.id) for e in (running, lost, done, unread)]
    assert [e.state for e in found if e is not None] == ["queued", "failed", "done", "queued"]


def test_wishes_become_options_of_an_audit() -> None:
    options = Wishes("acme/box", "10.0.0.5", "red", "lost", params={"app_port": "5"}).options()
    assert (options.signature, options.device, options.led, options.log) == ("acme/box", "10.0.0.5", "red", "lost")
    assert (dict(options.params), options.why) == ({"app_port": "5"}, True)


def with_device(store: Store, folder: Path, taken: float | None, **changes: Any) -> Entry:
    """A capture that is done and holds one device."""
    entry = store.change(add(store, folder).id, state=JobState.DONE, taken=taken, devices=(replace(LINE, **changes),))
    assert entry is not None
    return entry


def test_captures_of_the_same_device_are_found_the_latest_first(store: Store, tmp_path: Path) -> None:
    mine = with_device(store, tmp_path, 100.0)
    old = with_device(store, tmp_path, 10.0, addresses=("10.0.0.9",))
    new = with_device(store, tmp_path, 200.0, verdict="healthy")
    with_device(store, tmp_path, 150.0, mac="02:ee:ee:00:00:01")
    no_mac = with_device(store, tmp_path, 50.0, mac=None)
    with_device(store, tmp_path, 60.0, mac=None, signature="other/box")
    with_device(store, tmp_path, 70.0, mac=None, addresses=("10.0.0.6",))
    store.change(with_device(store, tmp_path, 300.0).id, state=JobState.FAILED)

    assert [entry.id for entry in store.find_alike(mine.id)] == [new.id, no_mac.id, old.id]
    assert store.find_alike("nothing") == []


def test_what_was_uploaded_before_a_moment_is_found(store: Store, tmp_path: Path) -> None:
    old, new = add(store, tmp_path), add(store, tmp_path)
    store.change(old.id, created=10.0)
    store.change(new.id, created=20.0)
    assert [entry.id for entry in store.older_than(20.0)] == [old.id]


def test_a_capture_of_unknown_time_counts_from_its_upload(store: Store, tmp_path: Path) -> None:
    entry = add(store, tmp_path)
    assert when_taken(entry) == entry.created
    assert when_taken(replace(entry, taken=5.0)) == 5.0


def test_verdicts_are_counted_by_capture(store: Store, tmp_path: Path) -> None:
    with_device(store, tmp_path, None)
    with_device(store, tmp_path, None, verdict="healthy")
    store.change(add(store, tmp_path).id, state=JobState.DONE, devices=(LINE, LINE))
    assert store.count_verdicts() == {"failed": 2, "healthy": 1}


def test_a_deleted_capture_leaves_no_file_and_no_row(store: Store, settings: Settings, tmp_path: Path) -> None:
    entry = with_device(store, tmp_path, None)
    made = store.report_path(entry.id).parent / "frames" / "7.json"
    made.parent.mkdir()
    made.write_text("{}", encoding="utf-8")
    store.delete(entry.id)
    store.close()

    assert not made.parent.parent.exists()
    base = sqlite3.connect(settings.data_dir / "list.sqlite3")
    for table in ("captures", "devices", "device_names"):
        assert base.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0
