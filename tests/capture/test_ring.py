from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pcapaudit.capture import open_capture, read_ring
from pcapaudit.capture.ring import Ring
from pcapaudit.model.errors import UsageError
from pcapaudit.model.frames import CaptureNotes, FrameBatch
from tests.capture.material import interface, option, packet, pcap_header, record, section

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


def test_a_disk_that_takes_no_more_ends_the_ring_and_not_the_capture(tmp_path: Path) -> None:
    folder = tmp_path / "ring"
    told: list[str] = []
    ring = Ring(folder, file_bytes=1, files=3, tell=told.append)
    folder.rmdir()

    assert len(read(PCAP, ring)) == 20
    assert told == [f"nothing is kept in {folder} any more: No such file or directory"]


def test_a_folder_that_cannot_be_made_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="no folder can be made"):
        Ring(tmp_path / "file" / "ring", file_bytes=1, files=2, tell=print)
