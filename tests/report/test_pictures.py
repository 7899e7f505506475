from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from pcapaudit.model.report import DeviceReport, TimelineLane, TimelineMark
from pcapaudit.model.words import MarkKind, Stage
from pcapaudit.report.pictures import WORDS, draw_mark, draw_timeline
from tests.support.reports import load_report

FIRST, LAST = "2026-01-01T10:00:00.000000Z", "2026-01-01T10:01:40.000000Z"


def device(*lanes: TimelineLane) -> DeviceReport:
    return replace(load_report("e1_blinking_red").devices[0], timeline=lanes)


def lane(what: str, *marks: tuple[str, MarkKind]) -> TimelineLane:
    return TimelineLane(Stage.CONNECT, what, tuple(TimelineMark(at, 7, kind) for at, kind in marks), 0)


def drawn(*lanes: TimelineLane) -> ET.Element:
    return ET.fromstring(draw_timeline(device(*lanes), FIRST, LAST))


def test_a_mark_stands_at_its_share_of_the_window() -> None:
    marks = [(f"2026-01-01T10:0{s}Z", MarkKind.ASKED) for s in ("0:00.000000", "0:50.000000", "1:40.000000")]
    circles = [float(c.attrib["cx"]) for c in drawn(lane("cloud", *marks)).iter("circle")]

    assert circles[1] - circles[0] == pytest.approx(circles[2] - circles[1])
    assert circles[0] < circles[2]


def test_a_mark_outside_the_window_stays_inside_the_picture() -> None:
    picture = drawn(lane("cloud", ("2026-01-01T11:00:00.000000Z", MarkKind.ASKED)))
    (circle,) = picture.iter("circle")

    assert float(circle.attrib["cx"]) < float(picture.attrib["viewBox"].split()[2])


def test_each_mark_says_when_what_and_which_frame() -> None:
    picture = drawn(lane("cloud", ("2026-01-01T10:00:05.250000Z", MarkKind.UNANSWERED)))

    assert "10:00:05.250 asked, no answer, frame 7" in [t.text for t in picture.iter("title")]


def test_kinds_have_shapes_of_their_own() -> None:
    assert len({draw_mark(kind, 0, 0) for kind in MarkKind}) == len(MarkKind) == len(WORDS)


def test_a_name_from_the_wire_is_text_in_the_picture() -> None:
    name = '<script>alert("x")</script>&' + "y" * 60
    picture = drawn(lane(name, (FIRST, MarkKind.ASKED)))

    assert not list(picture.iter("script"))
    assert name in [t.text for t in picture.iter("title")]


def test_the_axis_tells_the_clock_and_then_the_time_since() -> None:
    ticks = [t.text for t in drawn(lane("cloud", (FIRST, MarkKind.ASKED))).iter("text") if t.get("class") == "tick"]

    assert ticks == ["10:00:00", "+15 s", "+30 s", "+45 s", "+1:00", "+1:15", "+1:30"]


def test_without_lanes_or_window_there_is_no_picture() -> None:
    assert draw_timeline(device(), FIRST, LAST) == ""
    assert draw_timeline(device(lane("cloud", (FIRST, MarkKind.ASKED))), None, None) == ""
    assert draw_timeline(device(lane("cloud", ("yesterday", MarkKind.ASKED))), FIRST, LAST) == ""
