"""A whole audit grows with the capture and no faster, also where somebody floods the wire with one thing."""

from __future__ import annotations

import pytest

from pcapaudit.engine import run
from pcapaudit.engine.options import AuditOptions
from pcapaudit.report.document import to_json
from tests.support.floods import FLOODS, timed
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
