from __future__ import annotations

import pytest

from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit_frames
from pcapaudit.model.report import Report
from pcapaudit.model.words import Stage, State
from pcapaudit.report.compare import compare, render
from pcapaudit.report.compare.change import Change
from pcapaudit.report.compare.document import DeviceChange
from pcapaudit.report.compare.pairs import MatchedBy
from tests.report.compare.scenes import ADDRESS, BOOT, HOUR, MAC, RED, green, inward, need_of, report_of
from tests.support.judging import outward
from tests.support.player import Frame
from tests.support.reports import NAMES, load_report
from tests.support.scene import play_script, shifted
from tests.support.world import START_NS

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def red() -> Report:
    return report_of(RED)


def compared(before: Report, after: Report) -> DeviceChange:
    """The one device of both."""
    (device,) = compare(before, after).devices
    return device


def stage_of(device: DeviceChange, stage: Stage) -> Change:
    return next(rung.change for rung in device.stages if rung.stage is stage)


def test_a_port_that_answers_after_the_change_makes_the_device_repaired(red: Report) -> None:
    device = compared(red, report_of(green(), HOUR))

    assert (device.change, device.matched_by) == (Change.REPAIRED, MatchedBy.MAC)
    assert (device.before.indicator, device.after.indicator) == ("LED: blinking red", "LED: green")
    assert stage_of(device, Stage.CONNECT) is Change.REPAIRED
    assert stage_of(device, Stage.DNS) is Change.WORKS
    assert need_of(device).change is Change.REPAIRED
    # The first try of the second capture: 08:00:00 (the start of every script), an hour and 1.1 s later.
    assert device.since is not None
    assert (device.since.at, device.since.is_exact) == ("2026-01-05T09:00:01.100000Z", False)


def test_the_port_that_was_not_tried_again_is_not_called_open(red: Report) -> None:
    device = compared(red, report_of(green(), HOUR))
    far_sides = {far.port: far.change for far in need_of(device).far_sides}
    assert far_sides == {4321: Change.REPAIRED, 443: Change.CANNOT_TELL}


def test_a_need_that_works_by_its_other_port_is_repaired(red: Report) -> None:
    device = compared(red, report_of(green(443), HOUR))
    assert device.change is Change.REPAIRED
    assert {far.port: far.change for far in need_of(device).far_sides} == {
        443: Change.REPAIRED,
        4321: Change.CANNOT_TELL,
    }


def cut(frames: list[Frame]) -> list[Frame]:
    """What is there before the gateway's first try is answered: the capture was stopped 1.105 s after its begin."""
    return [frame for frame in frames if frame.time_ns < START_NS + round((HOUR + 1.105) * SECOND)]


def test_a_second_capture_that_is_cut_short_repairs_nothing(red: Report) -> None:
    device = compared(red, report_of(green(), HOUR, cut))
    assert device.change is Change.CANNOT_TELL
    assert need_of(device).change is Change.CANNOT_TELL
    assert {f.change for f in device.findings} == {Change.CANNOT_TELL}


def test_a_second_capture_without_the_frames_of_the_device_repairs_nothing_and_says_why(red: Report) -> None:
    device = compared(red, report_of(green(), HOUR, inward))
    assert (device.change, need_of(device).change) == (Change.CANNOT_TELL, Change.CANNOT_TELL)
    assert any("CAP-ONEWAY" in caveat for caveat in device.caveats)


def test_silence_in_a_capture_of_the_device_alone_repairs_nothing(red: Report) -> None:
    once = f"{BOOT}1.1 dev:50011 > cloud:4321 SYN\n60.0 switch > * WATCH"
    device = compared(red, report_of(once, HOUR, outward))
    assert device.change not in (Change.REPAIRED, Change.BETTER)
    assert need_of(device).change is not Change.REPAIRED


