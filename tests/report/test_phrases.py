from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from pcapaudit.model.report import CaptureFile, EndpointRef, IndicatorChange, NearMiss, Remedy, StageReport, SwitchPort
from pcapaudit.model.words import Addressee, Result, Role, Stage, State, Verdict
from pcapaudit.report import phrases
from pcapaudit.report.registry import render
from tests.support.reports import load_report


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (12.5, "12.5 s"),
        (59.0, "59 s"),
        (60, "1 min"),
        (252, "4 min 12 s"),
        (3600, "1 h"),
        (3659, "1 h"),
        (43800, "12 h 10 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_durations_are_said_in_their_two_largest_units(seconds: float, said: str) -> None:
    assert phrases.say_duration(seconds) == said


@pytest.mark.parametrize(
    ("number", "noun", "said"), [(1, "frame", "1 frame"), (0, "frame", "0 frames"), (1204, "frame", "1,204 frames")]
)
def test_counts_have_separators_and_a_plural(number: int, noun: str, said: str) -> None:
    assert phrases.say_count(number, noun) == said


def test_times_carry_their_offset_and_the_date_only_on_another_day() -> None:
    time = "2026-01-01T14:02:11.000000Z"
    assert phrases.say_time(time) == "2026-01-01 14:02:11 +00:00"
    assert phrases.say_time(time, "2026-01-01T09:00:00.000000Z") == "14:02:11 +00:00"
    assert phrases.say_time(time, "2025-12-31T09:00:00.000000Z") == "2026-01-01 14:02:11 +00:00"


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        (EndpointRef("gk.sensorist.com", "54.229.203.190", "tcp", 4321), "gk.sensorist.com 54.229.203.190:4321"),
        (EndpointRef(None, "2001:db8::1", "tcp", 443), "[2001:db8::1]:443"),
        (EndpointRef("time.nist.gov", None, "udp", 123), "time.nist.gov port 123 udp"),
        (EndpointRef(None, "4.2.2.2", "icmp", None), "4.2.2.2 icmp"),
        (EndpointRef(None, None, None, None), "unknown"),
    ],
)
def test_endpoints_are_said_with_what_is_known(endpoint: EndpointRef, said: str) -> None:
    assert phrases.say_endpoint(endpoint) == said


def test_a_ring_of_files_names_the_file_and_the_frame_in_it() -> None:
    capture = load_report("ring_outside_view").captures[0]
    assert phrases.say_frames((900, 1800), capture) == "frames 900 (cap_00001.pcapng:900), 1800 (cap_00002.pcapng:800)"


def test_a_single_file_needs_no_file_name() -> None:
    capture = load_report("e1_blinking_red").captures[0]
    assert phrases.say_frames((31,), capture) == "frame 31"
    assert phrases.say_frames((), capture) == "no frame"


def test_a_frame_outside_all_files_is_still_said() -> None:
    capture = load_report("ring_outside_view").captures[0]
    short = replace(capture, files=(CaptureFile("a", 1, 5), CaptureFile("b", 6, 5)))
    assert phrases.say_frames((99,), short) == "frame 99"


def test_the_side_of_the_clock_error_is_right() -> None:
    capture = load_report("e1_blinking_red").captures[0]
    behind = phrases.say_clock(replace(capture, clock_offset_s=3.0))
    assert behind is not None
    assert "3 s behind" in behind
    assert phrases.say_clock(capture) is None


def test_many_addresses_are_cut() -> None:
    device = replace(load_report("e1_blinking_red").devices[0], addresses=tuple(f"10.0.0.{n}" for n in range(7)))
    assert phrases.say_names(device)[-1] == "10.0.0.0, 10.0.0.1, 10.0.0.2, 10.0.0.3 and 3 more"


def test_the_root_cause_is_the_finding_that_is_the_cause_at_its_stage() -> None:
    device = load_report("e1_blinking_red").devices[0]
    cause = device.findings[0]
    twin = replace(cause, role=Role.NOTE, summary="an earlier one")
    found = phrases.find_root(replace(device, findings=(twin, cause)))
    assert found is cause
    assert phrases.find_root(replace(device, root_cause=None)) is None


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "switch sw1, port Gi1/0/7, VLAN 20"),
        (
            {"port_text": "Freezer room", "voice_vlan": 40},
            "switch sw1, port Gi1/0/7 (Freezer room), VLAN 20, voice VLAN 40",
        ),
        ({"port_text": "Gi1/0/7", "vlan": None}, "switch sw1, port Gi1/0/7"),
        ({"name": None, "port": None, "vlan": None}, "switch 02:5c:00:00:00:01"),
    ],
)
def test_a_switch_port_is_said_with_what_it_tells(told: dict[str, Any], words: str) -> None:
    port = SwitchPort("lldp", "sw1", "Gi1/0/7", None, 20, None, None, None, "02:5c:00:00:00:01", (1,))

    assert phrases.say_switch(replace(port, **told)) == words


