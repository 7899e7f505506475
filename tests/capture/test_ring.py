from __future__ import annotations

import io
import itertools
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pcapaudit.capture import open_capture, read_ring
from pcapaudit.capture.ring import Ring, RingState
from pcapaudit.model.errors import UsageError
from pcapaudit.model.frames import CaptureNotes, FrameBatch
from tests.capture.material import interface, option, packet, pcap_header, record, section
from tests.support.disk import small_disk

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PCAP = pcap_header() + b"".join(record("<", second, 0, bytes([second]) * 60) for second in range(20))
PCAPNG = (
    section()
    + interface(link=1, options=option("<", 9, b"\x09"))
    + interface(link=101)
    + b"".join(packet("<", 10**9 * n, bytes([n]) * 60, number=0) for n in range(10))
    # A second section of the other byte order, whose only interface is another one.
    + section(">")
    + interface(">", link=113)
    + b"".join(packet(">", 10**6 * n, bytes([n]) * 60, number=0) for n in range(10, 20))
)


def frames_of(batches: list[tuple[int, int, bytes]], batch: FrameBatch) -> None:
    rows = zip(batch.time_ns, batch.link, batch.offset, batch.captured, strict=True)
    batches += [(time, link, bytes(batch.data[at : at + size])) for time, link, at, size in rows]


def read(sources: list[str] | bytes, ring: Ring | None = None) -> list[tuple[int, int, bytes]]:
    found: list[tuple[int, int, bytes]] = []
    if isinstance(sources, bytes):
        keep = ring.keep if ring else None
        for batch in open_capture(io.BytesIO(sources), notes=CaptureNotes(), batch_bytes=300, keep=keep):
            frames_of(found, batch)
    else:
        for batch in read_ring(sources, CaptureNotes()):
            frames_of(found, batch)
    return found


def files_of(folder: Path) -> list[str]:
    return sorted(map(str, folder.iterdir()))


@pytest.mark.parametrize("file_bytes", [1, 500, 1 << 20])
@pytest.mark.parametrize(("data", "suffix"), [(PCAP, "pcap"), (PCAPNG, "pcapng")])
def test_the_files_of_a_ring_hold_the_frames_of_the_capture(
    tmp_path: Path, data: bytes, suffix: str, file_bytes: int
) -> None:
    ring = Ring(tmp_path, file_bytes=file_bytes, files=100, tell=print, now=lambda: NOON)
    expected = read(data, ring)
    ring.close()

    assert len(expected) == 20
    assert read(files_of(tmp_path)) == expected
    assert files_of(tmp_path)[0] == str(tmp_path / f"ring-000001-20260101T120000Z.{suffix}")
    assert (len(files_of(tmp_path)) == 1) == (file_bytes == 1 << 20)


def test_the_oldest_file_goes_when_there_are_too_many_also_of_an_earlier_run(tmp_path: Path) -> None:
    (tmp_path / "ring-000041-20250101T000000Z.pcap").write_bytes(PCAP)
    (tmp_path / "ring-notes.txt").write_text("somebody's own")
    (tmp_path / "capture.pcap").write_bytes(PCAP)
    ring = Ring(tmp_path, file_bytes=1, files=3, tell=print, now=lambda: NOON)
    expected = read(PCAP, ring)
    ring.close()

    own = [name for name in files_of(tmp_path) if "ring-0" in name]
    assert len(own) == 3
    assert "ring-000041" not in "".join(own)
    assert read(own) == expected[-len(read(own)) :]
    assert {"ring-notes.txt", "capture.pcap"} <= {path.name for path in tmp_path.iterdir()}


def test_a_file_of_the_ring_is_nobody_elses_business(tmp_path: Path) -> None:
    ring = Ring(tmp_path, file_bytes=1 << 20, files=2, tell=print)
    read(PCAP, ring)
    ring.close()
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]


def test_what_hinders_the_ring_is_told_once_and_it_goes_on_when_that_is_over(tmp_path: Path) -> None:
    folder = tmp_path / "ring"
    told: list[str] = []
    now = itertools.count(0, 40).__next__
    ring = Ring(folder, file_bytes=1 << 20, files=3, tell=told.append, clock=now)
    folder.rmdir()

    assert len(read(PCAP, ring)) == 20
    assert told == [f"nothing is kept in {folder}: No such file or directory; tried again every 60 s"]
    assert ring.fault == "No such file or directory"
    folder.mkdir()
    assert read(PCAP, ring)
    ring.close()
    assert told[1:] == [f"frames are kept in {folder} again"]
    # What it holds is a capture by itself, though the ring began in the middle of one.
    assert read(PCAP)[-1] == read(files_of(folder))[-1]


@pytest.mark.needs_root
def test_a_disk_that_is_full_leaves_whole_records_and_no_file_without_any(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2) as disk:
        _fill_and_go_on(disk)


def _fill_and_go_on(disk: Path) -> None:
    told: list[str] = []
    now = itertools.count(0, 40).__next__
    ring = Ring(disk, file_bytes=1 << 20, files=50, tell=told.append, clock=now)
    # 3 MB for a disk of 2 MB; then there is room again.
    large = pcap_header() + b"".join(record("<", second, 0, bytes(1400)) for second in range(2_100))
    assert sum(map(len, open_capture(io.BytesIO(large), notes=CaptureNotes(), batch_bytes=9_999, keep=ring.keep)))
    assert told == [f"nothing is kept in {disk}: No space left on device; tried again every 60 s"]
    notes = CaptureNotes()
    held = sum(len(batch) for batch in read_ring(files_of(disk), notes))
    assert 1_000 < held < 2_100
    assert [file.truncated_at for file in notes.files] == [None] * len(notes.files)
    for name in files_of(disk):
        Path(name).unlink()
    expected = read(PCAP, ring)
    ring.close()
    assert read(files_of(disk)) == expected


def test_a_new_capture_begins_a_file(tmp_path: Path) -> None:
    ring = Ring(tmp_path, file_bytes=1 << 20, files=9, tell=print)
    expected = read(PCAPNG, ring) + read(PCAP, ring)
    ring.close()
    assert read(files_of(tmp_path)) == expected
    assert [Path(name).suffix for name in files_of(tmp_path)] == [".pcapng", ".pcap"]


def test_a_ring_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "ring-000041-20250102T030405Z.pcap").write_bytes(PCAP)
    (tmp_path / "other.pcap").write_bytes(PCAP)
    ring = Ring(tmp_path, file_bytes=1 << 20, files=3, tell=print)
    read(PCAP, ring)
    ring.close()
    assert ring.state() == RingState(2, 2 * len(PCAP), datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC))


@pytest.mark.parametrize("name", ["ring-000041-20259999T999999Z.pcap"])
def test_a_time_that_is_none_is_not_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert Ring(tmp_path, file_bytes=1, files=3, tell=print).state() == RingState(1, 0, None)


def test_a_folder_that_cannot_be_made_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="no folder can be made"):
        Ring(tmp_path / "file" / "ring", file_bytes=1, files=2, tell=print)
