"""Makes files that are asked for, a few at a time, and each once however many ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

Make = Callable[[Path], Awaitable[None]]


class Desk:
    """The jobs that people wait for in front of a page.

    Args:
        places: Jobs at the same time; who comes later waits.
        kept: Files in one folder; the oldest are removed beyond.
    """

    def __init__(self, places: int, kept: int) -> None:
        self._room = asyncio.Semaphore(places)
        self._kept = kept
        self._running: dict[Path, asyncio.Task[None]] = {}

    async def fetch(self, target: Path, make: Make) -> None:
        """Have a file made unless it is there. What ``make`` raises is told to all who wait for it.

        Args:
            target: The file; its folder is made when it is missing.
            make: Leaves the file there, whole or not at all.
        """
        # A look at a local folder, once for each request: quicker than to hand it to another thread.
        if target.exists():  # noqa: ASYNC240
            return
        task = self._running.get(target)
        if task is None:
            task = self._running[target] = asyncio.create_task(self._make(target, make))
            task.add_done_callback(lambda done: self._forget(target, done))
        # Somebody else may wait for the same: who goes away does not end it.
        await asyncio.shield(task)

    async def _make(self, target: Path, make: Make) -> None:
        async with self._room:
            target.parent.mkdir(mode=0o700, exist_ok=True)
            await make(target)
            _keep_newest(target, self._kept)

    def _forget(self, target: Path, task: asyncio.Task[None]) -> None:
        self._running.pop(target, None)
        if not task.cancelled():
            # Looked at even when nobody waits any more, so that it is not logged as forgotten.
            task.exception()


def _keep_newest(target: Path, kept: int) -> None:
    """Remove the oldest files beside a new one."""
    others = [path for path in target.parent.iterdir() if path.is_file() and path != target]
    for path in sorted(others, key=_written)[: max(0, len(others) + 1 - kept)]:
        path.unlink(missing_ok=True)


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
