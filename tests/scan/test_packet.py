from __future__ import annotations

import struct

import pytest

from pcapaudit.scan.columns import REASONS, Fragment, Kind, Oddity, Tunnel
from tests.scan.material import ACK, DEVICE, GATEWAY, PSH, SYN, A, B, eth, ip4, ip6, scan, sent, tag, tcp, udp

INNER = ip4(udp(b"inner", sport=1111, dport=2222), src=bytes([192, 168, 0, 1]), dst=bytes([192, 168, 0, 2]))
INNER_FRAME = eth(INNER, src=b"\x0a" * 6, dst=b"\x0b" * 6)
VXLAN = b"\x08\0\0\0\0\0\x2a\0"
GENEVE = bytes.fromhex("0000655800002a00")
ERSPAN2 = bytes.fromhex("1007000000000000")
ERSPAN3 = bytes.fromhex("200700000000000000000000")


def gre(proto: int, payload: bytes, *, marks: int = 0, extra: bytes = b"") -> bytes:
    return struct.pack(">HH", marks, proto) + extra + payload


TUNNELS = {
    "IPv4 in IPv4": (ip4(INNER, 4), Tunnel.IP_IN_IP),
    "VXLAN": (ip4(udp(VXLAN + INNER_FRAME, dport=4789)), Tunnel.VXLAN),
    "Geneve": (ip4(udp(GENEVE + INNER_FRAME, dport=6081)), Tunnel.GENEVE),
    "Geneve with options": (ip4(udp(b"\x02" + GENEVE[1:] + bytes(8) + INNER_FRAME, dport=6081)), Tunnel.GENEVE),
    "Geneve with IPv4": (ip4(udp(b"\0\0\x08\0\0\0\0\0" + INNER, dport=6081)), Tunnel.GENEVE),
    "GRE": (ip4(gre(0x0800, INNER), 47), Tunnel.GRE),
    "GRE with checksum, key and sequence": (ip4(gre(0x0800, INNER, marks=0xB000, extra=bytes(12)), 47), Tunnel.GRE),
    "GRE with Ethernet": (ip4(gre(0x6558, INNER_FRAME), 47), Tunnel.GRE),
    "PPTP": (ip4(gre(0x880B, b"\0\x21" + INNER, marks=0x3001, extra=bytes(8)), 47), Tunnel.GRE),
    "PPTP with acknowledgement": (ip4(gre(0x880B, b"\0\x21" + INNER, marks=0x3081, extra=bytes(12)), 47), Tunnel.GRE),
    "ERSPAN I": (ip4(gre(0x88BE, INNER_FRAME), 47), Tunnel.ERSPAN),
    "ERSPAN II": (ip4(gre(0x88BE, ERSPAN2 + INNER_FRAME, marks=0x1000, extra=bytes(4)), 47), Tunnel.ERSPAN),
    "ERSPAN III": (ip4(gre(0x22EB, ERSPAN3 + INNER_FRAME, marks=0x1000, extra=bytes(4)), 47), Tunnel.ERSPAN),
    "ERSPAN III with platform header": (
        ip4(gre(0x22EB, ERSPAN3[:11] + b"\1" + bytes(8) + INNER_FRAME, marks=0x1000, extra=bytes(4)), 47),
        Tunnel.ERSPAN,
    ),
    "MPLS in GRE": (ip4(gre(0x8847, b"\0\1\1\x40" + INNER), 47), Tunnel.GRE | Tunnel.MPLS),
    "GRE in GRE": (ip4(gre(0x0800, ip4(gre(0x0800, INNER), 47)), 47), Tunnel.GRE),
    "tagged inside": (ip4(udp(VXLAN + eth(tag(9, INNER), 0x8100), dport=4789)), Tunnel.VXLAN),
}


@pytest.mark.parametrize("name", TUNNELS)
def test_the_innermost_packet_counts(name: str) -> None:
    packet, tunnel = TUNNELS[name]
    result = scan([eth(packet)])
    assert (result.counters["ipv4"], result.counters["udp"], result.counters["udp_conversations"]) == (1, 1, 1)
    assert result.counters["malformed_packets"] == 0
    assert (result.flows[0]["a_port"], result.flows[0]["b_port"], result.flows[0]["tunnel"]) == (1111, 2222, tunnel)
    assert (result.outer_pairs[0].source, result.outer_pairs[0].target) == (A, B)


