"""Every case of this folder, through the whole program: frames in, report out, held against what the catalogue says."""

from __future__ import annotations

import pytest

from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit_frames
from pcapaudit.model.report import Report
from tests.support.cases import Case, Said, load_all
from tests.support.expect import differences, find_device, is_accusation

CASES = load_all()


def _ask(said: Said) -> AuditOptions:
    return AuditOptions(
        signature=said.signature,
        device=said.device,
        all_devices=said.all_devices,
        params=said.params,
        thresholds=said.thresholds,
        led=said.led,
        log=said.log,
    )


def _unwanted(report: Report, case: Case) -> list[str]:
    """Sentences on rules that the case says must keep quiet, or must at most remark."""
    device = find_device(report, case.mac, case.address)
    findings = device.findings if device else ()
    quiet = [f"{f.rule} must keep quiet: {f.summary}" for f in findings if f.rule in case.quiet_for]
    return quiet + [
        f"{f.rule} fell into the trap: {f.summary}" for f in findings if f.rule in case.trap_for and is_accusation(f)
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_report_says_what_the_catalogue_says(case: Case) -> None:
    report = audit_frames(case.pcap_frames(), _ask(case.said))

    problems = differences(report, case.expectation, mac=case.mac, address=case.address) + _unwanted(report, case)

    assert not problems, "\n".join(["", *problems, "", case.listing()])
