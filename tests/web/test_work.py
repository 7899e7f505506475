from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from pcapaudit.web import work
from pcapaudit.web.settings import Settings, prepare_folder
from pcapaudit.web.store import Entry, JobState, Store, Wishes
from pcapaudit.web.work import Status, Workshop

Scene = Callable[[Workshop, Store, Entry], Coroutine[Any, Any, None]]


def play(settings: Settings, folder: Path, scene: Scene) -> None:
    """Run a scene in a workshop with one capture in its list."""

    async def run() -> None:
        prepare_folder(settings.data_dir)
        store = Store(settings.data_dir)
        workshop = Workshop(settings, store)
        await workshop.open()
        received = folder / "received"
        received.write_bytes(b"x")
        await scene(workshop, store, store.add(received, "x.pcap", "0" * 64, Wishes(), ""))
        await workshop.close()

    asyncio.run(run())


async def states(workshop: Workshop, entry: Entry) -> list[Status]:
    return [status async for status in workshop.watch(entry.id)]


def stay_forever(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Let every analysis begin and never end; the event says that one began."""
    begun = asyncio.Event()

    async def stay(*_: object, progress: Callable[[int, int | None], None], **__: object) -> None:
        progress(1, 4)
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(work, "run_audit", stay)
    return begun


def test_a_running_analysis_is_cancelled_and_says_so(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(workshop: Workshop, store: Store, entry: Entry) -> None:
        begun = stay_forever(monkeypatch)
        workshop.submit(entry.id)
        await begun.wait()
        assert workshop.status(entry.id) == Status(entry.id, JobState.RUNNING, 0.25, None)
        await workshop.cancel(entry.id)
        assert (await states(workshop, entry))[-1].state is JobState.CANCELLED
        assert store.capture_path(entry.id).exists()

    play(settings, tmp_path, scene)


def test_a_server_that_stops_leaves_what_it_was_at_to_the_next_one(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(workshop: Workshop, _store: Store, entry: Entry) -> None:
        begun = stay_forever(monkeypatch)
        workshop.submit(entry.id)
        await begun.wait()

    play(settings, tmp_path, scene)
    assert [e.state for e in Store(settings.data_dir).recover()] == [JobState.QUEUED]


def test_a_fault_of_our_own_ends_one_analysis_and_not_the_queue(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    async def scene(workshop: Workshop, _store: Store, entry: Entry) -> None:
        monkeypatch.setattr(work, "run_audit", fail)
        for _ in range(2):
            workshop.submit(entry.id)
        last = (await states(workshop, entry))[-1]
        assert (last.state, last.reason) == (
            JobState.FAILED,
            "a fault of pcapaudit (ZeroDivisionError); please report it",
        )

    play(settings, tmp_path, scene)


def test_who_watches_a_deleted_capture_is_let_go(settings: Settings, tmp_path: Path) -> None:
    async def scene(workshop: Workshop, store: Store, entry: Entry) -> None:
        store.delete(entry.id)
        assert await states(workshop, entry) == []

    play(settings, tmp_path, scene)