def test_a_device_that_is_not_in_the_second_capture_is_listed_and_not_judged(red: Report) -> None:
    other = report_of("0.0 pc > gw BOOT\n1.0 pc > gw LOOKUP example.com A 54.229.203.190\n60.0 switch > * WATCH", HOUR)
    found = compare(red, other)
    assert found.devices == ()
    assert [lone.side.mac for lone in found.only_before] == [MAC]
    assert found.only_before[0].note == "It is not in the second capture, which says nothing of whether it works."


def test_another_device_with_the_same_address_is_not_the_same_device(red: Report) -> None:
    stranger = {"cloud": "54.229.203.190", "dev": {"ip": ADDRESS, "mac": "02:ee:ee:00:00:01"}}
    found = compare(red, report_of(green(), HOUR, hosts=stranger))
    assert found.devices == ()
    assert "02:ee:ee:00:00:01" in found.only_before[0].note
    assert MAC in found.only_after[0].note


def test_two_macs_are_one_device_when_somebody_says_so(red: Report) -> None:
    stranger = {"cloud": "54.229.203.190", "dev": {"ip": "10.0.0.7", "mac": "02:ee:ee:00:00:01"}}
    (device,) = compare(red, report_of(green(), HOUR, hosts=stranger), [MAC, "10.0.0.7"]).devices
    assert (device.change, device.matched_by) == (Change.REPAIRED, MatchedBy.ENGINEER)
    assert {fact.what: (fact.before, fact.after) for fact in device.facts} == {
        "MAC": (MAC, "02:ee:ee:00:00:01"),
        "address": (ADDRESS, "10.0.0.7"),
    }
    assert any("because you said so" in caveat for caveat in device.caveats)


def test_the_capture_that_was_taken_earlier_is_the_one_before(red: Report) -> None:
    later = report_of(green(), HOUR)
    found = compare(later, red)
    assert found.is_swapped
    assert found.devices[0].change is Change.REPAIRED
    assert "They were given in the other order" in render(found, "text")
    assert "other order" not in render(compare(red, later), "text")


def test_a_device_that_worked_and_fails_now_is_worse() -> None:
    device = compared(report_of(green()), report_of(RED, HOUR))
    assert device.change is Change.WORSE
    assert need_of(device).change is Change.WORSE
    assert {f.change for f in device.findings} == {Change.FAILS}


def test_the_same_failure_twice_is_still_there(red: Report) -> None:
    device = compared(red, report_of(RED, HOUR))
    assert device.change is Change.STILL
    assert {f.change for f in device.findings} == {Change.STILL}
    assert device.since is None


def test_a_device_that_gets_less_far_than_before_is_worse_though_both_fail(red: Report) -> None:
    asking = "".join(f"{t}.0 dev > * DHCP DISCOVER\n" for t in (0, 4, 12, 28, 60))
    device = compared(red, report_of(f"{asking}120.0 switch > * WATCH", HOUR, device=MAC))
    assert (device.before.verdict, device.after.verdict) == ("failed", "failed")
    assert (device.change, device.reason) == (Change.WORSE, "It breaks earlier than before.")


def test_a_fault_that_ends_within_the_second_capture_ends_at_a_moment(red: Report) -> None:
    silent = "1.1 dev:50001 > cloud:4321 SYN\n2.1 dev:50001 > cloud:4321 SYN\n4.1 dev:50001 > cloud:4321 SYN\n"
    script = green(first=60.0).replace(BOOT, BOOT + silent)
    device = compared(red, report_of(script, HOUR))
    assert device.change is Change.REPAIRED
    assert device.since is not None
    assert device.since.is_exact
    # The service is asked 61 s after the begin, 30 ms away (``world.FAR_RTT_NS``).
    assert device.since.at == "2026-01-05T09:01:01.030000Z"


