"""DNS, DHCP and NTP messages, read back by dpkt."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import dpkt
import pytest

from tests.support.wire_services import Dhcp, Dns, Record, dhcp, dns, name_bytes, ntp, ntp_time


def test_a_name_is_labels_with_their_lengths() -> None:
    assert name_bytes("gk.sensorist.com") == b"\x02gk\x09sensorist\x03com\x00"


def test_dpkt_reads_an_answer_with_alias_and_address() -> None:
    records = (Record("a.example", "CNAME", "b.example"), Record("b.example", "A", "192.0.2.7", ttl=30))

    message = dpkt.dns.DNS(dns("a.example", "A", Dns(id=77, is_response=True, answers=records)))

    assert (message.id, message.qr, message.rcode, message.qd[0].name) == (77, 1, 0, "a.example")
    assert message.an[0].cname == "b.example"
    assert (message.an[1].ip, message.an[1].ttl) == (ip_address("192.0.2.7").packed, 30)


@pytest.mark.parametrize(
    ("message", "counts"),
    [
        (Dns(id=1), (1, 0, 0, 0)),
        (Dns(id=1, has_edns=True), (1, 0, 0, 1)),
        (Dns(id=1, is_response=True, rcode=3, has_soa=True), (1, 0, 1, 0)),
        (Dns(id=1, is_response=True, ede=15), (1, 0, 0, 1)),
    ],
)
def test_the_header_counts_what_follows(message: Dns, counts: tuple[int, int, int, int]) -> None:
    assert struct.unpack(">4H", dns("a.example", "A", message)[4:12]) == counts


def test_an_extended_error_is_option_15_with_its_code() -> None:
    assert dns("a.example", "A", Dns(id=1, is_response=True, ede=22)).endswith(struct.pack(">HHH", 15, 2, 22))


def test_dpkt_reads_a_dhcp_offer() -> None:
    mac = bytes.fromhex("02000a000005")
    options = ((54, bytes([10, 0, 0, 1])), (3, bytes([10, 0, 0, 1])))

    message = dpkt.dhcp.DHCP(dhcp(Dhcp(kind=2, xid=99, chaddr=mac, yiaddr=bytes([10, 0, 0, 5]), options=options)))

    assert (message.op, message.xid, message.chaddr[:6], message.yiaddr) == (2, 99, mac, 0x0A000005)
    assert dict(message.opts)[53] == b"\x02"
    assert dict(message.opts)[3] == bytes([10, 0, 0, 1])


def test_ntp_counts_seconds_from_1900() -> None:
    assert struct.unpack(">II", ntp_time(1_500_000_000)) == (2_208_988_800 + 1, 2**31)


def test_dpkt_reads_an_ntp_answer() -> None:
    stamps = [bytes([n]) * 8 for n in (1, 2, 3, 4)]

    message = dpkt.ntp.NTP(ntp(4, stamps, stratum=2, leap=3, refid=b"RATE"))

    assert (message.mode, message.v, message.li, message.stratum, message.id) == (4, 4, 3, 2, b"RATE")
    assert (message.originate_time, message.transmit_time) == (stamps[1], stamps[3])
