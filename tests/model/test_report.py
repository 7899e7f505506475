"""The dataclasses against the report contract: its keys, written down here a second time."""

from __future__ import annotations

import dataclasses

import pytest

from pcapaudit.model import report
from pcapaudit.model.words import Stage

CONTRACT = {
    report.Report: "schema generator partial settings said captures devices",
    report.Generator: "name version scan",
    report.Settings: "params thresholds signatures",
    report.SignatureUse: "id sha256",
    report.Said: "led log",
    report.CaptureInfo: "source format files link_types snaplen first last counters health",
    report.CaptureFile: "source first_frame frames",
    report.Counters: "frames captured_bytes wire_bytes truncated_frames undecoded_frames malformed_packets arp ipv4"
    " ipv6 no_ip tcp udp icmp other tcp_conversations udp_conversations tcp_syn dns_queries dns_responses dns_rcodes",
    report.HealthItem: "rule state device summary frames effect advice",
    report.DeviceReport: "capture mac addresses maker vlan vantage signature vendor candidates identification"
    " identified_by verdict since next_step root_cause indicator stages needs findings",
    report.RootCause: "stage rule confidence",
    report.IndicatorState: "kind state source history",
    report.IndicatorChange: "at state",
    report.StageReport: "stage state summary frames reason",
    report.NeedReport: "id what required direction when group state result attempts first last frames stages endpoints",
    report.EndpointReport: "host address transport port state result attempts tries first last frames",
    report.FindingReport: "rule title severity outcome stage role confidence recovered_at summary remedy endpoint"
    " causes evidence facts",
    report.EndpointRef: "host address transport port",
    report.CauseReport: "cause weight because",
    report.EvidenceReport: "capture frames from_ to display_filter",
}


@pytest.mark.parametrize("kind", CONTRACT, ids=lambda kind: str(kind.__name__))
def test_keys_of_the_contract_come_first_and_in_its_order(kind: type) -> None:
    names = [field.name for field in dataclasses.fields(kind)]
    keys = CONTRACT[kind].split()
    assert names[: len(keys)] == keys


@pytest.mark.parametrize("kind", CONTRACT, ids=lambda kind: str(kind.__name__))
def test_keys_beyond_the_contract_have_a_default(kind: type) -> None:
    further = dataclasses.fields(kind)[len(CONTRACT[kind].split()) :]
    assert [field.name for field in further if field.default is dataclasses.MISSING] == []


def test_a_report_cannot_be_changed() -> None:
    root = report.RootCause(Stage.DNS, "DNS-NXDOMAIN", 85)
    with pytest.raises(dataclasses.FrozenInstanceError):
        root.confidence = 1  # type: ignore[misc]