@pytest.mark.parametrize("carrier", [4, 6])
@pytest.mark.parametrize("inner", [4, 6])
def test_ip_in_ip_is_read_in_all_four_ways(carrier: int, inner: int) -> None:
    proto, packet = (4, INNER) if inner == 4 else (41, ip6(udp()))
    frame = eth(ip4(packet, proto)) if carrier == 4 else eth(ip6(packet, proto), 0x86DD)
    result = scan([frame])
    assert result.counters[f"ipv{inner}"] == 1
    assert result.counters[f"ipv{10 - inner}"] == 0
    assert len(result.outer_pairs[0].source) == (4 if carrier == 4 else 16)


def test_link_addresses_and_vlan_are_those_of_the_inner_frame() -> None:
    result = scan([eth(tag(100, ip4(udp(VXLAN + eth(tag(9, INNER), 0x8100, src=b"\x0a" * 6), dport=4789))), 0x8100)])
    assert (result.rows[0]["smac"], result.rows[0]["vlan"]) == (0x0A0A0A0A0A0A, 9)


def nested(depth: int) -> bytes:
    packet = INNER
    for _ in range(depth):
        packet = ip4(packet, 4)
    return eth(packet)


@pytest.mark.parametrize(("depth", "udp_count", "malformed"), [(7, 1, 0), (8, 1, 0), (9, 0, 1)])
def test_tunnels_are_followed_eight_deep_and_deeper_is_malformed(depth: int, udp_count: int, malformed: int) -> None:
    counters = scan([nested(depth)]).counters
    assert (counters["udp"], counters["other"], counters["malformed_packets"]) == (udp_count, 1 - udp_count, malformed)


@pytest.mark.parametrize(
    "packet",
    [
        ip4(gre(0x6558, eth(b"\x01\x01", 0x1234)), 47),
        ip4(gre(0x9999, b"what is this"), 47),
        ip4(gre(0x880B, b"", marks=0x2081, extra=bytes(8)), 47),
        ip4(b"\x00" * 30, 4),
        ip4(gre(0x0800, INNER, marks=0x4000), 47),
    ],
    ids=["no packet inside", "unknown protocol", "nothing inside", "no IP inside", "source routed GRE"],
)
def test_a_tunnel_without_a_packet_is_itself_the_innermost_packet(packet: bytes) -> None:
    counters = scan([eth(packet)]).counters
    assert (counters["ipv4"], counters["other"], counters["no_ip"]) == (1, 1, 0)


def test_a_mirrored_frame_about_the_link_is_handed_over_and_the_tunnel_counted() -> None:
    result = scan([eth(ip4(gre(0x88BE, eth(b"\x01\x01\0\0", 0x888E)), 47))])
    assert (result.counters["other"], result.counters["no_ip"]) == (1, 0)
    assert result.handed["kind"].tolist() == [Kind.EAPOL]


def test_udp_on_a_tunnel_port_without_the_tunnel_marks_is_plain_udp() -> None:
    result = scan([eth(ip4(udp(b"\0" * 8 + INNER_FRAME, dport=4789))), eth(ip4(udp(b"\xff" * 30, dport=6081)))])
    assert result.counters["udp_conversations"] == 2
    assert result.tunnels == {}


def test_padding_behind_the_packet_is_no_payload() -> None:
    result = scan([eth(ip4(tcp(ACK), 6)) + bytes(6), eth(ip4(udp(b"ab"))) + bytes(20)])
    assert result.rows["payload_len"].tolist() == [0, 2]
    assert result.rows["ip_len"].tolist() == [40, 30]


def test_sizes_of_a_cut_frame_are_those_that_its_headers_state() -> None:
    frame = sent(tcp(ACK | PSH, bytes(1000)))
    result = scan([frame[:96]], wire=[len(frame)])
    assert (result.rows[0]["payload_len"], result.rows[0]["ip_len"], result.rows[0]["cut"]) == (1000, 1040, 1)
    assert len(result.payload(0)) == 96 - 14 - 20 - 20
    assert result.counters["malformed_packets"] == 0


def test_header_options_of_ipv4_and_tcp_are_no_payload() -> None:
    result = scan([eth(ip4(tcp(ACK, b"xyz", options=bytes(12)), 6, options=bytes(8)))])
    assert (result.rows[0]["payload_len"], result.payload(0)) == (3, b"xyz")


