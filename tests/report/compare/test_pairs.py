from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pcapaudit.model.report import DeviceReport, Report
from pcapaudit.report.compare.pairs import MatchedBy, find_named, pair_devices
from tests.report.compare.scenes import ADDRESS, MAC, RED, report_of


@pytest.fixture(scope="module")
def red() -> Report:
    return report_of(RED)


def known_as(report: Report, **changes: Any) -> Report:
    """The report whose one device has other names."""
    return replace(report, devices=(replace(report.devices[0], **changes),))


def both(before: Report, after: Report) -> list[tuple[DeviceReport, DeviceReport, MatchedBy]]:
    return [(pair.before, pair.after, pair.matched_by) for pair in pair_devices(before, after).both]


def test_a_mac_is_the_same_device_whatever_its_address(red: Report) -> None:
    moved = known_as(red, addresses=("10.0.0.99",))
    assert both(red, moved) == [(red.devices[0], moved.devices[0], MatchedBy.MAC)]


def test_where_one_side_shows_no_mac_address_and_product_decide(red: Report) -> None:
    outside = known_as(red, mac=None)
    assert [by for *_, by in both(red, outside)] == [MatchedBy.ADDRESS]
    assert both(red, known_as(red, mac=None, signature="tek/pool-ems")) == []
    assert both(red, known_as(red, mac=None, addresses=("10.0.0.6",))) == []


def test_two_macs_with_one_address_are_two_devices(red: Report) -> None:
    pairs = pair_devices(red, known_as(red, mac="02:ee:ee:00:00:01"))
    assert (pairs.both, len(pairs.only_before), len(pairs.only_after)) == ((), 1, 1)


def test_a_device_is_never_half_of_two_pairs(red: Report) -> None:
    device = red.devices[0]
    first, second = replace(device, mac=None), replace(device, mac=None, addresses=(ADDRESS, "10.0.0.6"))
    pairs = pair_devices(replace(red, devices=(first, second)), red)
    assert (len(pairs.both), len(pairs.only_before), len(pairs.only_after)) == (1, 1, 0)


def test_of_several_captures_of_a_device_the_latest_is_taken(red: Report) -> None:
    later = replace(red.captures[0], first="2026-01-05T09:00:00.000000Z")
    again = replace(red.devices[0], capture=1, summary="later")
    long = replace(red, captures=(red.captures[0], later), devices=(again, red.devices[0]))
    (pair,) = pair_devices(long, red).both
    assert pair.before is again


@pytest.mark.parametrize("name", [MAC, MAC.upper().replace(":", "-"), "0200.0a00.0005", ADDRESS])
def test_a_device_is_found_by_any_spelling_of_its_name(red: Report, name: str) -> None:
    assert find_named(red, name) is red.devices[0]
    assert len(pair_devices(red, red, [name]).both) == 1


def test_a_name_that_only_one_report_knows_pairs_nothing(red: Report) -> None:
    pairs = pair_devices(red, known_as(red, mac=None, addresses=()), [MAC])
    assert (pairs.both, len(pairs.only_before), pairs.only_after) == ((), 1, ())
    assert pair_devices(red, red, ["10.9.9.9"]).only_before == ()
