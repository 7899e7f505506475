"""Expected times come from the script that wrote the frames, before the clock was set."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit_frames
from pcapaudit.flows.clock import CLOSED_NS, THE_FILES, Clock
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.frames import CaptureNotes, FileNote
from pcapaudit.model.times import NS, rfc3339
from tests.support.player import Frame
from tests.support.scene import play_script, scan_frames, shifted, traffic_of
from tests.support.world import START_NS

TALK = """
0.0 dev:50001 > cloud:4321 CONNECT
1.0 dev:50001 > cloud:4321 DATA 120
1.03 cloud:4321 > dev:50001 DATA 60
1.04 dev:50001 > cloud:4321 ACK
40.0 dev:50001 > cloud:4321 EXCHANGE 120 60
41.0 dev > gw ARP
"""
FRAMES = play_script(TALK)
SET_BACK, SET_AHEAD = -7200, 600
ANSWER, IDLE = 5, 7
"""Frames: the one that acknowledges what frame 4 sent; the first one after 39 s of silence."""


def set_before(number: int, by_s: int) -> list[Frame]:
    return [*FRAMES[: number - 1], *shifted(FRAMES[number - 1 :], by_s * NS)]


def since_start(traffic: Traffic) -> dict[int, int]:
    """Frame -> nanoseconds since the first one, of all that is logged."""
    rows = traffic.result.rows
    return {int(frame): int(time) - START_NS for frame, time in zip(rows["frame"], rows["time_ns"], strict=True)}


@pytest.mark.parametrize("by_s", [SET_BACK, SET_AHEAD])
def test_on_the_steady_clock_a_step_is_closed_and_the_waits_behind_it_are_true(by_s: int) -> None:
    true = since_start(scan_frames(FRAMES))
    lost_ns = true[ANSWER] - true[ANSWER - 1] - CLOSED_NS

    found = since_start(scan_frames(set_before(ANSWER, by_s)).on_steady_clock())

    assert found == {frame: at if frame < ANSWER else at - lost_ns for frame, at in true.items()}


@pytest.mark.parametrize("by_s", [SET_BACK, SET_AHEAD])
def test_a_moment_is_written_as_the_file_dates_it(by_s: int) -> None:
    traffic = scan_frames(set_before(ANSWER, by_s))
    steady = traffic.on_steady_clock()

    moments = steady.result.rows["time_ns"].tolist()

    assert [steady.clock.written(t) for t in moments] == traffic.result.rows["time_ns"].tolist()


@pytest.mark.parametrize(("by_s", "before"), [(SET_BACK, ANSWER), (SET_AHEAD, ANSWER), (SET_BACK, IDLE)])
def test_flows_hosts_arp_and_pauses_are_on_the_steady_clock_as_well(by_s: int, before: int) -> None:
    steady = scan_frames(set_before(before, by_s)).on_steady_clock()
    result, at = steady.result, since_start(steady)
    (flow,) = result.flows[result.flows["proto"] == 6]
    pauses = dict(zip(result.rows["frame"].tolist(), result.rows["pause_ns"].tolist(), strict=True))

    assert flow["first_ns"] - START_NS == at[int(flow["first_frame"])]
    assert flow["last_ns"] - START_NS == at[int(flow["last_frame"])]
    assert flow["b_last_ns"] - START_NS == at[int(flow["b_last_frame"])]
    assert pauses[before] == CLOSED_NS
    assert min(pauses.values()) >= 0
    assert max(pauses.values()) < 60 * NS
    assert result.arps["time_ns"].max() == result.pairs["last_ns"].max() == steady.end_ns
    assert (steady.start_ns, result.bindings["first_ns"].min()) == (START_NS, START_NS)


def test_silence_that_was_watched_behind_a_step_is_as_long_as_it_was() -> None:
    frames = set_before(ANSWER, SET_BACK)
    plain = scan_frames(frames)
    watched = Traffic(plain.result, plain.notes, now_ns=frames[-1].time_ns + 300 * NS).on_steady_clock()

    assert watched.end_ns - plain.on_steady_clock().end_ns == 300 * NS


def test_a_pause_is_no_step_ahead() -> None:
    traffic = scan_frames(set_before(IDLE, SET_AHEAD))

    assert traffic.on_steady_clock() is traffic


def test_a_frame_that_is_late_in_the_file_is_no_step_back() -> None:
    late = [*FRAMES[:6], replace(FRAMES[2], time_ns=START_NS - 30 * NS), *FRAMES[6:]]

    assert not scan_frames(late).on_steady_clock().clock.steps


def test_files_that_overlap_are_no_clock_that_was_set() -> None:
    frames = set_before(ANSWER, SET_BACK)
    ring = CaptureNotes(files=[FileNote("a", "pcap", 1, 4), FileNote("b", "pcap", ANSWER, len(frames) - 4)])

    assert not scan_frames(frames, notes=ring).on_steady_clock().clock.steps


def test_time_stamps_that_fall_back_again_and_again_are_disorder() -> None:
    frames = [replace(frame, time_ns=START_NS - number * 10 * NS) for number, frame in enumerate(FRAMES * 2)]

    assert not scan_frames(frames).on_steady_clock().clock.steps


def test_hostile_time_stamps_raise_nothing() -> None:
    ends = [2**63 - 1, -(2**63), 0, 2**62, -(2**62), 2**61, 5]
    frames = [replace(frame, time_ns=ends[number % len(ends)]) for number, frame in enumerate(FRAMES)]

    steady = scan_frames(frames).on_steady_clock()

    assert [steady.clock.rfc3339(t) for t in steady.result.rows["time_ns"].tolist()]


def test_a_clock_that_was_never_set_changes_nothing() -> None:
    traffic = traffic_of(TALK)

    assert traffic.on_steady_clock() is traffic
    assert traffic.clock is THE_FILES
    assert Clock().readable(START_NS) == "2026-01-05 08:00:00+00:00"


def test_frames_of_an_unknown_link_layer_keep_their_times_where_the_clock_was_set() -> None:
    """Found by the fuzzer. LINKTYPE_USER0: whoever captured knows what the frames are, and nobody else."""
    seconds = [0, 2, 4, 4 - 7200, 6 - 7200, 8 - 7200]
    frames = [(START_NS + second * NS, bytes(60), 60) for second in seconds]

    (info,) = audit_frames(frames, AuditOptions(), link=147).captures

    assert info.counters.frames == len(seconds)
    assert (info.first, info.last) == (rfc3339(START_NS - 7196 * NS), rfc3339(START_NS + 4 * NS))
