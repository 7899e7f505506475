"""A whole audit grows with the capture and no faster, also where somebody floods the wire with one thing."""

from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules.connect import MAX_SERIES
from pcapaudit.diagnose.rules.rivals import MAX_RIVALS
from pcapaudit.engine import run
from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.report import FindingReport
from pcapaudit.report.document import to_json
from tests.scan.material import DEVICE, GATEWAY, A
from tests.support.floods import FLOODS, RESOLVER, arp, mac, timed
from tests.support.work import Work, measure

UNITS = 25
BEYOND_BOUNDS = 110
BOUNDED = {"SYNs to many servers, each repeated", "many that claim one address"}
"""Floods of which a bound (100) takes off what would grow with the square; they are larger than the bound."""
GROWTH = 5.0

pytestmark = pytest.mark.slow


def work_of(frames: list[bytes]) -> Work:
    return measure(lambda _data: to_json(run.audit_frames(timed(frames), AuditOptions(all_devices=True))), b"")


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """Load what an audit loads once, outside what is counted."""
    run.audit_frames(timed(FLOODS["questions for one name"](2)), AuditOptions(all_devices=True))


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_costs_no_more_than_its_length(name: str) -> None:
    units = BEYOND_BOUNDS if name in BOUNDED else UNITS
    small, large = (work_of(FLOODS[name](count)) for count in (units, 4 * units))

    assert large.lines <= GROWTH * small.lines + 20_000


def findings_of(frames: list[bytes], rule: str) -> list[FindingReport]:
    report = run.audit_frames(timed(frames), AuditOptions(device="02:00:00:00:00:05"))
    return [finding for device in report.devices for finding in device.findings if finding.rule == rule]


def test_a_device_that_scans_gets_a_bounded_number_of_findings() -> None:
    found = findings_of(FLOODS["SYNs to many servers, each repeated"](150), "TCP-SYN-TIMEOUT")

    assert 1 <= len(found) <= MAX_SERIES


def test_of_many_rivals_for_an_address_some_are_named_and_the_rest_is_counted() -> None:
    frames = [
        arp(1, DEVICE, A, bytes(6), RESOLVER),
        *(arp(2, mac(100 + number), A, GATEWAY, A) for number in range(30)),
    ]

    (found,) = findings_of(frames * 2, "ARP-DUP-IP")
    assert found.summary.count(":") == 5 * MAX_RIVALS
    assert "and 20 others" in found.summary