def test_the_capture_line_names_two_switch_ports_and_counts_the_rest() -> None:
    capture = load_report("e3_no_lease").captures[0]
    many = replace(capture, switches=capture.switches * 5)

    assert "switch sw-hall-3, port Gi1/0/7 (Freezer room), VLAN 20" in phrases.say_capture(capture)
    assert "3 more switch ports" in phrases.say_capture(many)


def test_the_devices_own_port_stands_in_its_background() -> None:
    report = load_report("e3_no_lease")

    assert any("port Gi1/0/7" in item for item in phrases.say_background(report.devices[0], None))


def rung(stage: Stage, state: State, reason: str | None = None) -> StageReport:
    return StageReport(stage, state, None, (), reason)


def test_neighbouring_rungs_share_their_reason_and_those_that_speak_for_themselves_are_not_told() -> None:
    stages = [
        rung(Stage.LINK, State.OK, "62 frames sent"),
        rung(Stage.DNS, State.NOT_OBSERVED, "not in the capture"),
        rung(Stage.TIME, State.NOT_OBSERVED, "not in the capture"),
        rung(Stage.CONNECT, State.FAILED, "no answer"),
        rung(Stage.TLS, State.NOT_REACHED, "connect failed"),
    ]
    assert phrases.group_reasons(stages) == [(State.NOT_OBSERVED, "dns, time: not in the capture")]


def test_the_first_failed_rung_is_where_it_breaks_and_a_poor_one_only_without_it() -> None:
    device = load_report("e1_blinking_red").devices[0]
    poor, failed = rung(Stage.DNS, State.DEGRADED), rung(Stage.CONNECT, State.FAILED)

    assert phrases.find_break(replace(device, stages=(poor, failed, rung(Stage.APP, State.FAILED)))) is failed
    assert phrases.find_break(replace(device, stages=(rung(Stage.LINK, State.OK), poor))) is poor
    assert phrases.find_break(replace(device, stages=(rung(Stage.LINK, State.OK),))) is None


def test_optional_needs_that_were_never_tried_share_a_line() -> None:
    need = load_report("e1_blinking_red").devices[0].needs[0]
    idle = [replace(need, id=name, required=False, result=Result.NOT_ATTEMPTED) for name in ("A-1", "A-2")]
    untried = replace(need, id="A-3", required=True, result=Result.NOT_ATTEMPTED)

    assert phrases.split_needs([need, *idle, untried]) == ([need, untried], idle)
    assert phrases.say_idle(idle) == "optional, not tried: A-1, A-2"


def test_advice_of_its_own_stands_before_what_is_asked_of_whom() -> None:
    finding = load_report("e1_blinking_red").devices[0].findings[0]
    advice, first, second = (
        Remedy(to, text)
        for to, text in ((Addressee.FIREWALL, "Allow."), (Addressee.FIREWALL, "Please."), (Addressee.VENDOR, "Look."))
    )
    told = replace(finding, remedy="Allow.", remedies=(advice, first, second), cites=("SEN-05",))

    assert phrases.list_remedies(told) == [
        (None, "Allow."),
        (Addressee.FIREWALL, "Please."),
        (Addressee.VENDOR, "Look."),
    ]
    assert phrases.list_remedies(replace(told, remedies=(first, second))) == [
        (Addressee.FIREWALL, "Please."),
        (Addressee.VENDOR, "Look."),
    ]
    assert phrases.list_remedies(replace(told, remedies=())) == [(None, "Allow.")]
    assert phrases.say_cited(told) == "(vendor's paper: SEN-05)"
    assert phrases.say_cited(replace(told, cites=())) is None


def test_what_the_device_showed_is_told_when_it_changed() -> None:
    shown = load_report("e1_blinking_red").devices[0].indicator
    assert shown is not None
    first, second = (
        IndicatorChange(f"2026-01-01T10:0{m}:00.000000Z", state) for m, state in ((0, "green"), (5, "red"))
    )

    assert phrases.say_history(replace(shown, history=(first,)), None) is None
    told = phrases.say_history(replace(shown, history=(first, second)), "2026-01-01")
    assert told == "10:00:00 +00:00 green, 10:05:00 +00:00 red"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no answer", "no answer"),
        (3, "3"),
        (None, "null"),
        ([443, "a"], "443, a"),
        ([], "none"),
        ({"ü": 1}, '{"ü": 1}'),
    ],
)
def test_a_fact_is_said_as_text_or_as_json_writes_it(value: object, said: str) -> None:
    assert phrases.say_fact(value) == said


