from __future__ import annotations

import io
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from pcapaudit.capture import open_capture
from pcapaudit.capture.ring import Ring, list_ring
from pcapaudit.engine.ring_window import RingFile, WindowCut, look_into_ring
from pcapaudit.model.frames import CaptureNotes
from tests.capture.material import interface, option, packet, pcap_header, record, section, statistics

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "sensorist-blinking-red.pcapng"
S = 10**9
PCAP = pcap_header() + b"".join(record("<", second, 0, bytes([second]) * 60) for second in range(20))
BIG_PCAP = pcap_header(">") + b"".join(record(">", second, 0, bytes([second]) * 60) for second in range(20))
FILTER = option("<", 11, b"\x00tcp")
PCAPNG = (
    section()
    + interface(link=1, options=option("<", 9, b"\x09") + FILTER)
    + b"".join(packet("<", S * n, bytes([n]) * 60) for n in range(5))
    # An interface that is met on the way, and frames of both.
    + interface(link=101)
    + b"".join(packet("<", 10**6 * n, bytes([n]) * 60, number=1) for n in range(5, 10))
    # A second section of the other byte order.
    + section(">")
    + interface(">", link=113)
    + b"".join(packet(">", 10**6 * n, bytes([n]) * 60) for n in range(10, 20))
)


def keep(folder: Path, data: bytes, file_bytes: int, batch_bytes: int = 300) -> list[RingFile]:
    """A ring that holds a capture."""
    ring = Ring(folder, file_bytes=file_bytes, files=1000, tell=print, now=lambda: NOON)
    for _ in open_capture(io.BytesIO(data), notes=CaptureNotes(), batch_bytes=batch_bytes, keep=ring.keep):
        pass
    ring.close()
    return look_into_ring(folder)


def cut(files: Sequence[RingFile], from_ns: int, to_ns: int, **known: int) -> tuple[bytes, WindowCut]:
    window = WindowCut(files, from_ns, to_ns, **known)
    return b"".join(window.pieces()), window


