from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from pcapaudit.engine.progress import Judged, Phase, Step
from pcapaudit.model.errors import JobError
from pcapaudit.model.words import Verdict
from pcapaudit.web.captures import work
from pcapaudit.web.captures.status import Status
from pcapaudit.web.captures.store import Entry, JobState, Store, Wishes
from pcapaudit.web.captures.work import Workshop
from pcapaudit.web.settings import Settings, prepare_folder

DEVICE = Judged("Acme box", Verdict.FAILED, None, ("10.0.0.5",), "acme/box", "dns", "DNS-X", "No name.")
Scene = Callable[[Workshop, Store, Entry], Coroutine[Any, Any, None]]


def play(settings: Settings, folder: Path, scene: Scene) -> None:
    """Run a scene in a workshop with one capture in its list."""

    async def run() -> None:
        prepare_folder(settings.data_dir)
        store = Store(settings.data_dir)
        workshop = Workshop(settings, store)
        await workshop.open()
        await scene(workshop, store, add(store, folder))
        await workshop.close()

    asyncio.run(run())


def add(store: Store, folder: Path) -> Entry:
    received = folder / "received"
    received.write_bytes(b"x")
    return store.add(received, "x.pcap", "0" * 64, Wishes(), "")


def put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def files_of(store: Store, entry: Entry) -> list[str]:
    return sorted(path.name for path in store.capture_path(entry.id).parent.iterdir())


async def states(workshop: Workshop, entry: Entry) -> list[Status]:
    return [status async for _, status in workshop.watch([entry.id]) if status is not None]


def stay_forever(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Let every analysis begin and never end; the event says that one began."""
    begun = asyncio.Event()

    async def stay(*_: object, progress: Callable[[Step | Judged], None], **__: object) -> None:
        progress(Step(Phase.JUDGING, 1, 4))
        progress(DEVICE)
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
        status = workshop.status(entry.id)
        assert status is not None
        assert (status.state, status.phase, status.done, status.total) == ("running", "judging", 1, 4)
        assert (status.judged, status.found) == (1, (DEVICE,))
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


def test_who_watches_a_deleted_capture_is_told_so_and_let_go(settings: Settings, tmp_path: Path) -> None:
    async def scene(workshop: Workshop, store: Store, entry: Entry) -> None:
        store.delete(entry.id)
        assert [told async for told in workshop.watch([entry.id])] == [(entry.id, None)]

    play(settings, tmp_path, scene)


def test_who_watches_several_is_told_of_each_until_the_last_has_ended(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise JobError("no capture")

    async def scene(workshop: Workshop, store: Store, entry: Entry) -> None:
        monkeypatch.setattr(work, "run_audit", refuse)
        other = add(store, tmp_path)
        for one in (entry, other):
            workshop.submit(one.id)
        last = {entry_id: status async for entry_id, status in workshop.watch([entry.id, other.id, "none"])}
        assert {entry_id: status and status.state for entry_id, status in last.items()} == {
            entry.id: JobState.FAILED,
            other.id: JobState.FAILED,
            "none": None,
        }

    play(settings, tmp_path, scene)


def test_a_capture_in_the_queue_knows_its_place_and_leaves_it_when_it_is_cancelled(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(workshop: Workshop, store: Store, entry: Entry) -> None:
        begun = stay_forever(monkeypatch)
        others = [add(store, tmp_path) for _ in range(3)]
        for one in (entry, *others):
            workshop.submit(one.id)
        await begun.wait()
        assert [workshop.status_of(one).before for one in others] == [1, 2, 3]
        await workshop.cancel(others[0].id)
        assert [status.state for status in await states(workshop, others[0])] == [JobState.CANCELLED]
        assert [workshop.status_of(one).before for one in others[1:]] == [1, 2]

    play(settings, tmp_path, scene)


def test_what_failed_or_was_cancelled_runs_again_when_asked_and_nothing_else_does(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(workshop: Workshop, store: Store, entry: Entry) -> None:
        begun = stay_forever(monkeypatch)
        store.change(entry.id, state=JobState.FAILED, reason="killed")
        assert workshop.again(entry.id)
        await begun.wait()
        changed = store.get(entry.id)
        assert changed is not None
        assert (changed.state, changed.reason) == (JobState.RUNNING, None)
        assert not workshop.again(entry.id)
        assert not workshop.again("none")

    play(settings, tmp_path, scene)


def test_who_watches_is_let_go_when_the_server_ends(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(workshop: Workshop, _store: Store, entry: Entry) -> None:
        begun = stay_forever(monkeypatch)
        workshop.submit(entry.id)
        watching = asyncio.create_task(states(workshop, entry))
        await begun.wait()
        workshop.dismiss()
        assert {status.state for status in await watching} <= {JobState.QUEUED, JobState.RUNNING}

    play(settings, tmp_path, scene)


def test_what_a_broken_analysis_began_to_write_is_cleared_away(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_off(_sources: object, _options: object, target: Path, **_: object) -> None:
        target.with_name(".report.json.x").write_text("half")
        raise JobError("the analysis was killed (SIGKILL)")

    async def scene(workshop: Workshop, store: Store, entry: Entry) -> None:
        monkeypatch.setattr(work, "run_audit", break_off)
        workshop.submit(entry.id)
        last = (await states(workshop, entry))[-1]
        assert (last.state, last.reason) == (JobState.FAILED, "the analysis was killed (SIGKILL)")
        assert files_of(store, entry) == ["capture"]

    play(settings, tmp_path, scene)


def test_the_queue_outlives_a_list_that_cannot_be_written_for_a_while(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise JobError("no capture")

    async def scene(workshop: Workshop, store: Store, entry: Entry) -> None:
        monkeypatch.setattr(work, "run_audit", refuse)
        monkeypatch.setattr(work, "_PATIENCE_S", 0.0)
        write, refusals = store.change, iter([True] * 3)

        def change(*args: Any, **values: Any) -> Entry | None:
            if next(refusals, False):
                raise sqlite3.OperationalError("database or disk is full")
            return write(*args, **values)

        monkeypatch.setattr(store, "change", change)
        workshop.submit(entry.id)
        assert (await states(workshop, entry))[-1].state is JobState.FAILED

    play(settings, tmp_path, scene)


def test_evidence_is_cut_once_for_all_who_ask_at_the_same_time(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[Path] = []

    async def write(_sources: object, _options: object, target: Path, **_: object) -> None:
        cut.append(target)
        await asyncio.sleep(0)
        put(target, b"evidence")

    async def scene(workshop: Workshop, store: Store, entry: Entry) -> None:
        monkeypatch.setattr(work, "run_evidence", write)
        paths = await asyncio.gather(*(workshop.evidence(entry) for _ in range(5)))
        assert len(cut) == len(set(paths)) == 1
        assert files_of(store, entry) == ["capture", "evidence.pcapng"]

    play(settings, tmp_path, scene)


def test_evidence_that_fails_names_the_capture_and_leaves_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(sources: list[str], _options: object, target: Path, **_: object) -> None:
        put(target, b"half")
        raise JobError(f"{sources[0]}: nothing to cut")

    async def scene(workshop: Workshop, store: Store, entry: Entry) -> None:
        monkeypatch.setattr(work, "run_evidence", fail)
        with pytest.raises(JobError, match=r"^x\.pcap: nothing to cut$"):
            await workshop.evidence(entry)
        assert files_of(store, entry) == ["capture"]

    play(settings, tmp_path, scene)
