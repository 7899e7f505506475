"""Takes uploads: straight to disk, hashed on the way, and gone again when one does not come whole."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import secrets
import shutil
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from pcapaudit.model.records import dataclass
from pcapaudit.web.settings import Settings
from pcapaudit.web.views.render import say_bytes

SPARE_BYTES = 8 << 20
"""Room that no upload may take: the report and the list need it."""
_SILENCE_S = 60.0
_BLOCK = 1 << 20
"""Bytes that are gathered before they are hashed and written, in a thread."""
_LONGEST_NAME = 200
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class IntakeError(Exception):
    """An upload that was not taken: the HTTP status and a sentence for the person who sent it."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Received:
    """A whole upload, on disk."""

    path: Path
    sha256: str
    size: int


def clean_name(name: str | None) -> str:
    """A file name for people: no folder, nothing that steers a screen, not too long. It names no file of ours."""
    last = (name or "").replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(c for c in last if not unicodedata.category(c).startswith("C")).strip()
    return shown[:_LONGEST_NAME] or "capture"


class Intake:
    """The uploads of one server.

    Args:
        settings: Folder and limit.
        silence_s: Seconds without a byte after which an upload is given up.
    """

    def __init__(self, settings: Settings, silence_s: float = _SILENCE_S) -> None:
        self._settings = settings
        self._silence_s = silence_s
        self._promised = 0
        self._tasks: set[asyncio.Task[object]] = set()
        self._is_ending = False

    def check(self, length: int | None) -> None:
        """Say beforehand whether a capture can be taken.

        Args:
            length: Its bytes, None if nobody knows.

        Raises:
            IntakeError: It is larger than the limit (413) or than the room that is left (507).
        """
        if length is None:
            return
        if length > self._settings.max_upload:
            raise self._too_large()
        free = shutil.disk_usage(self._settings.incoming).free - self._promised - SPARE_BYTES
        if length > free:
            raise IntakeError(
                507,
                f"the capture has {say_bytes(length)}, and the data folder has room for {say_bytes(max(0, free))}: "
                "delete old captures, or give it more room",
            )

    async def receive(self, chunks: AsyncIterator[bytes], length: int | None) -> Received:
        """Write an upload to disk.

        Args:
            chunks: The bytes as they come.
            length: Bytes that were announced, None if none were.

        Raises:
            IntakeError: It is too large, it broke off or stalled, it is shorter than announced, the disk is full, or
                the server ends.
        """
        self.check(length)
        path = self._settings.incoming / f"{secrets.token_hex(9)}.part"
        try:
            return await self._take(chunks, path, length)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def dismiss(self) -> None:
        """End all uploads: the server is about to end, and half a capture is of no use."""
        self._is_ending = True
        for task in self._tasks:
            task.cancel()

    async def _take(self, chunks: AsyncIterator[bytes], path: Path, length: int | None) -> Received:
        """Write an upload; every way in which that fails becomes an answer."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine
        self._tasks.add(task)
        try:
            return await self._write(chunks, path, length)
        except asyncio.CancelledError:
            if not self._is_ending:
                raise
            task.uncancel()
            raise IntakeError(503, "the server was stopped before the capture was whole: send it again") from None
        except TimeoutError:
            raise IntakeError(408, f"nothing came for {self._silence_s:g} s: the upload was given up") from None
        except ClientDisconnect as error:
            raise IntakeError(400, "the connection broke off before the capture was whole") from error
        except OSError as error:
            raise _not_written(error) from error
        finally:
            self._tasks.discard(task)

    async def _write(self, chunks: AsyncIterator[bytes], path: Path, length: int | None) -> Received:
        digest, size, block, promised = hashlib.sha256(), 0, bytearray(), length or 0
        self._promised += promised
        try:
            with path.open("xb") as out:
                async for chunk in self._patiently(chunks):
                    block += chunk
                    size += len(chunk)
                    if size > self._settings.max_upload:
                        raise self._too_large()
                    if len(block) >= _BLOCK:
                        await run_in_threadpool(_store, out, digest, bytes(block))
                        # What lies on disk is no longer promised: it is missing from the room that is free.
                        written = min(promised, len(block))
                        promised, self._promised = promised - written, self._promised - written
                        block.clear()
                await run_in_threadpool(_finish, out, digest, bytes(block))
        finally:
            self._promised -= promised
        if length is not None and size != length:
            raise IntakeError(400, f"only {size} of {length} bytes came")
        return Received(path, digest.hexdigest(), size)

    async def _patiently(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        while True:
            async with asyncio.timeout(self._silence_s):
                try:
                    chunk = await anext(chunks)
                except StopAsyncIteration:
                    return
            yield chunk

    def _too_large(self) -> IntakeError:
        limit = self._settings.max_upload
        return IntakeError(413, f"the capture is larger than {limit} bytes ({say_bytes(limit)}), this server's limit")


def _store(out: IO[bytes], digest: hashlib._Hash, block: bytes) -> None:
    digest.update(block)
    out.write(block)


def _finish(out: IO[bytes], digest: hashlib._Hash, block: bytes) -> None:
    """The rest, and all of it on disk when this returns."""
    _store(out, digest, block)
    out.flush()
    os.fsync(out.fileno())


def _not_written(error: OSError) -> IntakeError:
    if error.errno in _FULL:
        return IntakeError(507, "the disk is full: delete old captures, or give the data folder more room")
    return IntakeError(500, f"the capture cannot be written: {error.strerror or type(error).__name__}")
