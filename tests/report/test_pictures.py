from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from pcapaudit.model.report import DeviceReport, IndicatorChange, TimelineLane, TimelineMark
from pcapaudit.model.words import MarkKind, Stage
from pcapaudit.report.links import Links
from pcapaudit.report.pictures import WORDS, draw_mark, draw_timeline, draw_weight, find_silences, say_silences
from tests.support.reports import load_report

FIRST, LAST = "2026-01-01T10:00:00.000000Z", "2026-01-01T10:01:40.000000Z"


def device(*lanes: TimelineLane) -> DeviceReport:
    return replace(load_report("e1_blinking_red").devices[0], timeline=lanes, since=None)


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


def test_a_long_label_keeps_the_address_and_the_port_that_tell_lanes_apart() -> None:
    ports = (57000, 57001)
    names = [f"{'appservice-01.connect.' * 3}example 134.226.168.199 TCP {port}" for port in ports]
    picture = drawn(*(lane(name, (FIRST, MarkKind.ASKED)) for name in names))
    labels = [str(t.text) for t in picture.iter("text") if t.get("class") == "label"]

    assert [label.endswith(f" 134.226.168.199 TCP {port}") for label, port in zip(labels, ports, strict=True)] == [
        True
    ] * 2


def test_the_axis_tells_the_clock_and_then_the_time_since() -> None:
    ticks = [t.text for t in drawn(lane("cloud", (FIRST, MarkKind.ASKED))).iter("text") if t.get("class") == "tick"]

    assert ticks == ["10:00:00", "+15 s", "+30 s", "+45 s", "+1:00", "+1:15", "+1:30"]


def test_without_lanes_or_window_there_is_no_picture() -> None:
    assert draw_timeline(device(), FIRST, LAST) == ""
    assert draw_timeline(device(lane("cloud", (FIRST, MarkKind.ASKED))), None, None) == ""
    assert draw_timeline(device(lane("cloud", ("yesterday", MarkKind.ASKED))), FIRST, LAST) == ""


def test_marks_that_would_cover_each_other_are_drawn_as_one() -> None:
    times = [f"2026-01-01T10:00:05.{n:03d}000Z" for n in range(3)]
    picture = drawn(lane("cloud", *((at, MarkKind.ASKED) for at in times), (LAST, MarkKind.ASKED)))

    assert len(list(picture.iter("circle"))) == 2
    assert "10:00:05.000 asked, 3 times, frame 7" in [t.text for t in picture.iter("title")]


def test_a_stretch_without_an_answer_is_drawn_and_told() -> None:
    asked = [(f"2026-01-01T10:00:{s:02d}.000000Z", MarkKind.UNANSWERED) for s in (10, 20, 40)]
    picture = drawn(lane("cloud", *asked, (LAST, MarkKind.ANSWERED)))

    (band,) = [r for r in picture.iter("rect") if r.get("class") == "silence"]
    assert [t.text for t in band] == ["no answer seen for 30 s, asked 3 times"]
    assert say_silences(lane("cloud", *asked)) == "30 s (3 times)"


def test_times_that_are_none_have_no_length() -> None:
    assert say_silences(lane("cloud", *(("yesterday", MarkKind.UNANSWERED),) * 2)) == ""


def test_a_question_by_itself_and_an_answered_one_are_no_stretch() -> None:
    kinds = (MarkKind.UNANSWERED, MarkKind.ANSWERED, MarkKind.UNANSWERED, MarkKind.ASKED, MarkKind.UNANSWERED)

    assert find_silences(lane("cloud", *((FIRST, kind) for kind in kinds))) == []


def test_since_when_it_fails_stands_in_the_picture() -> None:
    failing = replace(device(lane("cloud", (FIRST, MarkKind.UNANSWERED))), since="2026-01-01T10:00:20.000000Z")
    picture = ET.fromstring(draw_timeline(failing, FIRST, LAST))

    assert "failing since 10:00:20" in [t.text for t in picture.iter("text")]


def test_what_the_device_showed_stands_over_the_lanes() -> None:
    told = load_report("e1_blinking_red").devices[0].indicator
    assert told is not None
    changes = (IndicatorChange(FIRST, "solid green"), IndicatorChange("2026-01-01T10:00:50.000000Z", "blinking red"))
    changing = replace(device(lane("cloud", (FIRST, MarkKind.ASKED))), indicator=replace(told, history=changes))
    picture = ET.fromstring(draw_timeline(changing, FIRST, LAST))

    boxes = [g for g in picture.iter("g") if g.get("class") == "shown"]
    assert [box.findtext("text") for box in boxes] == ["solid green", "blinking red"]
    assert boxes[0].find("rect").get("width") == boxes[1].find("rect").get("width")  # type: ignore[union-attr]


def test_a_mark_leads_to_its_frame_when_the_page_has_one() -> None:
    marked = device(lane("cloud", (FIRST, MarkKind.ASKED)))
    picture = ET.fromstring(draw_timeline(marked, FIRST, LAST, Links(frames="/captures/ab/frames/", rules="/rules/")))

    assert [a.attrib["href"] for a in picture.iter("a")] == ["/captures/ab/frames/7"]
    assert not list(drawn(lane("cloud", (FIRST, MarkKind.ASKED))).iter("a"))


@pytest.mark.parametrize(("weight", "width"), [(35, "35"), (-5, "0"), (1000, "100")])
def test_a_weight_is_a_bar_that_stays_within_its_rail(weight: int, width: str) -> None:
    bar = ET.fromstring(draw_weight(weight))

    assert [r.attrib["width"] for r in bar] == ["100", width]
