from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from pcapaudit.model.report import DeviceReport, TimelineLane, TimelineMark
from pcapaudit.model.times import NS
from pcapaudit.model.words import MarkKind, Stage, Verdict
from pcapaudit.watch.events import Kind
from pcapaudit.watch.state import Watch
from tests.support.watches import DOWN, OTHER, PATIENCE, START_S, UNDECIDED, UP, Play, at, at_ns, down, kinds


def test_a_device_is_seen_once_and_a_watch_without_change_says_no_more() -> None:
    play = Play()
    assert kinds(play.show(UP)) == ["seen"]
    assert play.show(UP, 1000) == []


def test_a_loss_tells_since_when_at_which_stage_and_which_frames_prove_it() -> None:
    play = Play()
    play.show(UP)
    (lost,) = play.show(down(since_s=19))
    cause = next(finding for finding in DOWN.findings if finding.rule == "TCP-ALL-PORTS-FAIL")
    assert (lost.kind, lost.stage, lost.since) == (Kind.LOST, Stage.CONNECT, "2026-01-01T12:00:19.000000Z")
    assert lost.frames == cause.evidence.frames


def test_a_recovery_closes_the_loss_with_its_duration() -> None:
    play = Play()
    play.show(UP)
    play.show(down(since_s=19), 60)
    (recovered,) = play.show(UP)
    assert recovered.kind is Kind.RECOVERED
    # Failing since 19 s after the start, and seen to work at 82 s.
    assert recovered.lasted_s == 82 - 19


def test_a_device_that_is_offline_from_the_start_is_told_once() -> None:
    play = Play()
    assert kinds(play.show([down()], 100)) == ["lost"]


def test_one_look_that_fails_is_not_believed_but_shown_as_provisional() -> None:
    play = Play()
    play.show(UP)
    assert play.show(down(), 2) == []
    (row,) = play.watch.rows()
    assert row.is_provisional
    assert row.standing is not None
    assert row.standing.verdict is Verdict.HEALTHY
    assert play.show(UP) == []


def test_the_last_look_is_believed_at_once() -> None:
    watch = Watch(PATIENCE)
    assert watch.note(START_S * NS, [down()]) == []
    assert kinds(watch.conclude(START_S * NS, [down()])) == ["lost"]


def test_a_look_that_does_not_know_who_was_heard_calls_nobody_silent() -> None:
    play = Play()
    play.hear()
    play.show(UP)
    assert play.watch.conclude(at_ns(7200), [UP]) == []


def test_that_a_look_cannot_tell_takes_nothing_back() -> None:
    play = Play()
    play.show(down())
    assert play.show(UNDECIDED, 100) == []
    assert kinds(play.show(UP)) == ["recovered"]


def test_another_reason_of_the_same_loss_is_a_change_and_no_second_loss() -> None:
    play = Play()
    play.show(down())
    assert kinds(play.show(down(stage=Stage.DNS))) == ["changed"]


def test_other_numbers_in_the_same_verdict_are_no_news() -> None:
    play = Play()
    play.show(down())
    assert play.show(replace(down(), summary="No answer (12 attempts in 2 min).")) == []


def test_nothing_is_called_offline_over_a_gap() -> None:
    play = Play()
    play.show(UP)
    play.dropped = 700
    (gap,) = play.show(down(), 28)
    assert (gap.kind, gap.count) == (Kind.DROPPED, 700)
    assert kinds(play.show(down(), 28)) == ["lost"]


def test_losses_of_frames_that_go_on_are_told_now_and_then_and_none_is_left_out() -> None:
    play = Play()
    told = []
    for _ in range(100):
        play.dropped += 5
        told += play.show(UP, 2)
    play_out = play.show(UP, 100)
    gaps = [event for event in told + play_out if event.kind is Kind.DROPPED]
    assert sum(event.count or 0 for event in gaps) == 500
    assert len(gaps) <= 200 / PATIENCE.gap_s + 2


