from __future__ import annotations

from pcapaudit.diagnose.confidence import HealthCaps
from pcapaudit.diagnose.timeline import MAX_LANES, MAX_MARKS, timeline_of
from pcapaudit.diagnose.verdict import diagnose_device
from pcapaudit.model.report import TimelineLane
from pcapaudit.model.words import MarkKind, Stage
from tests.support.judging import diagnosis_of, facts_in, need, product, tcp
from tests.support.player import Frame
from tests.support.scene import shifted, traffic_of

BOX = product(need(tcp(4321), hosts=["cloud.acme.example"]))
START = "0.0  dev > gw BOOT\n1.0  dev > gw LOOKUP cloud.acme.example A 54.229.203.190\n"
WATCHED = "90.0 switch > * WATCH"


def lanes(script: str) -> dict[Stage, TimelineLane]:
    return {lane.stage: lane for lane in timeline_of(diagnosis_of(script, BOX))}


def kinds(lane: TimelineLane) -> list[str]:
    return [mark.kind.value for mark in lane.marks]


def test_a_start_that_works_has_its_questions_and_answers_along_the_ladder() -> None:
    found = lanes(f"{START}2.0 dev:50001 > cloud:4321 CONNECT\n3.0 dev:50001 > cloud:4321 EXCHANGE 9 9\n{WATCHED}")

    assert kinds(found[Stage.DHCP]) == ["asked", "answered", "asked", "answered"]
    assert kinds(found[Stage.DNS]) == ["asked", "answered"]
    assert kinds(found[Stage.CONNECT]) == ["asked", "answered"]
    assert found[Stage.CONNECT].what == "cloud.acme.example 54.229.203.190 TCP 4321"


def test_silence_and_refusal_are_told_apart() -> None:
    silent = lanes(f"{START}2.0 dev:50001 > cloud:4321 SYN\n3.0 dev:50001 > cloud:4321 SYN\n{WATCHED}")
    refused = lanes(f"{START}2.0 dev:50001 > cloud:4321 SYN\n2.1 cloud:4321 > dev:50001 RST\n{WATCHED}")

    assert kinds(silent[Stage.CONNECT]) == ["unanswered", "unanswered"]
    assert kinds(refused[Stage.CONNECT]) == ["asked", "refused"]


def test_too_many_marks_are_spread_evenly_and_counted() -> None:
    tries = "".join(f"{t}.0 dev:{40000 + t} > cloud:4321 SYN\n" for t in range(2, 302))
    lane = lanes(f"{START}{tries}400.0 switch > * WATCH")[Stage.CONNECT]

    assert (len(lane.marks), lane.left_out) == (MAX_MARKS, 300 - MAX_MARKS)
    assert {mark.kind for mark in lane.marks} == {MarkKind.UNANSWERED}
    assert [mark.frame for mark in lane.marks] == sorted({mark.frame for mark in lane.marks})


def test_a_box_that_nobody_recognised_has_no_timeline() -> None:
    assert timeline_of(diagnosis_of(f"{START}{WATCHED}")) == ()


def test_of_many_lanes_those_of_the_lowest_rungs_are_shown_by_their_first_mark() -> None:
    asked = "".join(f"{5 + n}.0 dev > 10.0.0.{200 - n} ARP\n" for n in range(30))
    found = timeline_of(diagnosis_of(f"{START}{asked}50.0 dev:50001 > cloud:4321 SYN\n{WATCHED}", BOX))

    assert len(found) == MAX_LANES
    assert {lane.stage for lane in found} == {Stage.DHCP, Stage.GATEWAY}
    assert [lane.what for lane in found if lane.what.startswith("ARP for 10.0.0.")][:2] == [
        "ARP for 10.0.0.200",
        "ARP for 10.0.0.199",
    ]


def test_where_the_clock_was_set_a_lane_ends_and_another_goes_on_in_its_new_time() -> None:
    def set_back(frames: list[Frame]) -> list[Frame]:
        return [*frames[:-2], *shifted(frames[-2:], -7200 * 10**9)]

    tries = "".join(f"{t}.0 dev:50001 > cloud:4321 SYN\n" for t in (2, 3, 5, 9))
    traffic = traffic_of(START + tries, set_back).on_steady_clock()
    found = timeline_of(diagnose_device(facts_in(traffic, BOX), HealthCaps()))

    before, after = (lane for lane in found if lane.stage is Stage.CONNECT)
    assert [mark.at[11:19] for mark in before.marks] == ["08:00:02", "08:00:03"]
    assert [mark.at[11:19] for mark in after.marks] == ["06:00:05", "06:00:09"]
    assert after.what == f"{before.what}, clock set before frame {after.marks[0].frame}"