def test_every_field_of_a_tcp_packet_reaches_its_row() -> None:
    result = scan([eth(ip4(tcp(ACK | PSH, b"hello", seq=7, ack=0xFFFFFFFF, window=99), 6, ttl=63, ident=0xBEEF))])
    row = {name: int(result.rows[0][name]) for name in result.rows.dtype.names or ()}
    assert row == {
        "time_ns": 1_000_000,
        "frame": 1,
        "flow": 0,
        "smac": int.from_bytes(DEVICE, "big"),
        "dmac": int.from_bytes(GATEWAY, "big"),
        "seq": 7,
        "ack": 0xFFFFFFFF,
        "ip_len": 45,
        "payload_len": 5,
        "ip_id": 0xBEEF,
        "dup_of": 0,
        "flags": ACK | PSH,
        "window": 99,
        "vlan": 0xFFFF,
        "ttl": 63,
        "side": 0,
        "dup_kind": 0,
        "dont_fragment": 1,
        "fragment": 0,
        "tunnel": 0,
        "fragment_offset": 0,
        "more_fragments": 0,
        "cut": 0,
        "pause_ns": 0,
    }


def test_an_ip_length_of_zero_means_all_that_was_captured() -> None:
    result = scan([eth(ip4(tcp(ACK, bytes(3000)), 6, total=0)), eth(ip6(udp(bytes(50)), length=0), 0x86DD)])
    assert result.rows["payload_len"].tolist() == [3000, 50]
    assert (result.oddities.total_length_zero.count, result.oddities.total_length_zero.frames) == (2, (1, 2))


def test_ip_packets_above_1500_bytes_are_counted_for_their_sender() -> None:
    result = scan([eth(ip4(tcp(ACK, bytes(1460)), 6)), eth(ip4(tcp(ACK, bytes(1461)), 6, ident=2))])
    assert result.oddities.oversize == {int.from_bytes(DEVICE, "big"): 1}
    assert result.oddities.oversize_frames.frames == (2,)


MALFORMED = {
    Oddity.IP_SHORT: eth(ip4(udp())[:19]),
    Oddity.IP_VERSION: eth(ip6(udp())),
    Oddity.IP_HEADER_LENGTH: eth(b"\x44" + ip4(udp())[1:]),
    Oddity.IP_TOTAL_LENGTH: eth(ip4(udp(), total=19)),
    Oddity.IP_BEYOND_FRAME: eth(ip4(udp(), total=500)),
    Oddity.IP6_EXTENSIONS: eth(ip6(b"\x11\x09" + bytes(6), 60), 0x86DD),
    Oddity.TCP_HEADER_LENGTH: sent(tcp(ACK)[:12] + b"\x40" + tcp(ACK)[13:]),
    Oddity.UDP_LENGTH: eth(ip4(udp(length=7))),
    Oddity.TRANSPORT_SHORT: eth(ip4(b"1234567")),
}


@pytest.mark.parametrize("oddity", MALFORMED)
def test_a_broken_packet_is_counted_by_its_reason(oddity: Oddity) -> None:
    result = scan([MALFORMED[oddity]])
    assert {reason: seen.frames for reason, seen in result.malformed.items()} == {REASONS[oddity]: (1,)}
    assert result.counters["malformed_packets"] == 1


def test_a_frame_counts_once_however_much_is_wrong_with_it() -> None:
    assert scan([eth(ip4(udp(length=3), total=900))]).counters["malformed_packets"] == 1


@pytest.mark.parametrize(("stated", "payload"), [(8, 0), (10, 2), (12, 4), (0, 4)])
def test_the_udp_length_says_how_much_is_payload(stated: int, payload: int) -> None:
    assert scan([eth(ip4(udp(b"abcd", length=stated)))]).rows[0]["payload_len"] == payload


def hop_by_hop(following: int) -> bytes:
    return bytes([following, 0]) + bytes(6)


def fragment_header(following: int, offset: int, more: int, ident: int = 0xABCDEF01) -> bytes:
    return struct.pack(">BBHI", following, 0, offset | more, ident)


@pytest.mark.parametrize(
    ("proto", "payload"),
    [
        (0, hop_by_hop(17)),
        (0, hop_by_hop(43) + b"\x11\x02" + bytes(22)),
        (60, hop_by_hop(60) + hop_by_hop(17)),
        (51, b"\x11\x04" + bytes(22)),
        (44, fragment_header(17, 0, 0)),
        (0, hop_by_hop(0) * 100 + hop_by_hop(17)),
    ],
    ids=["hop by hop", "routing", "destination twice", "authentication", "atomic fragment", "a hundred headers"],
)
def test_ipv6_extension_headers_are_walked(proto: int, payload: bytes) -> None:
    result = scan([eth(ip6(payload + udp(b"data"), proto), 0x86DD)])
    assert (result.counters["udp_conversations"], result.counters["malformed_packets"]) == (1, 0)
    assert (result.rows[0]["payload_len"], result.rows[0]["fragment"]) == (4, Fragment.WHOLE)


