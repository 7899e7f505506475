"""The damaged files of other projects: what each must give, a sentence that refuses it or the report of what is there.

What is wrong with a file was looked at by hand and is said beside it; frames and cut frames are those of capinfos.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit
from pcapaudit.model.errors import CaptureError
from pcapaudit.model.report import CaptureInfo

pytestmark = pytest.mark.needs_captures

REFUSED = {
    "libpcap__pcap-invalid-version-1.pcap": "no readable pcap header: pcap version 1.4; only version 2 can be read",
    "libpcap__pcapng-invalid-vers-1.pcapng": (
        "no readable pcapng header: a section of pcapng version 0.1; only version 1 can be read"
    ),
    # The option claims 12,336 bytes of "0"; so does the block's second length, 0x30303030.
    "libpcap__shb-option-too-long.pcapng": (
        "no readable pcapng header: a block's two lengths differ (52 and 808464432)"
    ),
}
"""File -> why it is no capture; tshark refuses the same three."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the report says of a file that can be read."""

    health: frozenset[str] = frozenset()
    """Rules of the capture's health beside those of any short capture without a known device."""
    malformed: str | None = None
    """Reason of its one malformed packet."""
    breaks_off: str | None = None


def _told(*health: str, malformed: str | None = None, breaks_off: str | None = None) -> Told:
    return Told(frozenset(health), malformed, breaks_off)


OF_ANY_SHORT_CAPTURE = {"CAP-WRONG-DEVICE", "CAP-TOO-SHORT"}

READ: dict[str, Told] = {
    # Frame 1: 84 bytes captured of 68 on the wire. Both numbers are kept, nothing is cut.
    "brimcap__bad-caplen.pcap": _told("CAP-ENCAP"),
    # Frame 1: 200 of 238 bytes, the DNS answer ends inside its records.
    "dpkt__truncated_dns.pcap": _told("CAP-SNAPLEN"),
    # Frame 1 alike; behind it 7 bytes of a second record's header.
    "dpkt__truncated_dns_2.pcap": _told(
        "CAP-SNAPLEN", "CAP-TRUNCATED-FILE", breaks_off="byte 240: it is cut short: 7 of at least 16 bytes are there"
    ),
    # Names of far more than 255 bytes in whole datagrams: unreadable, and counted (see the last test).
    "ndpi__malformed_dns.pcap": _told(),
    # ICMP type 165, which does not exist.
    "ndpi__malformed_icmp.pcap": _told(),
    # The file is whole (its blocks end with its last byte); it was too long for one parser's buffer.
    "pcap-parser__err-buffertoosmall.pcapng": _told("CAP-OFFLOAD-CSUM"),
    # Frame 1: the IP header says 65,028 bytes, 1,516 follow the Ethernet header, and nothing was cut.
    "suricata-verify__ipv4-truncated__truncated.pcap": _told(
        "CAP-MALFORMED", "CAP-OFFLOAD-BIG", malformed="IP length beyond the frame"
    ),
    # 2,282 ARP packets with random fields: hardly one is answered, so the port is doubted, no host accused.
    "tcpdump__arp-oobr.pcap": _told("CAP-WRONG-PORT"),
    # A question whose compression pointers never end, outside its datagram: the UDP length is 8. Dated 2000.
    "tcpdump__dns-zlip-1.pcap": _told("CAP-CLOCK-JUMP"),
    # 64 bytes of 262,144, most of them "0"; dated 1995.
    "tcpdump__heapoverflow-tcp_print.pcap": _told("CAP-CLOCK-JUMP", "CAP-SNAPLEN", "CAP-OFFLOAD-BIG"),
    "tcpdump__ipv4_invalid_hdr_length.pcap": _told("CAP-MALFORMED", malformed="IPv4 header length below 20"),
    "tcpdump__ipv4_invalid_length.pcap": _told("CAP-MALFORMED", malformed="IP header ends early"),
    # Microseconds above 999,999 carry over into the second: half an hour between a segment and its acknowledgment.
    "tcpdump__timestamp_invalid_micro.pcap": _told("CAP-CLOCK-JUMP", "CAP-ENCAP"),
    # A snap length of 68 ends inside the TCP options: what the capture lacks is no packet's fault. Dated 2004.
    "zeek__tcp__truncated-header.pcap": _told("CAP-CLOCK-JUMP", "CAP-SNAPLEN"),
    "zeek__trunc__icmp-header-trunc.pcap": _told("CAP-SNAPLEN"),
    "zeek__trunc__ip4-trunc.pcap": _told("CAP-SNAPLEN"),
    "zeek__trunc__trunc-hdr.pcap": _told("CAP-SNAPLEN"),
}
LONG_ENOUGH = {"tcpdump__arp-oobr.pcap"}
"""Files whose frames span more than the few seconds that CAP-TOO-SHORT asks for."""


@pytest.fixture(scope="module")
def truth(shared_captures: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads((shared_captures / "truth.json").read_text(encoding="utf-8"))
    return {name.removeprefix("damaged/"): facts for name, facts in found.items() if name.startswith("damaged/")}


def describe(shared_captures: Path, name: str) -> CaptureInfo:
    report = audit([str(shared_captures / "damaged" / name)], AuditOptions())
    assert report.devices == ()
    return report.captures[0]


def test_every_damaged_file_is_in_one_of_the_two_tables(truth: dict[str, dict[str, Any]]) -> None:
    assert sorted(truth) == sorted([*REFUSED, *READ])
    assert {name for name, facts in truth.items() if not facts["packets"]} == set(REFUSED)


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_without_a_readable_header_is_refused_with_what_stands_there(shared_captures: Path, name: str) -> None:
    with pytest.raises(CaptureError) as raised:
        describe(shared_captures, name)

    assert raised.value.reason == REFUSED[name]
    assert raised.value.offset == 0


@pytest.mark.parametrize("name", READ)
def test_every_frame_of_a_damaged_file_is_in_its_report(
    shared_captures: Path, truth: dict[str, dict[str, Any]], name: str
) -> None:
    counters = describe(shared_captures, name).counters

    assert (counters.frames, counters.truncated_frames) == (truth[name]["packets"], truth[name]["cut_packets"])
    assert (counters.captured_bytes, counters.wire_bytes) == (truth[name]["captured_bytes"], truth[name]["bytes"])


@pytest.mark.parametrize("name", READ)
def test_the_health_of_a_damaged_file_says_what_is_wrong_with_it(shared_captures: Path, name: str) -> None:
    told, info = READ[name], describe(shared_captures, name)
    summaries = {item.rule: item.summary for item in info.health}

    expected = told.health | OF_ANY_SHORT_CAPTURE - ({"CAP-TOO-SHORT"} if name in LONG_ENOUGH else set())
    assert set(summaries) == expected
    assert (told.malformed or "") in summaries.get("CAP-MALFORMED", "")
    assert info.counters.malformed_packets == (told.malformed is not None)
    assert (told.breaks_off or "") in summaries.get("CAP-TRUNCATED-FILE", "")


def test_dns_that_cannot_be_read_past_its_header_is_counted_as_tshark_counts_it(
    shared_captures: Path, truth: dict[str, dict[str, Any]]
) -> None:
    for name in ("ndpi__malformed_dns.pcap", "tcpdump__dns-zlip-1.pcap", "dpkt__truncated_dns.pcap"):
        counters = describe(shared_captures, name).counters
        assert counters.dns_queries == truth[name]["dns_queries"], name
        assert counters.dns_responses == truth[name]["dns_responses"], name