def read(data: bytes) -> tuple[list[tuple[int, int, int]], CaptureNotes]:
    """Time in seconds, link type and first byte of each frame."""
    notes, found = CaptureNotes(), []
    for batch in open_capture(io.BytesIO(data), notes=notes):
        for time_ns, link, at in zip(batch.time_ns, batch.link, batch.offset, strict=True):
            found.append((time_ns // S, link, batch.data[at]))
    assert notes.files[0].truncated_at is None
    return found, notes


def link_of(second: int, data: bytes) -> int:
    return 1 if data is not PCAPNG or second < 5 else 101 if second < 10 else 113


@pytest.mark.parametrize("file_bytes", [1, 500, 1 << 20])
@pytest.mark.parametrize("data", [PCAP, BIG_PCAP, PCAPNG])
@pytest.mark.parametrize(("first", "end"), [(0, 20), (3, 4), (4, 12), (0, 1), (19, 20), (6, 17)])
def test_a_window_holds_its_frames_and_no_other(
    tmp_path: Path, data: bytes, file_bytes: int, first: int, end: int
) -> None:
    content, window = cut(keep(tmp_path, data, file_bytes), first * S, end * S)
    found, _ = read(content)
    assert found == [(second, link_of(second, data), second) for second in range(first, end)]
    assert window.frames == end - first


def test_frames_in_the_wrong_order_are_found(tmp_path: Path) -> None:
    """As they come where several queues of a network card are read."""
    order = [3, 0, 4, 1, 2, 9, 5, 6, 8, 7]
    tenth = 10**5
    data = section() + interface() + b"".join(packet("<", tenth * n, bytes([n]) * 60) for n in order)
    found, _ = read(cut(keep(tmp_path, data, 200), 2 * S // 10, 8 * S // 10)[0])
    assert [first for _, _, first in found] == [n for n in order if 2 <= n < 8]


def test_a_clock_that_was_set_back_between_two_files_hides_nothing(tmp_path: Path) -> None:
    times = [100, 101, 102, 50, 51, 52]
    data = section() + interface() + b"".join(packet("<", 10**6 * n, bytes([n]) * 60) for n in times)
    found, _ = read(cut(keep(tmp_path, data, 1), 101 * S, 200 * S)[0])
    assert [second for second, _, _ in found] == [101, 102]


def test_the_filter_that_was_captured_with_is_kept(tmp_path: Path) -> None:
    _, notes = read(cut(keep(tmp_path, PCAPNG, 1), 3 * S, 4 * S)[0])
    assert notes.filters == ["tcp"]


def test_what_is_known_besides_stands_at_the_end(tmp_path: Path) -> None:
    content, _ = cut(keep(tmp_path, PCAPNG, 500), 3 * S, 8 * S, lost=7, watched_until_ns=8 * S)
    found, notes = read(content)
    assert len(found) == 5
    assert (notes.dropped, notes.watched_until_ns) == (7, 8 * S)


def test_losses_that_the_ring_tells_are_counted_once(tmp_path: Path) -> None:
    """The capturing program tells them in the end; they may have been at any time before."""
    told = statistics("<", options=option("<", 5, (40).to_bytes(8, "little")))
    data = section() + interface() + b"".join(packet("<", 10**6 * n, bytes([n]) * 60) for n in range(10)) + told
    for end in (5, 10):
        folder = tmp_path / str(end)
        _, notes = read(cut(keep(folder, data, 1 << 20), 0, end * S)[0])
        assert notes.dropped == 40


def test_a_record_that_is_not_whole_yet_is_left_out(tmp_path: Path) -> None:
    files = keep(tmp_path, PCAPNG, 1 << 20)
    (path,) = list_ring(tmp_path)
    path.write_bytes(path.read_bytes()[:-10])
    found, _ = read(cut(files, 0, 100 * S)[0])
    assert [second for second, _, _ in found] == list(range(19))


def test_files_without_frames_and_files_that_have_gone_are_passed_over(tmp_path: Path) -> None:
    files = keep(tmp_path, PCAP, 1)
    assert [file.first_ns for file in files] == sorted(file.first_ns for file in files)
    (tmp_path / "ring-000900-20260101T120000Z.pcap").write_bytes(b"")
    (tmp_path / "ring-000901-20260101T120000Z.pcap").write_bytes(pcap_header())
    (tmp_path / "notes.txt").write_text("not of the ring")
    assert look_into_ring(tmp_path) == files
    files[0].path.unlink()
    found, _ = read(cut(files, 0, 100 * S)[0])
    gone = files[1].first_ns // S
    assert [second for second, _, _ in found] == list(range(gone, 20))


def test_nothing_in_the_window_gives_nothing(tmp_path: Path) -> None:
    content, window = cut(keep(tmp_path, PCAPNG, 500), 100 * S, 200 * S, lost=3, watched_until_ns=200 * S)
    assert (content, window.frames) == (b"", 0)


def test_captures_of_two_formats_become_one_file(tmp_path: Path) -> None:
    """As when tcpdump was installed in the place of dumpcap."""
    files = [*keep(tmp_path / "a", PCAP, 300), *keep(tmp_path / "b", PCAPNG, 300), *keep(tmp_path / "c", BIG_PCAP, 300)]
    found, notes = read(cut(files, 18 * S, 100 * S, lost=4, watched_until_ns=30 * S)[0])
    assert found == [(18, 1, 18), (19, 1, 19), (18, 113, 18), (19, 113, 19), (18, 1, 18), (19, 1, 19)]
    assert (notes.dropped, notes.watched_until_ns) == (4, 30 * S)


@pytest.mark.parametrize("data", [PCAP, BIG_PCAP])
def test_a_window_of_pcap_tells_what_is_known_besides_and_its_snap_length(tmp_path: Path, data: bytes) -> None:
    content, _ = cut(keep(tmp_path, data, 300), 3 * S, 8 * S, lost=7, watched_until_ns=8 * S)
    _, notes = read(content)
    assert (notes.dropped, notes.watched_until_ns, notes.snaplen) == (7, 8 * S, 65535)


def test_the_bytes_and_times_of_pcap_are_kept(tmp_path: Path) -> None:
    nano = pcap_header(magic=0xA1B23C4D, snaplen=96)
    lines = [(7, 123_456_789, b"odd", 1500), (8, 0, b"", 60), (9, 999_999_999, bytes(range(96)), 96)]
    data = nano + b"".join(record("<", second, part, frame, wire) for second, part, frame, wire in lines)
    content, _ = cut(keep(tmp_path, data, 1), 0, 100 * S)
    found = []
    for batch in open_capture(io.BytesIO(content), notes=CaptureNotes()):
        rows = zip(batch.time_ns, batch.offset, batch.captured, batch.wire, strict=True)
        found += [(time_ns, bytes(batch.data[at : at + size]), wire) for time_ns, at, size, wire in rows]
    assert found == [(second * S + part, frame, wire) for second, part, frame, wire in lines]


@pytest.mark.needs_tshark
def test_tshark_finds_the_same_frames(tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    files = keep(tmp_path / "ring", SAMPLE.read_bytes(), 5_000, 1000)
    assert len(files) > 3
    first_ns = files[0].first_ns
    span = (first_ns + 5 * S, first_ns + 40 * S)
    content, window = cut(files, *span, lost=2, watched_until_ns=span[1])
    (tmp_path / "window.pcapng").write_bytes(content)

    def frames(path: Path, *words: str) -> list[str]:
        command = [require_tool("tshark"), "-n", "-r", str(path), "-T", "fields", "-e", "frame.time_epoch"]
        done = subprocess.run(
            [*command, "-e", "frame.len", "-e", "eth.src", *words], capture_output=True, check=True, text=True
        )
        assert done.stderr == "" or "Running as user" in done.stderr
        return done.stdout.splitlines()

    bounds = [f"{ns // S}.{ns % S:09d}" for ns in span]
    chosen = f"frame.time_epoch >= {bounds[0]} && frame.time_epoch < {bounds[1]}"
    assert 0 < window.frames < 326
    assert frames(tmp_path / "window.pcapng") == frames(SAMPLE, "-Y", chosen)


def test_a_window_of_many_files_is_cut_piece_by_piece(tmp_path: Path) -> None:
    pieces = WindowCut(keep(tmp_path, PCAPNG, 1), 5 * S, 6 * S).pieces()
    sizes = [len(piece) for _, piece in zip(count(), pieces, strict=False)]
    assert 0 in sizes, "whoever waits is told that it goes on"
    assert sum(size > 0 for size in sizes) == 2, "the frame, and what is known besides"
