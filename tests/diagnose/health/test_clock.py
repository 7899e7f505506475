from __future__ import annotations

from dataclasses import replace

import pytest

from pcapaudit.model.frames import CaptureNotes, FileNote
from pcapaudit.model.words import HealthState
from tests.support.player import Frame
from tests.support.scene import health_of, play_script, scan_frames, shifted, traffic_of
from tests.support.world import START_NS

SECOND = 10**9
TALK = """
0.0 dev:50001 > cloud:4321 CONNECT
1.0 dev:50001 > cloud:4321 DATA 120
1.03 cloud:4321 > dev:50001 DATA 60
1.04 dev:50001 > cloud:4321 ACK
2.0 dev:50001 > cloud:4321 EXCHANGE 120 60
"""


def late(frames: list[Frame], first: int, by_s: float) -> list[Frame]:
    """The frames with those from ``first`` on (counted from 1) dated otherwise."""
    return [*frames[: first - 1], *shifted(frames[first - 1 :], round(by_s * SECOND))]


def test_ordinary_times_are_worth_no_remark() -> None:
    assert not {"CAP-TIME-DISORDER", "CAP-CLOCK-JUMP", "CAP-COARSE-TIME"} & set(health_of(traffic_of(TALK)))


@pytest.mark.parametrize(("back_s", "is_seen"), [(0.5, True), (0.0005, False)])
def test_a_frame_dated_before_its_predecessor_is_disorder_beyond_a_millisecond(back_s: float, *, is_seen: bool) -> None:
    frames = play_script("0.0 pc > gw PING\n0.0 gw > pc PONG\n0.0 pc > gw PING")
    moved = [frames[0], replace(frames[1], time_ns=frames[1].time_ns - round(back_s * SECOND)), frames[2]]

    found = health_of(scan_frames(moved))

    assert ("CAP-TIME-DISORDER" in found) is is_seen
    assert not is_seen or found["CAP-TIME-DISORDER"][0].frames == (2,)


def test_minutes_between_a_segment_and_its_acknowledgment_are_a_jump_of_the_clock() -> None:
    (item,) = health_of(scan_frames(late(play_script(TALK), 5, 600)))["CAP-CLOCK-JUMP"]

    assert item.state is HealthState.PROVEN
    assert item.frames == (4, 5)
    assert item.summary == "the clock jumps ahead by 10 min before frame 5, in the middle of a conversation"


def test_a_step_back_in_the_middle_of_a_conversation_is_a_clock_that_was_set() -> None:
    (item,) = health_of(scan_frames(late(play_script(TALK), 5, -30)))["CAP-CLOCK-JUMP"]

    assert item.state is HealthState.PROVEN
    assert item.summary == "the clock is set back by 30 s before frame 5, in the middle of a conversation"


def test_an_idle_connection_is_no_jump() -> None:
    """The hour lies between an acknowledged exchange and the next one."""
    assert "CAP-CLOCK-JUMP" not in health_of(scan_frames(late(play_script(TALK), 7, 7200)))


@pytest.mark.parametrize(("hours", "is_told"), [(23, False), (25, True)])
def test_files_that_lie_more_than_a_day_apart_are_told(hours: float, *, is_told: bool) -> None:
    frames = late(play_script(TALK), 5, hours * 3600)
    ring = CaptureNotes(files=[FileNote("a", "pcap", 1, 4), FileNote("b", "pcap", 5, len(frames) - 4)])

    found = health_of(scan_frames(frames, notes=ring)).get("CAP-FILES-APART", [])

    assert [(item.frames, "25 h" in item.summary) for item in found] == [((4, 5), True)] * is_told


def test_a_day_without_a_frame_inside_one_file_is_no_gap_between_files() -> None:
    found = health_of(scan_frames(late(play_script(TALK), 5, 25 * 3600)))

    assert "CAP-FILES-APART" not in found


def test_the_gap_between_two_files_of_a_ring_is_no_jump() -> None:
    frames = late(play_script(TALK), 5, 7200)
    ring = CaptureNotes(files=[FileNote("a", "pcap", 1, 4), FileNote("b", "pcap", 5, len(frames) - 4)])

    assert "CAP-CLOCK-JUMP" not in health_of(scan_frames(frames, notes=ring))


def test_a_step_back_of_hours_may_be_a_merged_file() -> None:
    other = play_script(TALK.replace("50001", "50002"))
    merged = [*play_script(TALK), *shifted(other, -7200 * SECOND)]

    (item,) = health_of(scan_frames(merged))["CAP-CLOCK-JUMP"]

    assert item.state is HealthState.SUSPECTED
    assert item.summary.endswith(f"before frame {len(other) + 1}, or files were put together there")


def test_a_conversation_that_goes_on_where_it_ended_proves_that_the_clock_was_set_back() -> None:
    """Frame 6 is the last that the device sent before; frame 7 goes on with the next byte, and nothing was open."""
    found = health_of(scan_frames(late(play_script(TALK), 7, -7200)))

    assert [(i.state, i.frames) for i in found["CAP-CLOCK-JUMP"]] == [(HealthState.PROVEN, (6, 7))]
    assert "CAP-TIME-DISORDER" not in found


@pytest.mark.parametrize(
    ("moved_to", "state"), [(0, HealthState.PROVEN), (1_000_000_000, HealthState.SUSPECTED)], ids=["1970", "2001"]
)
def test_a_capture_from_long_ago_has_a_clock_that_was_never_set(moved_to: int, state: HealthState) -> None:
    frames = shifted(play_script(TALK), moved_to * SECOND - START_NS)

    (item,) = health_of(scan_frames(frames))["CAP-CLOCK-JUMP"]

    assert item.state is state


@pytest.mark.parametrize(
    ("grain_ns", "text"), [(1_000_000, "a millisecond"), (10_000_000, "10 ms"), (SECOND, "a second")]
)
def test_time_stamps_cut_to_a_grain_are_coarse(grain_ns: int, text: str) -> None:
    frames = play_script("0.0 repeat 40 every 1.007:\n  0.0001 pc > gw PING\n  0.0007 gw > pc PONG")
    cut = [replace(f, time_ns=f.time_ns // grain_ns * grain_ns) for f in frames]

    (item,) = health_of(scan_frames(cut))["CAP-COARSE-TIME"]

    assert f"multiples of {text};" in item.summary


def test_round_times_that_no_two_frames_share_are_not_coarse() -> None:
    assert "CAP-COARSE-TIME" not in health_of(traffic_of("0.0 repeat 80 every 1.0:\n  0.0 pc > gw PING"))
