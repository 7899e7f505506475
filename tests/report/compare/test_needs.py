from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pcapaudit.model.report import DeviceReport, EndpointReport, NeedReport
from pcapaudit.model.words import Result, Stage, State
from pcapaudit.report.compare.change import Change
from pcapaudit.report.compare.document import NeedChange
from pcapaudit.report.compare.needs import compare_needs, index_of
from tests.report.compare.scenes import RED, green, report_of


@pytest.fixture(scope="module")
def red() -> DeviceReport:
    return report_of(RED).devices[0]


@pytest.fixture(scope="module")
def works() -> DeviceReport:
    return report_of(green()).devices[0]


def with_need(device: DeviceReport, **changes: Any) -> DeviceReport:
    """The device whose need SEN-05 is another."""
    needs = tuple(replace(n, **changes) if n.id == "SEN-05" else n for n in device.needs)
    return replace(device, needs=needs)


def need_of(device: DeviceReport) -> NeedReport:
    return next(need for need in device.needs if need.id == "SEN-05")


def compared(old: DeviceReport, new: DeviceReport, *, is_long: bool = True) -> NeedChange:
    return next(need for need in compare_needs(old, new, index_of(old, new), is_long=is_long) if need.id == "SEN-05")


def far(address: str, state: State, host: str | None = "gk.sensorist.com") -> EndpointReport:
    moment = "2026-01-05T08:00:01.000000Z"
    return EndpointReport(host, address, "tcp", 4321, state, "works", 1, 1, moment, moment, (7,))


def test_a_need_that_the_second_report_does_not_have_cannot_be_told(red: DeviceReport) -> None:
    need = compared(red, replace(red, needs=()))
    assert (need.change, need.reason) == (Change.CANNOT_TELL, "the second report does not judge it")


def test_a_need_that_was_not_tried_again_says_so(red: DeviceReport) -> None:
    idle = with_need(red, state=State.NOT_OBSERVED, result=Result.NOT_ATTEMPTED, endpoints=(), attempts=0)
    need = compared(red, idle)
    assert (need.change, need.reason, need.since) == (Change.CANNOT_TELL, "not tried in the second capture", None)


def test_a_connection_that_was_lost_needs_a_capture_as_long_to_be_called_repaired(works: DeviceReport) -> None:
    stages = tuple(
        replace(rung, state=State.FAILED) if rung.stage is Stage.PERSIST else rung for rung in need_of(works).stages
    )
    lost = with_need(works, state=State.FAILED, stages=stages)
    assert compared(lost, works, is_long=True).change is Change.REPAIRED
    assert compared(lost, works, is_long=False).change is Change.CANNOT_TELL


def test_addresses_behind_one_name_are_one_far_side(red: DeviceReport) -> None:
    old = with_need(red, endpoints=(far("54.229.203.190", State.FAILED), far("54.229.68.147", State.FAILED)))
    new = with_need(red, endpoints=(far("54.229.68.147", State.OK),))
    (side,) = compared(old, new).far_sides
    assert (side.host, side.port, side.change) == ("gk.sensorist.com", 4321, Change.REPAIRED)
    assert side.before is not None
    assert side.before.addresses == ("54.229.203.190", "54.229.68.147")


def test_a_name_of_which_one_address_works_is_better_and_not_repaired(red: DeviceReport) -> None:
    old = with_need(red, endpoints=(far("54.229.203.190", State.FAILED),))
    new = with_need(red, endpoints=(far("54.229.203.190", State.FAILED), far("54.229.68.147", State.OK)))
    (side,) = compared(old, new).far_sides
    assert side.change is Change.BETTER


def test_an_address_without_a_name_goes_by_the_one_name_that_the_other_capture_shows(red: DeviceReport) -> None:
    named, bare = far("54.229.203.190", State.FAILED), far("54.229.203.190", State.OK, host=None)
    old, new = with_need(red, endpoints=(named,)), with_need(red, endpoints=(bare,))
    assert [side.change for side in compared(old, new).far_sides] == [Change.REPAIRED]


def test_an_address_of_two_names_stands_for_neither(red: DeviceReport) -> None:
    other = far("54.229.203.190", State.FAILED, host="gk.sensorist.net")
    device = with_need(red, endpoints=(far("54.229.203.190", State.FAILED), other))
    index = index_of(device, device)
    assert index.names == {}
    assert index.key(far("54.229.203.190", State.OK, host=None)) == ("54.229.203.190", "tcp", 4321)
