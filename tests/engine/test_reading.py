from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcapaudit.capture import read_ring
from pcapaudit.capture.writer import write_pcap
from pcapaudit.engine import reading
from pcapaudit.engine.auditor import Auditor
from pcapaudit.engine.interrupt import Interrupt
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.progress import ByteCount, Step
from pcapaudit.engine.reading import NoRingError, feed
from pcapaudit.engine.run import make_request
from pcapaudit.model.frames import CaptureNotes, FrameBatch

S = 1_000_000_000


def make(path: Path, *times_s: float) -> str:
    write_pcap(path, [(int(time_s * S), bytes(60), None) for time_s in times_s])
    return str(path)


def read(*paths: str) -> tuple[CaptureNotes, list[Step]]:
    notes, told = CaptureNotes(), list[Step]()
    with Interrupt() as interrupt:
        feed(Auditor(make_request(AuditOptions()), notes), paths, notes, interrupt, ByteCount(told.append, list(paths)))
    return notes, told


def test_all_files_of_a_ring_are_fed_and_their_bytes_told(tmp_path: Path) -> None:
    paths = [make(tmp_path / "a", 0, 10), make(tmp_path / "b", 10, 20, 30)]
    notes, told = read(*paths)
    assert [(f.first_frame, f.frames) for f in notes.files] == [(1, 2), (3, 3)]
    assert told[-1].done == told[-1].total == sum(Path(path).stat().st_size for path in paths)


def test_files_whose_later_frames_overlap_are_no_ring(tmp_path: Path) -> None:
    with pytest.raises(NoRingError):
        read(make(tmp_path / "a", 0, 100), make(tmp_path / "b", 10, 110))


def test_ctrl_c_leaves_out_what_was_read_but_not_fed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_too_much(paths: list[str], notes: CaptureNotes, **_: object) -> Iterator[FrameBatch]:
        yield from read_ring(paths, notes)
        notes.files[-1].frames += 5
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(reading, "read_ring", read_too_much)
    notes, _ = read(make(tmp_path / "a", 0, 1, 2))
    assert notes.files[0].frames == 3