def test_a_lease_that_is_not_seen_again_is_better_but_not_repaired() -> None:
    asking = "".join(f"{t}.0 dev > * DHCP DISCOVER\n" for t in (0, 4, 12, 28, 60))
    midstream = green().replace("0.0 dev > gw BOOT\n", "")
    device = compared(report_of(f"{asking}120.0 switch > * WATCH", device=MAC), report_of(midstream, HOUR))
    assert device.after.verdict == "healthy"
    assert device.change is Change.BETTER
    assert stage_of(device, Stage.DHCP) is Change.BETTER


@pytest.mark.parametrize("name", NAMES)
def test_a_report_held_against_itself_shows_no_change(name: str) -> None:
    report = load_report(name)
    for device in compare(report, report).devices:
        changes = (
            [r.change for r in device.stages] + [n.change for n in device.needs] + [f.change for f in device.findings]
        )
        assert set(changes) <= {Change.WORKS, Change.STILL, Change.NOTHING}
        assert device.change in (Change.WORKS, Change.STILL, Change.CANNOT_TELL)


def test_a_name_that_fails_is_not_repaired_by_other_names() -> None:
    fails = "1.0 dev > gw DNS? gk.sensorist.com A\n1.1 gw > dev DNS! gk.sensorist.com A rcode=3\n"
    old = report_of(f"0.0 dev > gw BOOT\n{fails}60.0 switch > * WATCH", device=MAC)
    other = report_of(
        "0.0 dev > gw BOOT\n1.0 dev > gw LOOKUP time.example A 10.9.9.9\n60.0 switch > * WATCH", HOUR, device=MAC
    )
    device = compared(old, other)
    names = {f.rule: f.change for f in device.findings if f.stage is Stage.DNS}
    assert set(names.values()) == {Change.CANNOT_TELL}, names
    assert stage_of(device, Stage.DNS) is Change.BETTER
    assert device.change is not Change.REPAIRED


CLOSED = f"""{BOOT}
1.1   dev > cloud:4321 CONNECT
1.2   dev > cloud:4321 EXCHANGE 120 60
2.0   dev > cloud:4321 DATA 120
2.03  cloud:4321 > dev ACK win=0
10.0  dev > cloud:4321 KEEPALIVE
10.03 cloud:4321 > dev ACK win=0
30.0  cloud:4321 > dev ACK
30.1  dev > cloud:4321 EXCHANGE 120 60
60.0  dev > cloud:4321 EXCHANGE 120 60
"""
"""The server's window stays closed for half a minute, then all goes on: the device is degraded."""


@pytest.mark.parametrize(("seconds", "change"), [(10, Change.CANNOT_TELL), (89, Change.REPAIRED)])
def test_what_comes_and_goes_is_repaired_only_in_a_capture_that_is_as_long(seconds: int, change: Change) -> None:
    end = START_NS + round((HOUR + seconds) * SECOND)
    later = report_of(green(), HOUR, lambda frames: [f for f in frames if f.time_ns <= end])
    device = compared(report_of(CLOSED), later)
    assert (device.before.verdict, device.after.verdict) == ("degraded", "healthy")
    assert {f.change for f in device.findings} == {change}
    assert (device.change is Change.REPAIRED) == (change is Change.REPAIRED)


def test_however_much_of_the_second_capture_there_is_the_answer_must_be_in_it(red: Report) -> None:
    frames = shifted(play_script(green()), round(HOUR * SECOND))
    answered = next(n for n, frame in enumerate(frames, 1) if frame.text.startswith("cloud:4321 > dev DATA"))
    for count in range(answered):
        seen = audit_frames(((f.time_ns, f.data, f.wire_len) for f in frames[:count]), AuditOptions())
        assert Change.REPAIRED not in {device.change for device in compare(red, seen).devices}, count


def test_the_states_of_a_rung_are_those_of_the_reports(red: Report) -> None:
    device = compared(red, report_of(green(), HOUR))
    rung = next(r for r in device.stages if r.stage is Stage.CONNECT)
    assert (rung.before, rung.after) == (State.FAILED, State.OK)
