from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.capture import open_capture
from pcapaudit.engine import sliding
from pcapaudit.engine.auditor import Auditor
from pcapaudit.engine.live import LiveAudit
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit, batch_of, make_auditor, make_request
from pcapaudit.engine.sliding import SlidingWindow
from pcapaudit.model.frames import Blind, CaptureNotes, FileNote, FrameBatch, Item, Tick
from pcapaudit.report.document import to_json

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
BROKEN = SAMPLES / "sensorist-blinking-red.pcapng"
OPTIONS = AuditOptions()
REQUEST = make_request(OPTIONS)
NS = 10**9
FRAME = bytes.fromhex("0200000000020200000000010800") + bytes(46)


def make(notes: CaptureNotes) -> Auditor:
    return make_auditor(REQUEST, notes, OPTIONS)


class Wire:
    """Frames at some seconds, numbered as a source does it, into a window."""

    def __init__(self, window_s: float) -> None:
        self.notes = CaptureNotes(files=[FileNote("eth1", "pcapng", 1)], link_types=[1])
        self.window = SlidingWindow(make, self.notes, window_s)

    def frame(self, second: float) -> None:
        number = self.notes.files[-1].next_frame
        batch = batch_of([(round(second * NS), FRAME, len(FRAME))])
        columns = (batch.offset, batch.captured, batch.wire, batch.time_ns, batch.link)
        self.notes.files[-1].frames += 1
        self.window.feed(FrameBatch(batch.data, number, *columns))

    @property
    def begun_s(self) -> float:
        return (self.window.begun_ns or 0) / NS

    @property
    def counted(self) -> int:
        return self.window.traffic().result.counters["frames"]


def test_what_is_judged_reaches_back_one_window_at_least_and_two_at_most() -> None:
    wire = Wire(window_s=100)
    reach = []
    for second in range(0, 1000, 10):
        wire.frame(second)
        reach.append(second - wire.begun_s)
        assert wire.counted == reach[-1] / 10 + 1
    assert min(reach[20:]) == 100
    assert max(reach) == 190


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_whatever_the_clock_does_what_is_judged_is_bounded(steps: list[float]) -> None:
    wire, second, passed = Wire(window_s=100), 1e9, [0.0]
    for step in steps:
        second += step
        wire.frame(second)
        passed.append(passed[-1] + min(max(0.0, step), 100.0))
        # A leap may count as a window, but no more; frames of the last window are always judged.
        recent = sum(1 for at in passed[1:] if passed[-1] - at < 100.0 - 1e-3)
        assert recent <= wire.counted
        assert wire.counted <= sum(1 for at in passed[1:] if passed[-1] - at <= 300.0 + 1e-3)


def test_nothing_is_judged_across_what_was_not_watched() -> None:
    wire = Wire(window_s=100)
    for second in range(5):
        wire.frame(second)
    wire.window.feed(Blind(4 * NS, 30 * NS, "the interface is down"))
    # Silence counts only when there is something behind the gap; until then what was known stays known.
    wire.window.feed(Tick(60 * NS))
    assert (wire.counted, wire.window.traffic().end_ns) == (5, 4 * NS)
    wire.frame(61)
    assert (wire.begun_s, wire.counted) == (61, 1)
    assert wire.window.traffic().notes.files == [FileNote("eth1", "pcapng", 6, 1)]


def test_losses_before_the_window_are_not_held_against_it() -> None:
    wire = Wire(window_s=10)
    for second in range(9):
        wire.frame(second)
    wire.notes.dropped, wire.notes.drop_frames = 7, [3, 9]
    assert (wire.window.traffic().notes.dropped, wire.window.traffic().notes.drop_frames) == (7, [3, 9])
    for second in range(9, 31):
        wire.frame(second)
    wire.notes.dropped += 2
    assert (wire.window.traffic().notes.dropped, wire.window.traffic().notes.drop_frames) == (2, [])


def test_files_of_a_capture_that_is_begun_again_and_again_do_not_pile_up() -> None:
    wire = Wire(window_s=10)
    for second in range(100):
        wire.notes.files.append(FileNote("eth1", "pcapng", wire.notes.files[-1].next_frame))
        wire.frame(second)
    assert len(wire.notes.files) <= 22
    shown = wire.window.traffic().notes.files
    assert sum(file.frames for file in shown) == wire.counted
    assert shown[0].first_frame == wire.begun_s + 1


@pytest.mark.parametrize("window_s", [20.0, 40.0])
def test_the_report_of_a_window_is_that_of_the_file_from_its_first_frame_on(window_s: float) -> None:
    notes = CaptureNotes()

    def items() -> Iterator[Item]:
        yield from open_capture(BROKEN, notes=notes, batch_bytes=2000)

    made = LiveAudit((item for item in items()), OPTIONS, notes, window_s=window_s)
    list(made.news())
    look, report = made.conclude()
    (info,) = report.captures
    first = info.files[0].first_frame
    assert first > 1
    expected = audit([str(BROKEN)], AuditOptions(since_ns=look.begun_ns))
    assert report.devices == expected.devices
    assert info.counters == expected.captures[0].counters
    assert to_json(report)


def test_a_window_in_which_nothing_came_gives_an_empty_analysis() -> None:
    wire = Wire(window_s=10)
    assert wire.window.begun_ns is None
    assert wire.window.conclude().devices == ()


def test_frames_beyond_the_numbers_that_tables_hold_are_judged_and_numbered_from_one_again() -> None:
    """A thousand frames a second, for fifty days: 2**32 have come."""
    notes = CaptureNotes()
    window = SlidingWindow(make, notes, 3600.0)
    for batch in open_capture(BROKEN, notes=notes, first_frame=(1 << 32) - 100):
        window.feed(batch)
    (device,) = window.conclude().devices
    (expected,) = audit([str(BROKEN)], OPTIONS).devices
    assert device == expected


def test_a_window_is_over_when_its_tables_have_no_more_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sliding, "MOST_FRAMES", 100)
    wire = Wire(window_s=1e6)
    for second in range(1000):
        wire.frame(second)
        assert min(second + 1, 100) <= wire.counted <= 200
