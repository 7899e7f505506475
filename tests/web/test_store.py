from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.web.settings import Settings, prepare_folder
from pcapaudit.web.store import DeviceLine, Entry, JobState, Store, Wishes

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
    running, lost, done = add(store, tmp_path), add(store, tmp_path), add(store, tmp_path)
    for entry, state in ((running, JobState.RUNNING), (lost, JobState.RUNNING), (done, JobState.DONE)):
        store.change(entry.id, state=state)
    store.capture_path(lost.id).unlink()

    assert [e.id for e in store.recover()] == [running.id]
    assert [store.get(e.id).state for e in (running, lost, done)] == ["queued", "failed", "done"]  # type: ignore[union-attr]


def test_wishes_become_options_of_an_audit() -> None:
    options = Wishes("acme/box", "10.0.0.5", "red", "lost", {"app_port": "5"}).options()
    assert (options.signature, options.device, options.led, options.log) == ("acme/box", "10.0.0.5", "red", "lost")
    assert (dict(options.params), options.why) == ({"app_port": "5"}, True)
