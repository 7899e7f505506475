"""Of a capture with millions of packets the log is thinned: what is left of each device tells the same story."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.engine import run
from pcapaudit.scan import Bounds
from tests.lab.artefacts.original import load_original
from tests.lab.artefacts.table import ARTEFACTS, CLEAN
from tests.lab.scoring import audit_copy
from tests.lab.truth import Truth, read_folder
from tests.support.cases import Case, load_all
from tests.support.expect import find_device
from tests.support.trial import problems_in, report_on

CHECKOUT = Path(__file__).parents[2]
CAPTURES = [*read_folder(CHECKOUT / "samples"), *read_folder(CHECKOUT / "tests" / "lab" / "captures")]
MISSED = {
    "lab_network::half_of_all_requests_lost": "PATH-LOSS",
    "lab_network::link_lost_and_nothing_repeated": "LINK-FLAP",
    "persist::reports_then_silence": "SILENT-AFTER-OK",
}
"""Rules that look at the rhythm of plain packets, and the cases in which too few of them are left."""
MISSED_CAPTURES = {"sensorist-loose-cable"}
"""For LINK-FLAP, as above."""


@pytest.fixture(autouse=True)
def thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log for which a single conversation is too much."""
    monkeypatch.setattr(run, "Bounds", lambda: Bounds(thin_rows=16))


@pytest.mark.parametrize("case", [c for c in load_all() if c.id not in MISSED], ids=lambda case: case.id)
def test_a_case_stays_what_it_is(case: Case) -> None:
    assert problems_in(report_on(case), case) == []


@pytest.mark.parametrize("case", [c for c in load_all() if c.id in MISSED], ids=lambda case: case.id)
def test_what_cannot_be_seen_any_more_is_missed_and_accuses_nobody(case: Case) -> None:
    device = find_device(report_on(case), case.mac, case.address)
    assert device is not None
    assert device.verdict == "healthy"
    assert MISSED[case.id] not in {finding.rule for finding in device.findings}


@pytest.mark.parametrize("truth", [t for t in CAPTURES if t.name not in MISSED_CAPTURES], ids=lambda truth: truth.name)
def test_a_capture_of_the_lab_shows_the_same_truth(truth: Truth, tmp_path: Path) -> None:
    row = audit_copy(load_original(truth), ARTEFACTS[CLEAN], tmp_path)

    assert row is not None
    assert row.faults == []
