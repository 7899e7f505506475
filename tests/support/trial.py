"""A case on trial: its frames through the whole program, the report held against what the case says."""

from __future__ import annotations

from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit_frames
from pcapaudit.model.report import Report
from tests.support.cases import Case, Said
from tests.support.expect import differences, find_device, is_accusation


def report_on(case: Case) -> Report:
    """What the program says of a case."""
    return audit_frames(case.pcap_frames(), _ask(case.said))


def problems_in(report: Report, case: Case) -> list[str]:
    """What is said otherwise than it should be, a sentence each."""
    return differences(report, case.expectation, mac=case.mac, address=case.address) + _unwanted(report, case)


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
