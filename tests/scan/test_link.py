from __future__ import annotations

import struct

import pytest

from pcapaudit.scan import ScanResult
from pcapaudit.scan.columns import NO_FLOW, NO_VLAN, Kind, Tunnel
from tests.scan.material import DEVICE, GATEWAY, A, batch, eth, ip4, ip6, scan, scan_batches, tag, udp

PACKET4 = ip4(udp())
PACKET6 = ip6(udp())
SNAP = bytes.fromhex("aaaa03000000")
BROADCAST = b"\xff" * 6
DEVICE_MAC, GATEWAY_MAC = int.from_bytes(DEVICE, "big"), int.from_bytes(GATEWAY, "big")


def cooked(proto: int, payload: bytes, *, kind: int = 0) -> bytes:
    return struct.pack(">HHH", kind, 1, 6) + DEVICE + b"\0\0" + struct.pack(">H", proto) + payload


def cooked2(proto: int, payload: bytes) -> bytes:
    return struct.pack(">HHIHBB", proto, 0, 2, 1, 0, 6) + DEVICE + b"\0\0" + payload


def wlan(body: bytes, *, control: int = 0x08, ways: int = 1, extra: bytes = b"", piece: int = 0) -> bytes:
    """A data frame from a station through its access point, from DEVICE to GATEWAY."""
    access_point = b"\x06" * 6
    return bytes([control, ways, 0, 0]) + access_point + DEVICE + GATEWAY + struct.pack("<H", piece) + extra + body


def radiotap(frame: bytes, *, flags: int | None = None) -> bytes:
    if flags is None:
        return struct.pack("<BBHI", 0, 0, 8, 0) + frame
    return struct.pack("<BBHI", 0, 0, 9, 2) + bytes([flags]) + frame


