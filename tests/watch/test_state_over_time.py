"""What a watch makes of months: devices that are listed no more, blindness, clocks that are set, restarts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapaudit.model.words import Verdict
from pcapaudit.report.serialize import serialize
from pcapaudit.watch.events import Event, Kind
from pcapaudit.watch.record import read_record
from pcapaudit.watch.state import NOT_RUNNING, Watch
from tests.support.watches import (
    BARE,
    LATEST_S,
    MAC,
    OTHER,
    PATIENCE,
    TURNS,
    UNDECIDED,
    UP,
    Play,
    Turn,
    at,
    at_ns,
    down,
    kinds,
    store_and_read,
)

DAY_S = 86_400


def verdicts(play: Play) -> list[Verdict | None]:
    return [row.standing.verdict if row.standing else None for row in play.watch.rows()]


def test_a_device_that_is_offline_and_says_nothing_any_more_has_not_recovered() -> None:
    play = Play()
    play.show(down(), 120)
    play.hear()
    assert kinds(play.show([], 3600, every_s=30)) == ["silent"]
    assert verdicts(play) == [Verdict.FAILED]
    (recovered,) = play.show(UP)
    assert (recovered.kind, recovered.lasted_s) == (Kind.RECOVERED, 120 + 3600 + 2)


def test_a_device_that_is_not_heard_for_a_week_is_forgotten_and_if_it_was_offline_that_is_told() -> None:
    play = Play()
    play.show([down(), OTHER], 120)
    play.hear()
    assert kinds(play.show([], 7 * DAY_S - 600, every_s=30)) == ["silent"]
    assert len(play.watch.rows()) == 2
    (forgotten,) = play.show([], 1200, every_s=30)
    assert (forgotten.kind, forgotten.mac, forgotten.lasted_s) == (Kind.FORGOTTEN, MAC, 7 * DAY_S)
    assert play.watch.rows() == []


def test_what_comes_back_after_a_weekend_is_no_new_device() -> None:
    play = Play()
    play.show(UP, 120)
    play.hear()
    play.show([], 2.5 * DAY_S, every_s=30)
    play.hear()
    assert kinds(play.show(UP)) == ["back"]


def test_a_device_without_a_signature_that_is_heard_and_listed_no_more_has_recovered() -> None:
    play = Play()
    play.show(BARE, 120)
    play.hear(122)
    assert kinds(play.show([])) == ["recovered"]
    assert play.watch.rows() == []
    assert play.show([], 3600, every_s=30) == []
    assert play.watch.record().devices == ()


def test_a_device_without_a_signature_whose_network_comes_and_goes_flaps() -> None:
    play = Play()
    events = []
    for _ in range(3):
        events += play.show(BARE, 80)
        play.hear(play.now_s + 2)
        events += play.show([])
    assert kinds(events) == ["lost", "recovered", "lost", "recovered", "flapping"]


def test_a_device_that_stood_in_looks_for_seconds_was_a_mistake_and_what_was_told_is_closed() -> None:
    play = Play()
    assert kinds(play.show([down(), OTHER], 20)) == ["seen", "lost"]
    assert kinds(play.show([], 20)) == ["recovered"]
    assert play.watch.rows() == []


def test_the_device_that_was_not_heard_for_longest_goes_when_there_are_too_many() -> None:
    play = Play(Watch(PATIENCE, most=2))
    play.show(down(), 120)
    play.show(OTHER, 120)
    third = replace(UP, mac="02:00:00:00:00:98")
    assert kinds(play.show(third)) == ["forgotten", "seen"]
    assert {row.report.mac for row in play.watch.rows()} == {OTHER.mac, third.mac}


def test_of_more_devices_in_one_look_than_are_remembered_the_first_ones_stay() -> None:
    play = Play(Watch(PATIENCE, most=2))
    many = [replace(UP, mac=f"02:00:00:00:00:{number:02x}") for number in range(9)]
    assert kinds(play.show(many, 100)) == ["seen", "seen"]


def test_blindness_is_told_once_when_it_begins_and_with_its_length_when_it_is_over() -> None:
    play = Play()
    play.show(UP)
    assert play.watch.note_sight(at_ns(20)) == []
    (blind,) = play.watch.note_blind(at_ns(19), "the interface is down")
    assert (blind.kind, blind.since, blind.summary) == (Kind.BLIND, at(19), "the interface is down")
    assert play.watch.note_blind(at_ns(25), "the interface is down") == []
    (sighted,) = play.watch.note_sight(at_ns(3619))
    assert (sighted.kind, sighted.lasted_s, sighted.since) == (Kind.SIGHTED, 3600, at(19))


def test_nothing_is_called_offline_while_nothing_can_be_seen_nor_right_after() -> None:
    play = Play()
    play.show(UP)
    play.watch.note_blind(at_ns(20), "the interface is down")
    assert play.show(down(), 120) == []
    play.watch.note_sight(at_ns(140))
    assert play.show(down(), 28) == []
    assert kinds(play.show(down(), 2)) == ["lost"]


def test_time_in_which_nothing_could_be_seen_makes_no_device_silent() -> None:
    play = Play()
    play.hear()
    play.show(UP, 300)
    play.watch.note_blind(at_ns(300), "the interface is down")
    play.now_s = 7500
    play.watch.note_sight(at_ns(7500))
    assert play.show(UP, 598) == []
    (silent,) = play.show(UP, 2)
    assert (silent.kind, silent.lasted_s) == (Kind.SILENT, 8100)


def test_a_clock_that_is_set_back_delays_nothing_and_every_duration_stays_true() -> None:
    play = Play()
    play.show(UP)
    play.show(down(since_s=22), 2)
    play.now_s -= 7200
    assert kinds(play.show(down(since_s=22), 6)) == ["lost"]
    play.show(down(since_s=22), 60)
    play.now_s -= 7200
    (recovered,) = play.show(UP)
    # Shown 33 times every two seconds while offline; what passed where the clock was set counts as nothing.
    assert recovered.lasted_s == pytest.approx(64, abs=4)


def test_a_clock_that_is_set_years_ahead_makes_nobody_silent_and_no_loss_years_long() -> None:
    play = Play()
    play.hear()
    play.show(UP)
    play.show(down(since_s=20), 60)
    play.now_s += 2 * 365 * DAY_S
    assert play.show(down(since_s=20), 60) == []
    (recovered,) = play.show(UP)
    assert recovered.lasted_s == pytest.approx(120, abs=4)


def test_looks_that_are_far_apart_are_no_clock_that_was_set() -> None:
    play = Play()
    play.show(UP, 100, every_s=20)
    play.show(down(since_s=100), 1200, every_s=400)
    assert kinds(play.show(down(since_s=100), 9000, every_s=3000)) == []
    (recovered,) = play.show(UP, 3000, every_s=3000)
    assert recovered.lasted_s == 1200 + 9000 + 3000


def test_a_packet_from_before_the_clock_was_set_back_hides_no_silence() -> None:
    play = Play()
    play.show(UP, 100)
    play.hear()
    play.now_s -= 7200
    assert kinds(play.show(UP, 700)) == ["silent"]
    play.hear()
    assert kinds(play.show(UP)) == ["back"]


def test_what_was_not_watched_is_told_after_a_restart() -> None:
    play = Play()
    play.show(UP)
    play.restart(after_s=3600)
    (sighted,) = play.show(UP)
    assert (sighted.kind, sighted.since, sighted.lasted_s) == (Kind.SIGHTED, at(20), 3602)
    assert sighted.summary == "pcapaudit was not running"


def test_a_device_that_was_down_stays_down_over_a_restart_and_recovers_with_the_whole_duration() -> None:
    play = Play()
    play.show(down(since_s=1), 120)
    play.restart(after_s=3600)
    assert kinds(play.show(UNDECIDED, 60)) == ["sighted"]
    (row,) = play.watch.rows()
    assert (row.since, row.standing is not None and row.standing.is_down) == (at(1), True)
    (recovered,) = play.show(UP)
    assert recovered.lasted_s == 120 + 3600 + 60 + 2 - 1


def test_a_device_that_is_not_seen_yet_after_a_restart_is_neither_lost_nor_forgotten() -> None:
    play = Play()
    play.show([UP, replace(BARE, mac=OTHER.mac)], 20)
    play.restart(after_s=9 * DAY_S)
    assert kinds(play.show([], 3600)) == ["sighted"]
    assert verdicts(play) == [Verdict.FAILED, Verdict.HEALTHY]


def test_a_device_without_a_signature_is_not_taken_for_recovered_before_it_could_be_judged_again() -> None:
    play = Play()
    play.show(BARE, 120)
    play.restart(after_s=10)
    play.hear(play.now_s + 1)
    assert kinds(play.show([], 60)) == ["sighted"]
    assert play.show(BARE, 60) == []


def test_after_a_restart_nothing_is_called_offline_for_half_a_minute() -> None:
    play = Play()
    play.show(UP)
    play.restart(after_s=10)
    assert kinds(play.show(down(), 30)) == ["sighted"]
    assert kinds(play.show(down(), 2)) == ["lost"]


def test_flapping_goes_on_over_a_restart() -> None:
    play = Play()
    for _ in range(4):
        play.show(UP)
        play.show(down())
    play.restart(after_s=10)
    assert kinds(play.show(UP) + play.show(down(), 60)) == ["sighted"]
    (settled,) = play.show(UP, 400)
    assert (settled.kind, settled.count) == (Kind.SETTLED, 5)


def test_lost_frames_are_counted_over_restarts() -> None:
    play = Play()
    play.dropped = 700
    play.show(UP)
    play.restart(after_s=60)
    play.dropped = 5
    events = play.show(UP, 100)
    assert play.watch.dropped == 705
    assert [event.count for event in events if event.kind is Kind.DROPPED] == [5]


def test_a_clock_that_was_set_back_between_two_runs_leaves_true_durations() -> None:
    play = Play()
    play.show(down(since_s=1), 120)
    play.restart(after_s=-7200)
    (sighted, recovered) = play.show(UP)
    assert (sighted.lasted_s, recovered.lasted_s) == (0, 119)


def run(watch: Watch, turns: Sequence[Turn], now_s: int = 0, dropped: int = 0) -> list[Event]:
    """Everything that is told; the record is taken through JSON at each restart and at the end."""
    events: list[Event] = []
    for turn in turns:
        now_s = turn.second(now_s)
        dropped += turn.drops
        if turn.act == "restart":
            watch, dropped = Watch(PATIENCE, store_and_read(watch), most=3), 0
        events += watch.note_blind(at_ns(now_s), "gone") if turn.act == "blind" else []
        events += watch.note_sight(at_ns(now_s)) if turn.act == "sight" else []
        events += watch.note(at_ns(now_s), turn.devices, heard=turn.hear(now_s), dropped=dropped)
    store_and_read(watch)
    return events


@settings(deadline=None)
@given(TURNS)
def test_no_sequence_of_looks_on_any_clock_raises_or_lasts_less_than_nothing(turns: list[Turn]) -> None:
    for event in run(Watch(PATIENCE, most=3), turns):
        assert event.as_dict()["text"]
        assert (event.lasted_s or 0) >= 0
        assert (event.period_s or 0) >= 0
        assert event.count is None or event.count > 0


CLOSED_BY = {
    Kind.LOST: {Kind.RECOVERED, Kind.FLAPPING, Kind.FORGOTTEN},
    Kind.FLAPPING: {Kind.SETTLED, Kind.FORGOTTEN},
    Kind.SILENT: {Kind.BACK, Kind.FORGOTTEN},
    Kind.BLIND: {Kind.SIGHTED},
}


@settings(deadline=None)
@given(TURNS)
def test_what_was_told_of_a_device_is_closed_before_it_is_told_again(turns: list[Turn]) -> None:
    is_open: dict[str | None, Kind] = {}
    for event in run(Watch(PATIENCE, most=3), turns):
        who = event.mac or event.address
        before = is_open.get(who)
        if event.kind is Kind.LOST:
            assert before is None
        if event.kind is Kind.RECOVERED:
            # Of a device that stayed offline when it settled the loss was told in the flapping.
            assert before is Kind.LOST
        if before and event.kind in CLOSED_BY[before]:
            del is_open[who]
        if event.kind in {Kind.LOST, Kind.FLAPPING, Kind.BLIND}:
            is_open[who] = event.kind
        if event.kind is Kind.SETTLED and event.verdict is Verdict.FAILED:
            is_open[who] = Kind.LOST


@settings(deadline=None)
@given(TURNS, TURNS, st.integers(0, 9000))
def test_a_watch_from_a_record_tells_what_the_one_it_is_of_would_after_it_was_blind(
    before: list[Turn], after: list[Turn], away_s: int
) -> None:
    first, watch = Turn(0), Watch(PATIENCE)
    steady = [first, *(replace(turn, stride_s=abs(turn.stride_s), act="") for turn in before)]
    further = [Turn(0), *(replace(turn, drops=0, act="") for turn in after)]
    run(watch, steady)
    end_s = min(sum(turn.stride_s for turn in steady), LATEST_S)
    resumed = Watch(PATIENCE, store_and_read(watch))
    watch.note_blind(at_ns(end_s), NOT_RUNNING)
    events = watch.note_sight(at_ns(end_s + away_s)) + run(watch, further, end_s + away_s, watch.dropped)
    assert run(resumed, further, end_s + away_s) == events


def test_a_clock_that_is_set_to_and_fro_for_ever_leaves_a_record_that_can_be_read() -> None:
    watch = Watch(PATIENCE)
    for _ in range(100):
        watch.note((1 << 63) - 1, [down()])
        watch.note(-(1 << 63), [down()])
    assert read_record(json.loads(serialize(watch.record()))).devices
