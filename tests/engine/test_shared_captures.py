"""Captures of other projects: the report's counters against tshark's, and no accusation without a look by hand."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit
from pcapaudit.model.errors import CaptureError
from pcapaudit.model.report import Report
from pcapaudit.model.words import Severity

COUNTERS = {
    "frames": "packets",
    "captured_bytes": "captured_bytes",
    "wire_bytes": "bytes",
    "truncated_frames": "cut_packets",
    "tcp_conversations": "tcp_endpoint_pairs",
    "udp_conversations": "udp_endpoint_pairs",
    "tcp_syn": "tcp_syn",
    "dns_queries": "dns_queries",
    "dns_responses": "dns_responses",
    "dns_rcodes": "dns_rcodes",
}
"""Counter of the report -> key of truth.json that counts the same thing."""

OUTER = "tshark counts the outer UDP header of the tunnel as a conversation, the contract the innermost packet only"
DIFFERENCES: dict[tuple[str, str], tuple[int, int, str]] = {
    ("encapsulation/arkime__vxlan.pcap", "udp_conversations"): (0, 4, OUTER),
    ("encapsulation/suricata-verify__geneve-decoder__input.pcap", "udp_conversations"): (0, 4, OUTER),
    ("encapsulation/zeek__tunnels__geneve.pcap", "udp_conversations"): (0, 2, OUTER),
    ("encapsulation/zeek__tunnels__vxlan-encapsulated-http.pcap", "udp_conversations"): (0, 1, OUTER),
    ("encapsulation/dpkt__nb6-http.pcap", "tcp_conversations"): (
        2,
        3,
        "the third runs over IPv6 in PPP in L2TP (frame 53)",
    ),
    ("encapsulation/dpkt__nb6-http.pcap", "tcp_syn"): (
        2,
        3,
        "the SYN of frame 53 lies inside L2TP, which is not taken off",
    ),
    ("damaged/tcpdump__heapoverflow-tcp_print.pcap", "tcp_conversations"): (
        1,
        0,
        "the ports are captured, the rest of the TCP header is not (frame 1)",
    ),
}
"""(file, counter) -> what we count, what tshark counts, and why."""

POOR_LEASE = "the DISCOVER asks for options 1, 3, 6 and 42 (frame 1), the ACK gives mask and times alone (frame 4)"
ONE_DHCP_TRACE = (
    "file-variant/pcapng-test-generator__output_be__advanced__test100.pcapng",
    "file-variant/pcapng-test-generator__output_be__basic__test001.pcapng",
    "file-variant/pcapng-test-generator__output_be__basic__test010.pcapng",
    "file-variant/pcapng-test-generator__output_le__advanced__test100.pcapng",
    "file-variant/pcapng-test-generator__output_le__basic__test001.pcapng",
    "file-variant/pcapng-test-generator__output_le__basic__test010.pcapng",
    "file-variant/pcapng-test-generator__output_le__basic__test011.pcapng",
    "file-variant/pcapng-test-generator__output_le__basic__test016.pcapng",
    "file-variant/wireshark__dhcp-nanosecond.pcap",
    "file-variant/wireshark__dhcp-nanosecond.pcapng",
)
"""The same four DHCP frames in ten file forms."""
MIXED = "dhcp-arp/ipfixprobe__mixed.pcap"
LOOKED_AT: dict[tuple[str, str], str] = {
    **{(name, rule): POOR_LEASE for name in ONE_DHCP_TRACE for rule in ("DHCP-NO-ROUTER", "DHCP-NO-DNS")},
    (
        MIXED,
        "ICMP-UNREACH",
    ): "the PC's router answers every question to 8.8.4.4 with network unreachable (frames 106 on)",
    (MIXED, "DHCP-NO-ROUTER"): "that router itself got a lease without option 3 (frame 200), so it has no way out",
    (MIXED, "DHCP-NO-DNS"): "nor does the lease name a resolver (frame 200)",
    (MIXED, "DNS-NO-REPLY"): "the PC's questions to 8.8.4.4 are repeated and never answered (frames 122 on)",
    ("dhcp-arp/tcpdump__eapon1.pcap", "DHCP-NO-OFFER"): "eight DISCOVERs with growing gaps, no server speaks",
    ("dns/suricata-verify__flow-drop-iponly-02__input.pcap", "DNS-SERVFAIL"): "the only name asked fails three times",
    (
        "iot-boot/testrun__dns__captures__dns_no_dns__monitor.pcap",
        "DHCP-NO-OFFER",
    ): "this MAC gets no OFFER in four minutes, another client of the same server gets its lease (frame 111)",
    (
        "iot-boot/testrun__dns__captures__dns_no_dns__monitor.pcap",
        "LINK-NOT-HEARD",
    ): "twelve DHCP messages and nine router solicitations of that MAC, no frame back; others are told (frame 105)",
}
"""(file, rule) -> why a finding of severity error on it is right, after a look at the frames."""


@pytest.fixture(scope="module")
def truth(shared_captures: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads((shared_captures / "truth.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def reports(shared_captures: Path, truth: dict[str, dict[str, Any]]) -> dict[str, Report]:
    """Every readable file, audited once; a file that is no capture must be refused as one."""
    found: dict[str, Report] = {}
    for name in truth:
        try:
            found[name] = audit([str(shared_captures / name)], AuditOptions())
        except CaptureError as error:
            assert error.path.endswith(name.rsplit("/", 1)[1])
    return found


def test_only_files_that_other_tools_refuse_as_well_are_refused(
    truth: dict[str, dict[str, Any]], reports: dict[str, Report]
) -> None:
    refused = {name for name in truth if name not in reports}

    assert {name for name in refused if truth[name]["packets"]} == set()


def test_the_counters_are_those_of_tshark(truth: dict[str, dict[str, Any]], reports: dict[str, Report]) -> None:
    found: dict[tuple[str, str], tuple[Any, Any]] = {}
    for name, report in reports.items():
        ours = asdict(report.captures[0].counters)
        for counter, key in COUNTERS.items():
            # The response codes alone may be missing: where there is no response.
            theirs = truth[name].get(key, {})
            if ours[counter] != theirs:
                found[name, counter] = (ours[counter], theirs)

    assert found == {key: (ours, theirs) for key, (ours, theirs, _) in DIFFERENCES.items()}


def test_every_frame_is_counted_once_by_its_innermost_packet(reports: dict[str, Report]) -> None:
    for name, report in reports.items():
        c = report.captures[0].counters
        assert c.arp + c.ipv4 + c.ipv6 + c.no_ip == c.frames, name
        assert c.tcp + c.udp + c.icmp + c.other == c.ipv4 + c.ipv6, name


def test_every_accusation_was_looked_at_by_hand(reports: dict[str, Report]) -> None:
    accused = {
        (name, finding.rule)
        for name, report in reports.items()
        for device in report.devices
        for finding in device.findings
        if finding.severity is Severity.ERROR
    }

    assert accused == set(LOOKED_AT)
