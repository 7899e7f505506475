"""The scan's counts beside those that tshark and tcpdump give for the shared example captures."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pcapaudit.capture import open_capture
from pcapaudit.model.errors import CaptureError
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.scan import ScanResult
from tests.scan.material import scan_batches

pytestmark = pytest.mark.needs_captures

ARP_NUMBERS = {"request": "1", "reply": "2"}

EXPLAINED: dict[str, tuple[dict[str, int | dict[str, int]], str]] = {
    "damaged/tcpdump__heapoverflow-tcp_print.pcap": (
        {"tcp_pairs": 1},
        "a fuzzed TCP header of 60 bytes, 30 of them captured: the ports are there, tshark opens no conversation",
    ),
    "dhcp-arp/zeek__arp-leak.pcap": (
        {"arp": {}},
        "hardware addresses of 255 bytes, or of another kind than Ethernet: counted as ARP, not listed",
    ),
    "encapsulation/arkime__vxlan.pcap": (
        {"udp_pairs": 0},
        "tshark counts the outer UDP of VXLAN, the innermost packets are ICMP and ARP",
    ),
    "encapsulation/dpkt__nb6-http.pcap": (
        {"tcp_pairs": 2, "syn": 2, "synack": 2},
        "one of three connections runs inside L2TP, which is not taken off",
    ),
    "encapsulation/suricata-verify__geneve-decoder__input.pcap": (
        {"udp_pairs": 0},
        "tshark counts the outer UDP of Geneve, the innermost packets are ICMP and ARP",
    ),
    "encapsulation/zeek__tunnels__geneve.pcap": (
        {"udp_pairs": 0},
        "tshark counts the outer UDP of Geneve",
    ),
    "encapsulation/zeek__tunnels__vxlan-encapsulated-http.pcap": (
        {"udp_pairs": 0},
        "tshark counts the outer UDP of VXLAN",
    ),
    "linktype/zeek__linux_dlt_sll2.pcap": (
        {"arp": {"1": 1}},
        "the other one is reverse ARP (type 0x8035), which tshark shows as ARP",
    ),
}
"""File -> what the scan counts instead, and why."""

UNLIKE_TIMES = {
    "damaged/tcpdump__timestamp_invalid_micro.pcap": (0, "the surplus microseconds carry over into the second"),
    "general/pcapplusplus__pcapng-example.pcapng": (2, "a time stamp beyond 63 bits of ns, which wraps to before 1970"),
    **{
        f"file-variant/pcapng-test-generator__output_{name}.pcapng": (
            0,
            "a simple packet block has no time: it carries that of the frame before, tshark prints 0",
        )
        for name in (
            "be__advanced__test100",
            "le__advanced__test100",
            "le__advanced__test101",
            "le__basic__test011",
            "le__basic__test016",
            "le__difficult__test201",
        )
    },
}
"""File -> steps back in time that the scan sees, and why tshark's list of times has another number."""


@cache
def scanned(folder: Path) -> dict[str, tuple[ScanResult, dict[str, Any]]]:
    """Scan every capture that can be opened, once for all tests."""
    truth = json.loads((folder / "truth.json").read_text("utf-8"))
    results = {}
    for name, facts in truth.items():
        try:
            results[name] = (scan_batches(open_capture(str(folder / name), notes=CaptureNotes())), facts)
        except CaptureError:
            assert facts["packets"] == 0, name
    return results


def arp_by_operation(facts: dict[str, Any]) -> dict[str, int]:
    return {ARP_NUMBERS.get(name, name): count for name, count in facts.get("arp", {}).items()}


def seen(result: ScanResult) -> dict[str, Any]:
    flags = result.rows["flags"]
    return {
        "tcp_pairs": result.counters["tcp_conversations"],
        "udp_pairs": result.counters["udp_conversations"],
        "syn": result.counters["tcp_syn"],
        "synack": int((flags & 0x12 == 0x12).sum()),
        "rst": int((flags & 4 == 4).sum()),
        "arp": dict(Counter(str(op) for op in result.arps["op"])),
    }


def told(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "tcp_pairs": facts["tcp_endpoint_pairs"],
        "udp_pairs": facts["udp_endpoint_pairs"],
        "syn": facts["tcp_syn"],
        "synack": facts["tcp_synack"],
        "rst": facts["tcp_rst"],
        "arp": arp_by_operation(facts),
    }


def is_fuzzed_arp(name: str) -> bool:
    """Tell the one file of random ARP whose forms tshark lists beyond Ethernet and IPv4."""
    return name == "damaged/tcpdump__arp-oobr.pcap"


def test_conversations_flags_and_arp_are_those_of_tshark_but_for_the_explained(shared_captures: Path) -> None:
    unlike = {}
    for name, (result, facts) in scanned(shared_captures).items():
        mine, theirs = seen(result), told(facts)
        unlike[name] = {key: mine[key] for key in mine if mine[key] != theirs[key]}
    found = {name: keys for name, keys in unlike.items() if keys and not is_fuzzed_arp(name)}
    assert found == {name: keys for name, (keys, _) in EXPLAINED.items()}


def test_frames_and_bytes_are_those_of_capinfos(shared_captures: Path) -> None:
    for name, (result, facts) in scanned(shared_captures).items():
        counters = result.counters
        mine = (counters["frames"], counters["wire_bytes"], counters["captured_bytes"], counters["truncated_frames"])
        assert mine == (facts["packets"], facts["bytes"], facts["captured_bytes"], facts["cut_packets"]), name


def test_steps_back_in_time_are_those_of_tshark_but_for_the_explained(shared_captures: Path) -> None:
    found = {
        name: result.oddities.backward.count
        for name, (result, facts) in scanned(shared_captures).items()
        if result.oddities.backward.count != facts["backward_timestamps"]
    }
    assert found == {name: count for name, (count, _) in UNLIKE_TIMES.items()}


def test_no_frame_of_a_known_link_type_stays_undecoded(shared_captures: Path) -> None:
    found = {name: result.undecoded_links for name, (result, _) in scanned(shared_captures).items()}
    assert {name: links for name, links in found.items() if links} == {
        "file-variant/pcapplusplus__microsecs_big_endian.pcap": {253: (13, 1)},
        "file-variant/python-pcapng__test006-fixed.ntar": {2: (1, 1)},
    }


def test_malformed_packets_are_found_in_the_damaged_captures_alone(shared_captures: Path) -> None:
    found = {
        name: {reason: len(kept.frames) for reason, kept in result.malformed.items()}
        for name, (result, _) in scanned(shared_captures).items()
        if result.malformed and not is_fuzzed_arp(name)
    }
    assert found == {
        "damaged/suricata-verify__ipv4-truncated__truncated.pcap": {"IP length beyond the frame": 1},
        "damaged/tcpdump__ipv4_invalid_hdr_length.pcap": {"IPv4 header length below 20": 1},
        "damaged/tcpdump__ipv4_invalid_length.pcap": {"IP header ends early": 1},
        "encapsulation/zeek__ipv6-mobility-dst-opts.pcap": {"IPv6 extension headers broken": 1},
    }


def test_every_frame_of_fuzzed_arp_is_counted(shared_captures: Path) -> None:
    result, facts = scanned(shared_captures)["damaged/tcpdump__arp-oobr.pcap"]
    counters = result.counters
    assert counters["arp"] + counters["no_ip"] + counters["ipv4"] + counters["ipv6"] == facts["packets"]
    listed = Counter(str(op) for op in result.arps["op"])
    assert all(listed[op] <= count for op, count in arp_by_operation(facts).items())
