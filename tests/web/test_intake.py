from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator

import pytest
from starlette.requests import ClientDisconnect

from pcapaudit.web import intake
from pcapaudit.web.intake import IntakeError, Received, clean_name, receive
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
    return asyncio.run(receive(chunks(*parts), length, settings))


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
