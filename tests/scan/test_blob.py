from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from typing import Never

import pytest

from pcapaudit.scan import blob as blob_module
from pcapaudit.scan.blob import ROOM, Blob, Spill
from tests.scan.material import batch, eth, ip4, scan_batches, udp

OLD, NEW = b"put away", b"in memory"


@pytest.fixture
def blob() -> Blob:
    spill = Spill()
    assert spill.append(memoryview(OLD[:3]))
    assert spill.append(memoryview(OLD[3:]))
    return Blob(spill, len(OLD), NEW)


def test_bytes_in_the_file_and_in_memory_are_one_row(blob: Blob) -> None:
    whole = OLD + NEW
    assert len(blob) == len(whole)
    for start in range(len(whole) + 2):
        for stop in range(len(whole) + 2):
            assert blob[start:stop] == whole[start:stop]


def test_a_blob_does_not_change_when_more_is_put_away() -> None:
    spill = Spill()
    spill.append(memoryview(OLD))
    blob = Blob(spill, len(OLD), NEW)
    spill.append(memoryview(b"something else"))
    assert blob[:] == OLD + NEW


def place_of(spill: Spill) -> int:
    """Where the file itself says that it is read or written next."""
    assert spill._file is not None
    return os.lseek(spill._file.fileno(), 0, os.SEEK_CUR)


def test_copies_of_the_process_that_read_and_write_at_once_do_not_meet() -> None:
    spill = Spill()
    spill.append(memoryview(OLD))
    assert (spill.read(0, 3), place_of(spill)) == (OLD[:3], 0)


@pytest.mark.parametrize("has_places", [True, False])
def test_what_the_disk_takes_in_parts_is_written_whole(monkeypatch: pytest.MonkeyPatch, has_places: bool) -> None:
    class Slow:
        def __init__(self, **_how: object) -> None:
            self._file = tempfile.NamedTemporaryFile(buffering=0)  # noqa: SIM115 - the spill closes it

        def write(self, data: memoryview) -> int:
            return self._file.write(data[:3])

        def __getattr__(self, name: str) -> object:
            return getattr(self._file, name)

    take = os.pwrite
    monkeypatch.setattr(blob_module, "_HAS_PLACES", has_places)
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: take(file, data[:3], at))
    monkeypatch.setattr(tempfile, "TemporaryFile", Slow)
    spill = Spill()
    assert spill.append(memoryview(OLD))
    assert spill.append(memoryview(NEW))
    assert spill.read(0, 100) == OLD + NEW


def refuse(why: Exception) -> Callable[..., Never]:
    def raise_it(**_how: object) -> Never:
        raise why

    return raise_it


def test_where_no_file_can_be_had_the_bytes_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse(OSError(errno.ENOSPC, "No space left on device")))
    spill = Spill()
    assert not spill.append(memoryview(OLD))
    assert (spill.size, spill.read(0, 5)) == (0, b"")
    assert not spill.append(memoryview(OLD))


def many_queries() -> list[bytes]:
    return [eth(ip4(udp(b"%07d" % n + bytes(1400), dport=53), ident=n % 65535 + 1)) for n in range(3500)]


@pytest.mark.parametrize("has_disk", [True, False])
def test_more_than_memory_is_to_hold_is_given_all_the_same(monkeypatch: pytest.MonkeyPatch, has_disk: bool) -> None:
    if not has_disk:
        monkeypatch.setattr(tempfile, "TemporaryFile", refuse(OSError(errno.ENOSPC, "No space left on device")))
    frames = many_queries()
    result = scan_batches(batch(frames[at : at + 500], first_frame=at + 1) for at in range(0, 3500, 500))
    assert len(result.blob) == 3500 * 1407 > ROOM
    assert [result.payload(n)[:7] for n in range(3500)] == [b"%07d" % n for n in range(3500)]
