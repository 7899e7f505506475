from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pcapaudit.capture import open_capture
from pcapaudit.capture import stream as stream_module
from pcapaudit.capture.ahead import Ahead, has_second_processor
from pcapaudit.capture.writer import write_pcap
from pcapaudit.model.frames import CaptureNotes


def test_memory_is_filled_by_another_thread_in_the_order_asked_for() -> None:
    threads = []

    def work(room: memoryview) -> int:
        threads.append(threading.current_thread())
        room[:2] = b"%02d" % len(threads)
        return 2

    ahead, rooms = Ahead(work), [bytearray(2), bytearray(2)]
    for room in rooms:
        ahead.order(memoryview(room))
        assert ahead.wait() == 2
    closed = threading.Event()
    ahead.close(closed.set)
    assert closed.wait(10)
    assert rooms == [b"01", b"02"]
    assert threads[0] is threads[1] is not threading.main_thread()


def test_work_that_breaks_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: told.append(args.exc_type))

    def work(_room: memoryview) -> int:
        raise RuntimeError("a slip")

    ahead = Ahead(work)
    ahead.order(memoryview(bytearray(1)))
    assert ahead.wait() == 0
    for thread in threading.enumerate():
        if thread.name == "read-ahead":
            thread.join(10)
    assert told == [RuntimeError]


def test_processors_are_those_that_this_process_may_use() -> None:
    if hasattr(os, "sched_getaffinity"):
        assert has_second_processor() == (len(os.sched_getaffinity(0)) > 1)
    else:
        assert has_second_processor() == ((os.cpu_count() or 1) > 1)


@pytest.mark.parametrize("is_ahead", [True, False])
def test_a_file_of_many_buffers_gives_the_same_frames_with_one_thread_or_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_ahead: bool
) -> None:
    monkeypatch.setattr(stream_module, "has_second_processor", lambda: is_ahead)
    frames = [(n * 1000, bytes([n % 251]) * (n % 1500), n % 1500) for n in range(2000)]
    write_pcap(tmp_path / "long.pcap", frames)
    notes, seen = CaptureNotes(), []
    for batch in open_capture(tmp_path / "long.pcap", notes=notes, batch_bytes=1 << 17):
        spans = zip(batch.time_ns, batch.offset, batch.captured, batch.wire, strict=True)
        seen += [(time_ns, bytes(batch.data[at : at + size]), wire) for time_ns, at, size, wire in spans]
    assert seen == frames
    assert notes.files[0].truncated_at is None
