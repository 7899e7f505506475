from __future__ import annotations

import asyncio
import errno
import hashlib
import shutil
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from starlette.requests import ClientDisconnect

from pcapaudit.web.captures import intake
from pcapaudit.web.captures.intake import SPARE_BYTES, Intake, IntakeError, Received, clean_name
from pcapaudit.web.settings import Settings, prepare_folder


@pytest.fixture
def ready(settings: Settings) -> Settings:
    prepare_folder(settings.data_dir)
    return settings


async def chunks(*parts: bytes | Exception) -> AsyncIterator[bytes]:
    for part in parts:
        if isinstance(part, Exception):
            raise part
        yield part


def take(settings: Settings, *parts: bytes | Exception, length: int | None = None) -> Received:
    async def receive() -> Received:
        return await Intake(settings).receive(chunks(*parts), length)

    return asyncio.run(receive())


class Stalling:
    """An upload that begins and never goes on; ``begun`` says that its first bytes were taken."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def chunks(self) -> AsyncIterator[bytes]:
        yield b"abc"
        self.begun.set()
        await asyncio.Event().wait()


def test_an_upload_is_written_and_hashed(ready: Settings) -> None:
    received = take(ready, b"one", b"two", length=6)
    assert received.path.read_bytes() == b"onetwo"
    assert (received.sha256, received.size) == (hashlib.sha256(b"onetwo").hexdigest(), 6)


@pytest.mark.parametrize(
    ("parts", "length", "status"),
    [
        ((b"x" * 1_000_001,), None, 413),
        ((b"x",), 1_000_001, 413),
        ((b"abc",), 10, 400),
        ((b"abc", ClientDisconnect()), None, 400),
        ((b"abc", OSError(errno.ENOSPC, "full")), None, 507),
    ],
    ids=["too large", "announced too large", "shorter than announced", "broke off", "disk full"],
)
def test_what_does_not_come_whole_leaves_nothing(
    ready: Settings, parts: tuple[bytes | Exception, ...], length: int | None, status: int
) -> None:
    with pytest.raises(IntakeError) as caught:
        take(ready, *parts, length=length)
    assert caught.value.status == status
    assert list(ready.incoming.iterdir()) == []


def test_a_full_disk_is_noticed_when_the_bytes_are_written(ready: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(intake, "run_in_threadpool", fail)
    with pytest.raises(IntakeError, match="the disk is full"):
        take(ready, b"abc")
    assert list(ready.incoming.iterdir()) == []


def test_an_upload_that_stalls_is_given_up(ready: Settings) -> None:
    async def stall() -> None:
        await Intake(ready, silence_s=0.01).receive(Stalling().chunks(), None)

    with pytest.raises(IntakeError, match=r"nothing came for 0\.01 s") as caught:
        asyncio.run(stall())
    assert caught.value.status == 408
    assert list(ready.incoming.iterdir()) == []


def test_a_server_that_ends_tells_those_who_still_send(ready: Settings) -> None:
    async def end() -> None:
        intake, upload = Intake(ready), Stalling()
        sending = asyncio.create_task(intake.receive(upload.chunks(), None))
        await upload.begun.wait()
        intake.dismiss()
        await sending

    with pytest.raises(IntakeError, match="send it again") as caught:
        asyncio.run(end())
    assert caught.value.status == 503
    assert list(ready.incoming.iterdir()) == []


def test_an_upload_for_which_there_is_no_room_is_refused_with_the_numbers(
    ready: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=SPARE_BYTES + 500_000))
    Intake(ready).check(500_000)
    with pytest.raises(IntakeError, match=r"has 0\.6 MB, and the data folder has room for 0\.5 MB") as caught:
        Intake(ready).check(600_000)
    assert caught.value.status == 507


def test_what_was_promised_to_an_upload_is_not_promised_to_another(
    ready: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=SPARE_BYTES + 500_000))

    async def two() -> None:
        intake, upload = Intake(ready), Stalling()
        first = asyncio.create_task(intake.receive(upload.chunks(), 400_000))
        await upload.begun.wait()
        with pytest.raises(IntakeError, match="room for"):
            intake.check(200_000)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        intake.check(200_000)

    asyncio.run(two())


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("office.pcapng", "office.pcapng"),
        ("../../etc/passwd", "passwd"),
        ("C:\\captures\\x.pcap", "x.pcap"),
        ("a\x1b[2J\u202eb\n.pcap", "a[2Jb.pcap"),
        ("", "capture"),
        (None, "capture"),
        ("..", ".."),
        ("x" * 500, "x" * 200),
    ],
)
def test_a_name_is_for_people_and_steers_nothing(name: str | None, shown: str) -> None:
    assert clean_name(name) == shown
