"""The frame builders, held against dpkt and against the examples that the standards print."""

from __future__ import annotations

import struct

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import wire

HERE, THERE = bytes([10, 0, 0, 5]), bytes([192, 0, 2, 7])
HERE6, THERE6 = bytes.fromhex("20010db8" + "00" * 11 + "05"), bytes.fromhex("26001f18" + "00" * 11 + "40")
MAC = bytes.fromhex("02000a000005")
OTHER_MAC = bytes.fromhex("02000a000001")


def test_checksum_is_the_complement_of_the_sum_that_rfc_1071_works_out() -> None:
    assert wire.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


@given(st.binary(max_size=200))
def test_data_followed_by_its_checksum_sums_to_nothing(data: bytes) -> None:
    even = data + bytes(len(data) % 2)

    assert wire.checksum(even + struct.pack(">H", wire.checksum(even))) == 0


def test_a_short_frame_is_padded_to_the_smallest_that_ethernet_carries() -> None:
    assert len(wire.ethernet(MAC, OTHER_MAC, wire.ETHER_ARP, bytes(28))) == 60


@pytest.mark.parametrize("ends", [(HERE, THERE), (HERE6, THERE6)], ids=["v4", "v6"])
@given(body=st.binary(max_size=100))
def test_dpkt_computes_the_same_udp_packet(ends: tuple[bytes, bytes], body: bytes) -> None:
    ours = wire.ip(*ends, wire.UDP, wire.udp(*ends, (30000, 8844), body), ip_id=7)

    datagram = dpkt.udp.UDP(sport=30000, dport=8844, data=body, ulen=8 + len(body))
    assert ours == _dpkt_packet(ends, wire.UDP, datagram)


@pytest.mark.parametrize("ends", [(HERE, THERE), (HERE6, THERE6)], ids=["v4", "v6"])
@given(seq=st.integers(0, 2**32 - 1), body=st.binary(max_size=60), flags=st.integers(0, 63))
def test_dpkt_computes_the_same_tcp_packet(ends: tuple[bytes, bytes], seq: int, body: bytes, flags: int) -> None:
    segment = wire.tcp(*ends, (50000, 443), body, seq=seq, ack=9, flags=flags, window=1000)

    theirs = dpkt.tcp.TCP(sport=50000, dport=443, seq=seq, ack=9, flags=flags, win=1000, data=body)
    assert wire.ip(*ends, wire.TCP, segment, ip_id=7) == _dpkt_packet(ends, wire.TCP, theirs)


def _dpkt_packet(ends: tuple[bytes, bytes], proto: int, inner: dpkt.Packet) -> bytes:
    if len(ends[0]) == 16:
        packet = dpkt.ip6.IP6(src=ends[0], dst=ends[1], nxt=proto, hlim=64, plen=len(inner), data=inner)
        packet.extension_hdrs = {}
        return bytes(packet)
    return bytes(dpkt.ip.IP(src=ends[0], dst=ends[1], p=proto, id=7, df=1, ttl=64, data=inner))


def test_dpkt_reads_the_options_of_a_syn() -> None:
    segment = dpkt.tcp.TCP(wire.tcp(HERE, THERE, (1, 2), seq=5, flags=wire.SYN, options=wire.syn_options(1400)))

    options = dict(dpkt.tcp.parse_opts(segment.opts))

    assert options[dpkt.tcp.TCP_OPT_MSS] == struct.pack(">H", 1400)
    assert options[dpkt.tcp.TCP_OPT_SACKOK] == b""
    assert options[dpkt.tcp.TCP_OPT_WSCALE] == b"\x07"


def test_a_routed_packet_differs_in_ttl_and_checksum_alone() -> None:
    packet = wire.ip(HERE, THERE, wire.UDP, wire.udp(HERE, THERE, (1, 2), b"x"), ttl=64, ip_id=3)

    further = dpkt.ip.IP(wire.routed(packet, hops=2))

    assert further.ttl == 62
    assert wire.checksum(wire.routed(packet, hops=2)[:20]) == 0
    assert bytes(further.data) == packet[20:]


def test_an_error_quotes_the_header_and_eight_bytes() -> None:
    packet = wire.ip(HERE, THERE, wire.UDP, wire.udp(HERE, THERE, (30000, 8844), b"payload"), ip_id=3)

    proto, body = wire.icmp_error(THERE, HERE, 3, 13, quoted=packet, rest=bytes(4))
    message = dpkt.icmp.ICMP(body)

    assert (proto, message.type, message.code, wire.checksum(body)) == (wire.ICMP, 3, 13, 0)
    assert body[8:] == packet[:28]


def test_dpkt_reads_an_arp_request_behind_a_vlan_tag() -> None:
    request = wire.arp(1, (MAC, HERE), (bytes(6), THERE))

    frame = dpkt.ethernet.Ethernet(wire.ethernet(wire.BROADCAST_MAC, MAC, wire.ETHER_ARP, request, vlan=20))

    assert frame.vlan_tags[0].id == 20
    assert (frame.data.op, frame.data.spa, frame.data.tpa) == (dpkt.arp.ARP_OP_REQUEST, HERE, THERE)


def test_dpkt_reads_a_cooked_frame() -> None:
    packet = wire.ip(HERE, THERE, wire.UDP, wire.udp(HERE, THERE, (1, 2), b"x"))

    frame = dpkt.sll.SLL(wire.cooked(MAC, wire.ETHER_IPV4, packet))

    assert (frame.hdr[:6], frame.ethtype, frame.data.dst) == (MAC, wire.ETHER_IPV4, THERE)
