from __future__ import annotations

from dataclasses import replace

import pytest

from pcapaudit.model.report import Report
from pcapaudit.report.compare import compare, words
from pcapaudit.report.compare.change import Change
from pcapaudit.report.compare.document import Comparison, DeviceChange
from tests.report.compare.scenes import BOOT, HOUR, MAC, RED, green, inward, report_of


@pytest.fixture(scope="module")
def red() -> Report:
    return report_of(RED)


def only(comparison: Comparison) -> DeviceChange:
    (device,) = comparison.devices
    return device


def test_the_mail_says_before_after_since_when_and_what_is_not_shown(red: Report) -> None:
    mail = words.say_mail(compare(red, report_of(green(), HOUR)))
    for part in (
        f"Sensorist / Oscar TempLog gateway ({MAC}, 10.0.0.5): It works again.",
        "2026-01-05 08:00:00 +00:00 to 08:01:00 +00:00): failed, LED: blinking red. No answer from gk.sensorist.com",
        "2026-01-05 09:00:00 +00:00 to 09:01:31 +00:00): healthy, LED: green.",
        "Works now: TCP 4321 to gk.sensorist.com, seen from 2026-01-05 09:00:01 +00:00 on (frame ",
        "Not shown by the second capture: TCP 443 to gk.sensorist.com.",
    ):
        assert part in mail
    assert "Still open" not in mail
    assert "\n" not in mail


def test_the_moment_at_which_a_failure_ended_is_told_as_such(red: Report) -> None:
    silent = "1.1 dev:50001 > cloud:4321 SYN\n2.1 dev:50001 > cloud:4321 SYN\n4.1 dev:50001 > cloud:4321 SYN\n"
    later = report_of(green(first=60.0).replace(BOOT, BOOT + silent), HOUR)
    (gain,) = words.list_gains(only(compare(red, later)))
    assert "since 2026-01-05 09:01:01 +00:00" in gain


def test_what_still_fails_is_open_with_its_tries(red: Report) -> None:
    device = only(compare(red, report_of(RED, HOUR)))
    (said,) = words.list_open(device)
    # Two connections to each port, as the script has them.
    assert "TCP 4321 to gk.sensorist.com: no answer, 2 attempts" in said
    assert "TCP 443 to gk.sensorist.com: no answer, 2 attempts" in said
    assert words.list_gains(device) == []
    assert words.say_device_change(device) == "It is as it was"


def test_a_rung_that_broke_is_open_with_what_was_seen_there(red: Report) -> None:
    asking = "".join(f"{t}.0 dev > * DHCP DISCOVER\n" for t in (0, 4, 12, 28, 60))
    device = only(compare(red, report_of(f"{asking}120.0 switch > * WATCH", HOUR, device=MAC)))
    (said,) = words.list_open(device)
    assert said.startswith("dhcp (worse than before): 5 DISCOVERs in 1 min")


def test_a_device_that_climbs_higher_and_fails_there_is_said_to() -> None:
    asking = "".join(f"{t}.0 dev > * DHCP DISCOVER\n" for t in (0, 4, 12, 28, 60))
    device = only(compare(report_of(f"{asking}120.0 switch > * WATCH", device=MAC), report_of(RED, HOUR)))
    assert words.say_device_change(device) == "It is as it was, but it gets an address now"


def test_a_capture_that_cannot_tell_claims_nothing(red: Report) -> None:
    device = only(compare(red, report_of(green(), HOUR, inward)))
    assert (words.list_gains(device), words.list_open(device)) == ([], [])
    assert words.list_unknown(device)[0].startswith("cloud connection (SEN-05): ")
    assert device.change is Change.CANNOT_TELL


def test_devices_that_work_as_before_share_a_sentence(red: Report) -> None:
    works = report_of(green())
    well = replace(works.devices[0], mac="02:00:0a:00:00:77", addresses=("10.0.0.77",))
    old, new = (replace(r, devices=(*r.devices, well)) for r in (red, report_of(green(), HOUR)))
    broken, fine = words.say_mail(compare(old, new)).split("\n\n")
    assert "It works again" in broken
    assert fine == "Works as before: Sensorist / Oscar TempLog gateway (02:00:0a:00:00:77, 10.0.0.77)."


def test_without_a_common_device_the_mail_says_so(red: Report) -> None:
    nobody = replace(report_of(green(), HOUR), devices=())
    mail = words.say_mail(compare(red, nobody))
    assert mail.startswith("No device is in both captures")
    assert f"In one capture alone: Sensorist / Oscar TempLog gateway ({MAC}, 10.0.0.5)." in mail


def test_a_file_is_named_without_its_folder_and_a_capture_may_be_empty(red: Report) -> None:
    side = compare(red, red).before[0]
    assert words.say_side(replace(side, source="/srv/x/a.pcap")).startswith("a.pcap, 2026-01-05 08:00:00")
    assert words.say_side(replace(side, source="a.pcap", first=None)) == "a.pcap, without a frame"
