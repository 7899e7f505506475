from __future__ import annotations

from array import array
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcapaudit.engine.auditor import Auditor
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import assemble, batch_of, make_request
from pcapaudit.model.frames import CaptureNotes, FileNote, FrameBatch, Tick
from pcapaudit.report.document import to_json
from tests.support.player import Frame
from tests.support.scene import play_script

SECOND = 1_000_000_000
SCRIPT = """
0.0   dev > gw BOOT
1.0   dev > gw LOOKUP gk.sensorist.com A 54.229.203.190
2.0   dev:50001 > cloud:4321 SYN
3.0   dev:50001 > cloud:4321 SYN
5.0   dev:50001 > cloud:4321 SYN
9.0   dev:50002 > cloud:443 SYN
10.0  dev:50002 > cloud:443 SYN
12.0  dev:50002 > cloud:443 SYN
20.0  pc:40000 > cloud:443 CONNECT
21.0  pc > cloud EXCHANGE 100 100
40.0  switch > * WATCH
"""
FRAMES = play_script(SCRIPT)
START = FRAMES[0].time_ns
REQUEST = make_request(AuditOptions())


def told(frames: list[Frame]) -> CaptureNotes:
    return CaptureNotes(files=[FileNote("frames", "memory", 1, frames=len(frames))], link_types=[1])


def part(batch: FrameBatch, start: int, stop: int) -> FrameBatch:
    columns = (batch.offset, batch.captured, batch.wire, batch.time_ns, batch.link)
    return FrameBatch(batch.data, batch.first_frame + start, *(c[start:stop] for c in columns))


def report_of(frames: list[Frame], cuts: list[int]) -> str:
    """The report as JSON when the frames come in batches that end at the cuts."""
    auditor = Auditor(REQUEST, told(frames))
    whole = batch_of((f.time_ns, f.data, f.wire_len) for f in frames)
    edges = sorted({0, len(frames), *(c % (len(frames) + 1) for c in cuts)})
    for start, stop in pairwise(edges):
        auditor.feed(part(whole, start, stop))
    return to_json(assemble([auditor.snapshot()], REQUEST, [], is_partial=False))


WHOLE = report_of(FRAMES, [])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 1000), max_size=8))
def test_the_report_does_not_depend_on_how_the_frames_were_batched(cuts: list[int]) -> None:
    assert report_of(FRAMES, cuts) == WHOLE


def test_one_frame_at_a_time_gives_the_same_report() -> None:
    assert report_of(FRAMES, list(range(len(FRAMES)))) == WHOLE


def test_looking_in_between_changes_nothing() -> None:
    auditor = Auditor(REQUEST, told(FRAMES))
    whole = batch_of((f.time_ns, f.data, f.wire_len) for f in FRAMES)
    for index in range(len(FRAMES)):
        auditor.feed(part(whole, index, index + 1))
        if index % 7 == 0:
            auditor.snapshot()

    assert to_json(assemble([auditor.snapshot()], REQUEST, [], is_partial=False)) == WHOLE


def test_asked_twice_it_says_the_same() -> None:
    auditor = Auditor(REQUEST, told(FRAMES))
    auditor.feed(batch_of((f.time_ns, f.data, f.wire_len) for f in FRAMES))

    assert auditor.snapshot() == auditor.snapshot()


def test_what_it_concludes_is_what_it_would_say_in_between() -> None:
    auditor = Auditor(REQUEST, told(FRAMES))
    auditor.feed(batch_of((f.time_ns, f.data, f.wire_len) for f in FRAMES))
    expected = auditor.snapshot()

    assert auditor.conclude() == expected


def fed(*, since: float | None = None, until: float | None = None, ticks: tuple[float, ...] = ()) -> Auditor:
    def moment(seconds: float | None) -> int | None:
        return None if seconds is None else START + round(seconds * SECOND)

    auditor = Auditor(REQUEST, told(FRAMES), since_ns=moment(since), until_ns=moment(until))
    auditor.feed(batch_of((f.time_ns, f.data, f.wire_len) for f in FRAMES))
    for seconds in ticks:
        auditor.feed(Tick(START + round(seconds * SECOND)))
    return auditor


def test_a_tick_tells_that_silence_was_watched() -> None:
    assert fed(ticks=(90.0,)).traffic().end_ns == START + 90 * SECOND


@pytest.mark.parametrize(
    ("since", "until", "first", "last"), [(2.0, 5.0, 10, 12), (9.0, None, 13, 22), (None, 1.0, 1, 8), (6.0, 8.0, 0, 0)]
)
def test_frames_outside_the_window_are_left_out_with_their_numbers_kept(
    since: float | None, until: float | None, first: int, last: int
) -> None:
    traffic = fed(since=since, until=until).traffic()

    seen = sorted(int(n) for n in (*traffic.result.rows["frame"], *traffic.result.arps["frame"]))
    assert (seen[0] if seen else 0, seen[-1] if seen else 0) == (first, last)


def test_the_wire_counts_as_watched_to_the_end_of_the_window_and_not_beyond() -> None:
    # Frames after the window show that the capture went on; what they say is not looked at.
    assert fed(until=15.0, ticks=(90.0,)).traffic().end_ns == START + 15 * SECOND


def test_a_window_that_ends_right_after_a_try_accuses_nobody() -> None:
    verdicts = [d.verdict for d in fed(until=2.5).snapshot().devices]

    assert "failed" not in verdicts


def test_an_empty_batch_is_no_news() -> None:
    auditor = Auditor(REQUEST, told([]), until_ns=START)
    auditor.feed(batch_of([]))

    assert auditor.traffic().end_ns == 0
    assert auditor.snapshot().devices == ()


def test_frames_out_of_order_go_into_the_window_by_their_own_time() -> None:
    swapped = [FRAMES[1], FRAMES[0], *FRAMES[2:]]
    auditor = Auditor(REQUEST, told(swapped), since_ns=FRAMES[1].time_ns)
    auditor.feed(batch_of((f.time_ns, f.data, f.wire_len) for f in swapped))

    assert array("q", auditor.traffic().result.rows["frame"].tolist())[:2].tolist() == [1, 3]
