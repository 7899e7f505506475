from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.concurrency import run_in_threadpool

from pcapaudit.engine.progress import Phase, Step
from pcapaudit.model.errors import JobError
from pcapaudit.web.captures.store import Entry, Store, Wishes
from pcapaudit.web.settings import Settings, prepare_folder
from pcapaudit.web.tables import making
from pcapaudit.web.tables.making import TableMaker

Job = Callable[..., Any]


class Works:
    """Stands for the process that makes the tables."""

    def __init__(self) -> None:
        self.times = 0
        self.has_begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.fault: str | None = None

    async def __call__(self, sources: list[str], target: Path, *, limits: object, progress: Any) -> None:  # noqa: ARG002
        self.times += 1
        self.has_begun.set()
        progress(Step(Phase.READING, 1, 4))
        await self.may_end.wait()
        if self.fault:
            raise JobError(f"{sources[0]}: {self.fault}")
        await run_in_threadpool(target.write_bytes, b"tables")


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> Works:
    made = Works()
    monkeypatch.setattr(making, "run_tables", made)
    return made


@pytest.fixture
def entry(settings: Settings, tmp_path: Path) -> tuple[TableMaker, Store, Entry]:
    prepare_folder(settings.data_dir)
    store = Store(settings.data_dir)
    received = tmp_path / "received"
    received.write_bytes(b"capture")
    return TableMaker(settings, store), store, store.add(received, "office.pcap", "00", Wishes(), "")


def test_who_asks_twice_waits_for_the_same(works: Works, entry: tuple[TableMaker, Store, Entry]) -> None:
    maker, _, capture = entry

    async def ask() -> None:
        assert maker.find(capture) is None
        assert maker.begin(capture) is None
        waiting = asyncio.gather(maker.wait(capture), maker.wait(capture))
        await works.has_begun.wait()
        assert maker.progress(capture) == 0.25
        works.may_end.set()
        first, second = await waiting
        assert first == second == maker.find(capture) == await maker.wait(capture)

    asyncio.run(ask())
    assert works.times == 1


def test_a_failure_is_told_by_the_captures_name_and_the_next_call_tries_again(
    works: Works, entry: tuple[TableMaker, Store, Entry]
) -> None:
    maker, _, capture = entry
    works.fault = f"cannot write {maker._path(capture.id)}: the disk is full"
    works.may_end.set()

    async def ask() -> None:
        with pytest.raises(JobError, match=r"^office\.pcap: cannot write the tables: the disk is full$"):
            await maker.wait(capture)
        works.fault = None
        assert (await maker.wait(capture)).exists()

    asyncio.run(ask())
    assert works.times == 2


def test_a_failure_is_shown_once_before_it_is_tried_again(works: Works, entry: tuple[TableMaker, Store, Entry]) -> None:
    maker, _, capture = entry
    works.fault = "killed"
    works.may_end.set()

    async def ask() -> list[str | None]:
        told = [maker.begin(capture)]
        await asyncio.gather(*maker._running.values())
        return [*told, maker.begin(capture), maker.begin(capture)]

    assert asyncio.run(ask()) == [None, "office.pcap: killed", None]


def test_what_an_older_version_made_and_drafts_go(works: Works, entry: tuple[TableMaker, Store, Entry]) -> None:
    maker, store, capture = entry
    folder = store.report_path(capture.id).parent
    (folder / "tables-0.sqlite").write_bytes(b"old")
    (folder / ".tables-0.sqlite.part").write_bytes(b"half")
    works.may_end.set()

    made = asyncio.run(maker.wait(capture))
    assert sorted(path.name for path in folder.iterdir()) == ["capture", made.name]


def test_closing_ends_what_runs(works: Works, entry: tuple[TableMaker, Store, Entry]) -> None:
    maker, _, capture = entry

    async def ask() -> None:
        maker.begin(capture)
        await works.has_begun.wait()
        await maker.close()

    asyncio.run(ask())
    assert maker.find(capture) is None


def test_a_deleted_capture_ends_it(works: Works, entry: tuple[TableMaker, Store, Entry]) -> None:
    maker, store, capture = entry
    store.delete(capture.id)

    async def ask() -> None:
        with pytest.raises(JobError, match="deleted meanwhile"):
            await maker.wait(capture)

    asyncio.run(ask())
    assert works.times == 1
