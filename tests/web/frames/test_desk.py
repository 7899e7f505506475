from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pcapaudit.model.errors import JobError
from pcapaudit.web.frames.desk import Desk


def writing(made: list[Path], gate: asyncio.Event | None = None) -> Callable[[Path], Awaitable[None]]:
    async def make(target: Path) -> None:
        made.append(target)
        if gate is not None:
            await gate.wait()
        target.touch()  # noqa: ASYNC240 - a test's own folder

    return make


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    made: list[Path] = []

    async def twice() -> None:
        desk = Desk(2, 10)
        await desk.fetch(tmp_path / "f" / "1", writing(made))
        await desk.fetch(tmp_path / "f" / "1", writing(made))

    asyncio.run(twice())
    assert made == [tmp_path / "f" / "1"]


def test_many_who_ask_for_the_same_wait_for_one_job_and_one_who_leaves_does_not_end_it(tmp_path: Path) -> None:
    made: list[Path] = []

    async def together() -> None:
        desk, gate = Desk(2, 10), asyncio.Event()
        waiting = [asyncio.create_task(desk.fetch(tmp_path / "f" / "1", writing(made, gate))) for _ in range(5)]
        for _ in range(50):
            await asyncio.sleep(0)
        waiting[0].cancel()
        gate.set()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(end) for end in ends[:2]] == [asyncio.CancelledError, type(None)]

    asyncio.run(together())
    assert len(made) == 1


def test_only_so_many_run_at_one_time(tmp_path: Path) -> None:
    made: list[Path] = []

    async def rush() -> int:
        desk, gate = Desk(2, 10), asyncio.Event()
        waiting = [asyncio.create_task(desk.fetch(tmp_path / "f" / str(n), writing(made, gate))) for n in range(6)]
        for _ in range(50):
            await asyncio.sleep(0)
        running = len(made)
        gate.set()
        await asyncio.gather(*waiting)
        return running

    assert asyncio.run(rush()) == 2
    assert len(made) == 6


def test_a_job_that_fails_fails_for_all_who_wait_and_is_tried_again(tmp_path: Path) -> None:
    tries: list[Path] = []

    async def fail(target: Path) -> None:
        tries.append(target)
        raise JobError("no")

    async def both() -> None:
        desk = Desk(1, 10)
        ends = await asyncio.gather(*(desk.fetch(tmp_path / "f", fail) for _ in range(2)), return_exceptions=True)
        assert [str(end) for end in ends] == ["no", "no"]
        with pytest.raises(JobError):
            await desk.fetch(tmp_path / "f", fail)

    asyncio.run(both())
    assert len(tries) == 2


def test_the_oldest_files_go(tmp_path: Path) -> None:
    folder = tmp_path / "f"

    async def many() -> None:
        desk = Desk(1, 3)
        for n in range(5):
            await desk.fetch(folder / str(n), writing([]))
            os.utime(folder / str(n), ns=(n, n))

    asyncio.run(many())
    assert sorted(path.name for path in folder.iterdir()) == ["2", "3", "4"]


def test_a_folder_that_was_deleted_with_its_capture_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(Desk(1, 3).fetch(tmp_path / "gone" / "frames" / "1", writing([])))