def attribute(kind: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


WLAN_BODY = SNAP + b"\x08\x00" + PACKET4
UNPACKED = {
    "Ethernet": (1, eth(PACKET4)),
    "Ethernet with SNAP": (1, GATEWAY + DEVICE + struct.pack(">H", 8 + len(PACKET4)) + SNAP + b"\x08\x00" + PACKET4),
    "Ethernet with SNAP of the bridge tunnel": (
        1,
        GATEWAY + DEVICE + struct.pack(">H", 8 + len(PACKET4)) + bytes.fromhex("aaaa030000f80800") + PACKET4,
    ),
    "FDDI": (10, b"\x50" + GATEWAY + DEVICE + SNAP + b"\x08\x00" + PACKET4),
    "Linux cooked": (113, cooked(0x0800, PACKET4)),
    "Linux cooked with 802.2": (113, cooked(4, SNAP + b"\x08\x00" + PACKET4)),
    "Linux cooked, version 2": (276, cooked2(0x0800, PACKET4)),
    "raw": (101, PACKET4),
    "raw, OpenBSD's number": (14, PACKET4),
    "raw, everybody's old number": (12, PACKET4),
    "IPv4": (228, PACKET4),
    "loopback, low byte first": (0, b"\2\0\0\0" + PACKET4),
    "loopback, high byte first": (0, b"\0\0\0\2" + PACKET4),
    "OpenBSD loopback": (108, b"\0\0\0\2" + PACKET4),
    "loopback with an HDLC header": (0, b"\x0f\0\x08\0" + PACKET4),
    "PPP": (9, b"\xff\x03\x00\x21" + PACKET4),
    "PPP without address and control": (9, b"\x00\x21" + PACKET4),
    "PPP with a protocol of one byte": (9, b"\x21" + PACKET4),
    "PPP in HDLC framing": (50, b"\xff\x03\x00\x21" + PACKET4),
    "PPP's number with Cisco HDLC": (50, b"\x0f\0\x08\0" + PACKET4),
    "PPPoE": (51, b"\x11\0\0\1" + struct.pack(">H", 2 + len(PACKET4)) + b"\0\x21" + PACKET4),
    "Cisco HDLC": (104, b"\x0f\0\x08\0" + PACKET4),
    "netfilter log": (239, b"\2\0\0\0" + attribute(1, b"abc") + attribute(9, PACKET4)),
    "netfilter log, high byte first": (239, b"\2\0\0\0" + attribute(1, b"a", ">") + attribute(9, PACKET4, ">")),
    "802.11": (105, wlan(WLAN_BODY)),
    "802.11 with QoS": (105, wlan(WLAN_BODY, control=0x88, extra=b"\0\0")),
    "802.11 with QoS and HT control": (105, wlan(WLAN_BODY, control=0x88, ways=0x81, extra=bytes(6))),
    "802.11 behind radiotap": (127, radiotap(wlan(WLAN_BODY))),
    "802.11 behind radiotap, padded": (
        127,
        radiotap(wlan(WLAN_BODY, control=0x88, extra=b"\0\0" + b"\0\0"), flags=0x20),
    ),
    "802.11 behind AVS": (163, struct.pack(">II", 0x80211001, 64) + bytes(56) + wlan(WLAN_BODY)),
    "802.11 behind Prism": (119, struct.pack("<II", 0x44, 144) + bytes(136) + wlan(WLAN_BODY)),
}


@pytest.mark.parametrize("name", UNPACKED)
def test_an_ipv4_packet_is_found_under_each_link_layer(name: str) -> None:
    link, frame = UNPACKED[name]
    result = scan([frame], link=link)
    assert (result.counters["ipv4"], result.counters["udp"], result.counters["malformed_packets"]) == (1, 1, 0)
    assert result.flows[0]["a_lo"] == int.from_bytes(A, "big")
    assert (result.flows[0]["a_port"], result.flows[0]["b_port"]) == (40000, 8844)


@pytest.mark.parametrize(
    ("link", "frame"),
    [
        (1, eth(PACKET6, 0x86DD)),
        (113, cooked(0x86DD, PACKET6)),
        (101, PACKET6),
        (229, PACKET6),
        (0, b"\x1e\0\0\0" + PACKET6),
        (0, b"\0\0\0\x1c" + PACKET6),
        (9, b"\0\x57" + PACKET6),
        (239, b"\x0a\0\0\0" + attribute(9, PACKET6)),
    ],
)
def test_an_ipv6_packet_is_found_under_each_link_layer(link: int, frame: bytes) -> None:
    assert scan([frame], link=link).counters["ipv6"] == 1


@pytest.mark.parametrize("name", [name for name in UNPACKED if name.startswith(("Ethernet", "FDDI", "802.11"))])
def test_the_link_addresses_are_those_of_sender_and_receiver(name: str) -> None:
    link, frame = UNPACKED[name]
    row = scan([frame], link=link).rows[0]
    assert (row["smac"], row["dmac"]) == (DEVICE_MAC, GATEWAY_MAC)


@pytest.mark.parametrize(
    ("ways", "addresses", "extra", "sender", "target"),
    [
        (0, (1, 2, 3), b"", 2, 1),
        (1, (1, 2, 3), b"", 2, 3),
        (2, (1, 2, 3), b"", 3, 1),
        (3, (1, 2, 3), bytes([4]) * 6, 4, 3),
    ],
)
def test_802_11_addresses_depend_on_the_way_of_the_frame(
    ways: int, addresses: tuple[int, ...], extra: bytes, sender: int, target: int
) -> None:
    head = bytes([8, ways, 0, 0]) + b"".join(bytes([n]) * 6 for n in addresses) + b"\0\0" + extra
    row = scan([head + WLAN_BODY], link=105).rows[0]
    assert (row["smac"], row["dmac"]) == tuple(int.from_bytes(bytes([n]) * 6, "big") for n in (sender, target))


@pytest.mark.parametrize(
    "frame",
    [
        wlan(WLAN_BODY, ways=0x41),
        wlan(WLAN_BODY, piece=1),
        wlan(WLAN_BODY, ways=5),
        wlan(WLAN_BODY, control=0x88, extra=b"\x80\0"),
        wlan(b"", control=0x48),
        wlan(WLAN_BODY, control=0x80),
    ],
    ids=["encrypted", "later piece", "first piece", "aggregated", "no data", "beacon"],
)
def test_802_11_frames_without_a_whole_clear_packet_hold_no_ip(frame: bytes) -> None:
    counters = scan([frame], link=105).counters
    assert (counters["no_ip"], counters["malformed_packets"]) == (1, 0)


@pytest.mark.parametrize(("kind", "target"), [(0, 0), (1, 0xFFFFFFFFFFFF), (4, 0)])
def test_a_cooked_frame_has_a_source_and_at_most_a_broadcast_target(kind: int, target: int) -> None:
    row = scan([cooked(0x0800, PACKET4, kind=kind)], link=113).rows[0]
    assert (row["smac"], row["dmac"]) == (DEVICE_MAC, target)


@pytest.mark.parametrize(
    ("frame", "vlan"),
    [
        (eth(PACKET4), NO_VLAN),
        (eth(tag(7, PACKET4), 0x8100), 7),
        (eth(tag(0, PACKET4), 0x8100), NO_VLAN),
        (eth(tag(0xE007, PACKET4), 0x8100), 7),
        (eth(tag(100, tag(7, PACKET4), 0x8100), 0x88A8), 7),
        (eth(tag(100, tag(7, PACKET4), 0x8100), 0x9100), 7),
    ],
    ids=["untagged", "tagged", "priority alone", "with priority", "802.1ad", "old QinQ"],
)
def test_the_innermost_vlan_tag_is_kept(frame: bytes, vlan: int) -> None:
    result = scan([frame])
    assert result.rows[0]["vlan"] == result.flows[0]["vlan"] == result.pairs[0]["vlan"] == vlan


def labels(*numbers: int) -> bytes:
    last = len(numbers) - 1
    return b"".join(struct.pack(">I", n << 12 | (i == last) << 8 | 64) for i, n in enumerate(numbers))


@pytest.mark.parametrize(
    ("payload", "tunnel"),
    [
        (labels(16) + PACKET4, Tunnel.MPLS),
        (labels(16, 17, 18) + PACKET4, Tunnel.MPLS),
        (labels(16) + PACKET6, Tunnel.MPLS),
        (labels(16) + bytes(4) + eth(PACKET4), Tunnel.MPLS | Tunnel.PSEUDOWIRE),
        (labels(16) + eth(PACKET4), Tunnel.MPLS | Tunnel.PSEUDOWIRE),
    ],
    ids=["one label", "three labels", "IPv6", "pseudowire with control word", "bare pseudowire"],
)
def test_mpls_is_taken_off(payload: bytes, tunnel: Tunnel) -> None:
    result = scan([eth(payload, 0x8847)])
    assert result.counters["udp"] == 1
    assert result.rows[0]["tunnel"] == tunnel
    assert result.tunnels == {bit: 1 for bit in Tunnel if bit & tunnel}


def test_a_pppoe_session_is_taken_off_and_its_discovery_is_no_packet() -> None:
    session = b"\x11\0\0\1" + struct.pack(">H", 2 + len(PACKET4)) + b"\0\x21" + PACKET4
    result = scan([eth(session, 0x8864), eth(b"\x11\x09\0\0\0\0", 0x8863)])
    assert (result.counters["ipv4"], result.counters["no_ip"]) == (1, 1)
    assert result.tunnels == {Tunnel.PPPOE: 1}


BPDU = bytes.fromhex("0000000000") + bytes(30)
LINK_FRAMES = {
    Kind.EAPOL: (eth(b"\x01\x01\0\0", 0x888E), b"\x01\x01\0\0"),
    Kind.LLDP: (eth(b"\x02\x07\x04" + DEVICE, 0x88CC), b"\x02\x07\x04" + DEVICE),
    Kind.CDP: (
        GATEWAY + DEVICE + struct.pack(">H", 12) + bytes.fromhex("aaaa0300000c2000") + b"\2\xb4\0\0",
        b"\2\xb4\0\0",
    ),
    Kind.STP: (GATEWAY + DEVICE + struct.pack(">H", 38) + b"\x42\x42\x03" + BPDU + b"padding", BPDU),
}


@pytest.mark.parametrize("kind", LINK_FRAMES)
def test_a_frame_about_the_link_is_handed_over_without_a_flow(kind: Kind) -> None:
    frame, payload = LINK_FRAMES[kind]
    result = scan([frame])
    assert (result.counters["no_ip"], len(result.flows)) == (1, 0)
    assert (result.handed[0]["kind"], result.payload(0)) == (kind, payload)
    assert (result.rows[0]["flow"], result.rows[0]["smac"]) == (NO_FLOW, DEVICE_MAC)


def test_pvst_is_spanning_tree_too() -> None:
    frame = GATEWAY + DEVICE + struct.pack(">H", 8 + len(BPDU)) + bytes.fromhex("aaaa0300000c010b") + BPDU
    assert scan([frame]).handed["kind"].tolist() == [Kind.STP]


def arp(op: int = 1) -> bytes:
    return struct.pack(">HHBBH", 1, 0x0800, 6, 4, op) + DEVICE + A + bytes(6) + bytes([10, 0, 0, 1])


def test_an_arp_packet_gives_all_its_fields() -> None:
    result = scan([eth(tag(7, arp(), 0x0806), 0x8100, dst=BROADCAST)])
    assert result.counters["arp"] == 1
    row = result.arps[0]
    assert (row["frame"], row["op"], row["vlan"], row["smac"], row["dmac"]) == (1, 1, 7, DEVICE_MAC, 2**48 - 1)
    assert (row["sender_mac"], row["target_mac"]) == (DEVICE_MAC, 0)
    assert (row["sender_ip"], row["target_ip"]) == (0x0A000005, 0x0A000001)


def test_arp_of_other_addresses_is_counted_and_not_listed() -> None:
    result = scan([eth(b"\0\1\x08\0\xff\4" + arp()[6:], 0x0806)])
    assert (result.counters["arp"], len(result.arps), result.malformed) == (1, 0, {})


def test_an_arp_packet_that_ends_early_is_malformed_and_counted() -> None:
    result = scan([eth(arp()[:20], 0x0806), eth(arp()[:6], 0x0806)])
    assert (result.counters["arp"], result.counters["no_ip"], result.counters["malformed_packets"]) == (1, 1, 2)


def test_frames_of_an_unknown_link_type_are_counted_by_its_number() -> None:
    result = scan([b"abc", b"def"], link=253)
    assert result.undecoded_links == {253: (2, 1)}
    assert (result.counters["undecoded_frames"], result.counters["no_ip"]) == (2, 2)


def test_no_more_link_types_are_kept_than_the_table_holds() -> None:
    result = _scan_types(range(300, 400))
    assert len(result.undecoded_links) == 64
    assert result.counters["undecoded_frames"] == 100


def _scan_types(numbers: range) -> ScanResult:
    return scan_batches([batch([b"abc"], link=n, first_frame=i + 1) for i, n in enumerate(numbers)])


@pytest.mark.parametrize("name", UNPACKED)
def test_a_frame_that_ends_inside_its_link_header_holds_no_ip(name: str) -> None:
    link, frame = UNPACKED[name]
    header = len(frame) - len(PACKET4)
    result = scan([frame[:size] for size in range(header)], link=link)
    assert result.counters["no_ip"] == header
    assert result.counters["ipv4"] == 0


@pytest.mark.parametrize("proto", [0, 1, 2, 3, 1500])
def test_a_protocol_number_below_the_ethernet_types_is_no_packet(proto: int) -> None:
    frames = [cooked(proto, PACKET4), cooked2(proto, PACKET4)]
    hdlc = b"\x0f\0" + struct.pack(">H", proto) + PACKET4
    for link, frame in ((113, frames[0]), (276, frames[1]), (104, hdlc), (0, hdlc)):
        counters = scan([eth(PACKET4), frame], link=link).counters
        assert (counters["ipv4"], counters["no_ip"]) == (0, 2)


def test_a_header_cut_by_the_snap_length_is_no_malformed_packet() -> None:
    assert scan([eth(PACKET4)[:10]], wire=[60]).counters["malformed_packets"] == 0
    assert scan([eth(PACKET4)[:10]]).counters["malformed_packets"] == 1