def test_a_device_that_flaps_gives_one_event_with_count_and_period_and_one_at_its_end() -> None:
    play = Play()
    events = play.show(UP)
    for _ in range(10):
        events += play.show(down()) + play.show(UP)
    assert kinds(events) == ["seen", "lost", "recovered", "lost", "recovered", "flapping"]
    assert (events[-1].count, events[-1].period_s) == (3, 40)
    (settled,) = play.show(UP, 600)
    assert (settled.kind, settled.count, settled.verdict) == (Kind.SETTLED, 10, Verdict.HEALTHY)
    assert kinds(play.show(down())) == ["lost"]


def test_a_silent_device_is_told_once_and_so_is_its_return() -> None:
    play = Play()
    play.hear()
    assert kinds(play.show(UP, 598)) == ["seen"]
    (silent,) = play.show(UP, 1000)
    assert (silent.kind, silent.lasted_s) == (Kind.SILENT, 600)
    play.hear(1598)
    (back,) = play.show(UP, 10)
    assert (back.kind, back.lasted_s) == (Kind.BACK, 1598)


def test_the_worst_stands_first() -> None:
    play = Play()
    play.show([OTHER, down()])
    assert [row.report.mac for row in play.watch.rows()] == [DOWN.mac, OTHER.mac]


def test_a_row_says_since_when_also_when_the_report_looks_back_less_far() -> None:
    play = Play()
    play.show(down(since_s=1))
    assert play.show(down(since_s=3000), 6000, every_s=30) == []
    (row,) = play.watch.rows()
    assert row.since == at(1)
    (changed,) = play.show(down(since_s=6000, stage=Stage.DNS))
    assert changed.since == at(1)


def test_a_row_keeps_the_last_answer_when_the_report_looks_back_less_far() -> None:
    play = Play()
    mark = TimelineMark(at(3), 7, MarkKind.ANSWERED)
    play.show(replace(UP, timeline=(TimelineLane(Stage.CONNECT, "gk.sensorist.com", (mark,), 0),)))
    play.show(UP)
    (row,) = play.watch.rows()
    assert row.answered == at(3)


LOOKS = st.lists(
    st.tuples(st.sampled_from([UP, UNDECIDED, down(), down(stage=Stage.DNS)]), st.integers(1, 60), st.booleans()),
    max_size=60,
)


@settings(deadline=None)
@given(LOOKS)
def test_losses_and_recoveries_take_turns_and_no_claim_is_made_over_a_gap(
    looks: list[tuple[DeviceReport, int, bool]],
) -> None:
    watch, now_s, dropped, gap_s = Watch(PATIENCE), START_S, 0, 0
    is_down, is_flapping, counted = False, False, 0
    for report, wait_s, has_gap in looks:
        now_s += wait_s
        dropped += has_gap
        gap_s = now_s if has_gap else gap_s
        for event in watch.note(now_s * NS, [report], dropped=dropped):
            counted += (event.count or 0) if event.kind is Kind.DROPPED else 0
            if event.kind in {Kind.LOST, Kind.RECOVERED}:
                assert not is_flapping
                assert is_down == (event.kind is Kind.RECOVERED)
                is_down = event.kind is Kind.LOST
            if event.kind in {Kind.LOST, Kind.FLAPPING}:
                assert now_s - gap_s >= PATIENCE.gap_s
            if event.kind in {Kind.FLAPPING, Kind.SETTLED}:
                assert is_flapping == (event.kind is Kind.SETTLED)
                is_flapping = event.kind is Kind.FLAPPING
                is_down = event.verdict is Verdict.FAILED
    assert counted <= dropped


@settings(deadline=None)
@given(st.sampled_from([UP, UNDECIDED, down()]), st.integers(1, 50), LOOKS)
def test_a_look_that_shows_nothing_new_says_nothing(
    last: DeviceReport, times: int, looks: list[tuple[DeviceReport, int, bool]]
) -> None:
    watch, now_s = Watch(PATIENCE), START_S
    for report, wait_s, _ in [*looks, (last, 60, False), (last, 60, False), (last, 600, False), (last, 600, False)]:
        now_s += wait_s
        watch.note(now_s * NS, [report])
    assert not [event for n in range(times) for event in watch.note((now_s + n) * NS, [last])]
