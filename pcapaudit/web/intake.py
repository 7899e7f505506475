"""Takes an upload: straight to disk, hashed on the way, and gone again when it does not come whole."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from pcapaudit.model.records import dataclass
from pcapaudit.web.settings import Settings

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


async def receive(chunks: AsyncIterator[bytes], length: int | None, settings: Settings) -> Received:
    """Write an upload to disk.

    Args:
        chunks: The bytes as they come.
        length: Bytes that were announced, None if none were.
        settings: Folder and limit.

    Raises:
        IntakeError: It is too large, it broke off, it is shorter than announced, or the disk is full.
    """
    if length is not None and length > settings.max_upload:
        raise _too_large(settings)
    path = settings.incoming / f"{secrets.token_hex(9)}.part"
    try:
        received = await _write(path, chunks, settings)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, ClientDisconnect):
            raise IntakeError(400, "the connection broke off before the capture was whole") from error
        if isinstance(error, OSError) and error.errno in _FULL:
            raise IntakeError(507, "the disk is full: delete old captures or give the data folder more room") from error
        raise
    if length is not None and received.size != length:
        path.unlink(missing_ok=True)
        raise IntakeError(400, f"only {received.size} of {length} bytes came")
    return received


async def _write(path: Path, chunks: AsyncIterator[bytes], settings: Settings) -> Received:
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as out:
        async for chunk in chunks:
            size += len(chunk)
            if size > settings.max_upload:
                raise _too_large(settings)
            await run_in_threadpool(out.write, chunk)
            digest.update(chunk)
        out.flush()
        await run_in_threadpool(os.fsync, out.fileno())
    return Received(path, digest.hexdigest(), size)


def _too_large(settings: Settings) -> IntakeError:
    return IntakeError(413, f"the capture is larger than {settings.max_upload} bytes, the limit of this server")