@pytest.mark.parametrize("proto", [50, 59, 89, 135])
def test_what_is_neither_tcp_nor_udp_nor_icmp_is_other(proto: int) -> None:
    counters = scan([eth(ip6(b"\x3b\0" + bytes(6), proto), 0x86DD)]).counters
    assert (counters["ipv6"], counters["other"]) == (1, 1)


def test_icmp_of_either_family_counts_as_icmp_and_the_other_family_s_number_does_not() -> None:
    frames = [
        eth(ip4(b"\x08\0" + bytes(6), 1)),
        eth(ip6(b"\x80\0" + bytes(6), 58), 0x86DD),
        eth(ip4(b"\x80\0" + bytes(6), 58)),
    ]
    result = scan(frames)
    assert (result.counters["icmp"], result.counters["other"]) == (2, 1)
    assert result.handed["kind"].tolist() == [Kind.ICMP, Kind.ICMP6]


def test_the_packet_that_an_icmp_error_quotes_is_no_packet_of_its_own() -> None:
    result = scan([eth(ip4(b"\x03\x03" + bytes(6) + ip4(tcp(SYN), 6), 1, src=B, dst=A))])
    assert (result.counters["icmp"], result.counters["tcp"], result.counters["tcp_syn"]) == (1, 0, 0)


def test_fragments_are_handed_over_and_only_the_first_opens_a_conversation() -> None:
    datagram = udp(bytes(range(40)))
    frames = [
        eth(ip4(datagram[:24], part=0x2000, ident=5)),
        eth(ip4(datagram[24:40], part=0x2003, ident=5)),
        eth(ip4(datagram[40:], part=0x0005, ident=5)),
    ]
    result = scan(frames)
    assert (result.counters["udp"], result.counters["udp_conversations"]) == (3, 1)
    assert result.handed["kind"].tolist() == [Kind.FRAGMENT] * 3
    assert b"".join(result.payload(i) for i in range(3)) == datagram
    rows = result.rows
    assert rows["fragment"].tolist() == [Fragment.FIRST, Fragment.LATER, Fragment.LATER]
    assert rows["fragment_offset"].tolist() == [0, 24, 40]
    assert rows["more_fragments"].tolist() == [1, 1, 0]
    assert result.flows["portless"].tolist() == [0, 1]


def test_ipv6_fragments_carry_their_identification() -> None:
    datagram = udp(bytes(24))
    frames = [
        eth(ip6(fragment_header(17, 0, 1) + datagram[:16], 44), 0x86DD),
        eth(ip6(fragment_header(17, 16, 0) + datagram[16:], 44), 0x86DD),
    ]
    result = scan(frames)
    assert b"".join(result.payload(i) for i in range(2)) == datagram
    assert result.rows["ip_id"].tolist() == [0xABCDEF01] * 2
    assert result.counters["udp_conversations"] == 1


def test_a_later_fragment_of_tcp_counts_as_tcp_without_a_conversation() -> None:
    counters = scan([sent(tcp(SYN), part=0x0010)]).counters
    assert (counters["tcp"], counters["tcp_conversations"], counters["tcp_syn"]) == (1, 0, 0)


@pytest.mark.parametrize(
    ("kept", "portless", "flags", "window"),
    [(3, 1, 0, 0), (4, 0, 0, 0), (13, 0, 0, 0), (14, 0, SYN, 0), (16, 0, SYN, 64240), (20, 0, SYN, 64240)],
)
def test_as_much_of_a_cut_tcp_header_is_read_as_is_there(kept: int, portless: int, flags: int, window: int) -> None:
    frame = sent(tcp(SYN))
    result = scan([frame[: 34 + kept]], wire=[len(frame)])
    assert result.counters["tcp"] == 1
    assert (result.flows[0]["portless"], result.rows[0]["flags"], result.rows[0]["window"]) == (portless, flags, window)
    assert result.counters["tcp_syn"] == (flags == SYN)
    assert result.counters["malformed_packets"] == 0