def test_every_verdict_and_every_rung_has_words_for_people() -> None:
    assert set(phrases.VERDICTS) == set(Verdict)
    assert set(phrases.RUNGS) == set(Stage)


def test_what_is_broken_is_said_by_the_title_of_the_root_cause_alone() -> None:
    device = load_report("e1_blinking_red").devices[0]

    assert phrases.say_plainly(device) == "Every port that the product may use stays silent."
    assert phrases.say_plainly(replace(device, root_cause=None)) is None


def test_a_capture_without_a_packet_says_so_and_not_that_no_device_is_known() -> None:
    report = load_report("e1_blinking_red")
    capture = report.captures[0]
    files = tuple(replace(file, frames=0) for file in capture.files)
    empty = replace(capture, health=(), files=files, counters=replace(capture.counters, frames=0))
    silent = replace(report, devices=(), captures=(empty,))

    assert phrases.say_absence(silent) == "This capture holds no packet."
    assert "mirror port" in phrases.say_next_without_device(silent)
    assert "nothing missing" not in phrases.say_capture(empty)
    assert phrases.say_absence(replace(report, devices=())) == "No device was recognised in this capture."


def test_a_time_that_leaves_out_all_frames_is_not_taken_for_an_empty_capture() -> None:
    report = load_report("e1_blinking_red")
    capture = report.captures[0]
    frames = sum(file.frames for file in capture.files)
    left_out = replace(capture, health=(), counters=replace(capture.counters, frames=0))
    silent = replace(report, devices=(), captures=(left_out,))

    assert phrases.say_absence(silent) == f"No frame of this capture lies in the time asked for (of {frames:,} frames)."
    assert "without --since and --until" in phrases.say_next_without_device(silent)


def test_a_device_that_was_not_recognised_can_be_named_in_the_terminal_and_in_the_browser() -> None:
    said = phrases.say_next_without_device(replace(load_report("e1_blinking_red"), devices=()))

    for way in ("--device", "--signature", "in the browser: Analyse it with other details"):
        assert way in said


def test_who_asked_for_the_wrong_product_is_told_which_one_is_there() -> None:
    report = load_report("e1_blinking_red")
    there, nearly = NearMiss("skala/nexus", ("dns a",)), NearMiss("tek/pool-ems", ("dns b",), "it asked for too much")
    asked = replace(
        report, devices=(), nearest=(there, nearly), said=replace(report.said, signature="sensorist/gateway")
    )

    assert "(skala/nexus)" in phrases.say_next_without_device(asked)
    assert "in the browser: Analyse it with other details" in phrases.say_next_without_device(asked)
    assert "--device" in phrases.say_next_without_device(replace(asked, nearest=(nearly,)))


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_the_worst_device_is_told_first(form: str) -> None:
    report = load_report("e1_blinking_red")
    (failed, *_) = report.devices
    shown = (Verdict.HEALTHY, Verdict.FAILED, Verdict.UNDECIDED, Verdict.FAILED, Verdict.DEGRADED)
    devices = tuple(replace(failed, verdict=verdict, title=f"Box {at}") for at, verdict in enumerate(shown))
    text = render(replace(report, devices=devices), form)

    assert re.findall(r"Box \d", text)[: len(shown)] == ["Box 1", "Box 3", "Box 4", "Box 2", "Box 0"]


def test_a_device_of_no_known_product_is_not_said_to_have_all_that_it_needs() -> None:
    healthy = replace(load_report("e2_other_port_works").devices[0], verdict=Verdict.HEALTHY)

    assert phrases.say_verdict(healthy) == "The network carries all that it needs"
    assert "is not known" in phrases.say_verdict(replace(healthy, signature=None))


def test_what_is_judged_by_other_traffic_than_attempts_is_not_said_to_be_tried_never() -> None:
    need = load_report("e1_blinking_red").devices[0].needs[0]

    said = [
        phrases.say_attempts(replace(need, attempts=count, result=result))
        for count, result in ((9, Result.NO_ANSWER), (0, Result.NO_ANSWER), (0, Result.NOT_ATTEMPTED))
    ]
    assert said == ["9", "-", "0"]
