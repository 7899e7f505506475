from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

import dpkt.dhcp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapaudit.dissect import dhcp
from pcapaudit.model.events import DhcpMessage, Malformed
from tests.dissect.material import hostile, packet, read_capture, whole

MAC = bytes.fromhex("001122334455")
COOKIE = bytes.fromhex("63825363")
END = b"\xff"


def _fixed(op: int = 1, *, flags: int = 0, giaddr: bytes = bytes(4), sname: bytes = b"", file: bytes = b"") -> bytes:
    """RFC 2131, figure 1."""
    head = struct.pack("!BBBBIHH", op, 1, 6, 1, 0x3903F326, 8, flags)
    addresses = bytes([10, 0, 0, 5]) + bytes([10, 0, 0, 6]) + bytes([10, 0, 0, 1]) + giaddr
    return head + addresses + MAC.ljust(16, b"\0") + sname.ljust(64, b"\0") + file.ljust(128, b"\0")


def _option(code: int, value: bytes) -> bytes:
    return bytes([code, len(value)]) + value


def _message(*options: bytes, op: int = 2, end: bytes = END) -> bytes:
    return _fixed(op) + COOKIE + b"".join(options) + end


ACK = _message(
    _option(53, b"\x05"),
    _option(54, bytes([10, 0, 0, 1])),
    _option(1, bytes([255, 255, 255, 0])),
    b"\0\0",
    _option(3, bytes([10, 0, 0, 1, 10, 0, 0, 2])),
    _option(6, bytes([10, 0, 0, 1, 8, 8, 8, 8])),
    _option(42, bytes([10, 0, 0, 3])),
    _option(51, struct.pack("!I", 3600)),
    _option(15, b"site.example\0"),
    _option(121, bytes([0, 10, 0, 0, 1])),
    _option(114, b"https://portal.example/"),
    _option(108, struct.pack("!I", 1800)),
    _option(252, b"http://wpad.example/wpad.dat"),
)
DISCOVER = _message(
    _option(53, b"\x01"),
    _option(50, bytes([10, 0, 0, 9])),
    _option(12, b"gateway-7"),
    _option(60, b"udhcp 1.2"),
    _option(61, b"\x01" + MAC),
    _option(55, bytes([1, 3, 6, 114])),
    op=1,
)


def _dissect(payload: bytes) -> DhcpMessage:
    message = dhcp.dissect(payload, whole(payload))
    assert isinstance(message, DhcpMessage)
    return message


def test_the_fixed_header_is_read_as_rfc_2131_lays_it_out() -> None:
    payload = _fixed(flags=0x8000, giaddr=bytes([10, 9, 0, 1])) + COOKIE + END
    m = _dissect(payload)
    assert (m.op, m.hops, m.xid, m.secs, m.broadcast, m.chaddr) == (1, 1, 0x3903F326, 8, True, MAC)
    assert (m.ciaddr[3], m.yiaddr[3], m.siaddr[3], m.giaddr) == (5, 6, 1, bytes([10, 9, 0, 1]))


@given(op=st.integers(1, 2), rest=st.binary(min_size=235, max_size=235))
def test_the_fixed_header_is_what_dpkt_reads(op: int, rest: bytes) -> None:
    payload = bytes([op]) + rest + COOKIE + END
    other = dpkt.dhcp.DHCP(payload)
    m = _dissect(payload)

    assert (m.op, m.hops, m.xid, m.secs) == (other.op, other.hops, other.xid, other.secs)
    assert m.broadcast == bool(other.flags & 0x8000)
    addresses = [int.from_bytes(a, "big") for a in (m.ciaddr, m.yiaddr, m.siaddr, m.giaddr)]
    assert addresses == [other.ciaddr, other.yiaddr, other.siaddr, other.giaddr]
    assert m.chaddr == other.chaddr[: other.hln]


def test_an_ack_gives_what_the_device_was_told() -> None:
    m = _dissect(ACK)
    assert (m.kind, m.server_id, m.mask) == (5, bytes([10, 0, 0, 1]), bytes([255, 255, 255, 0]))
    assert m.routers == (bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    assert m.dns_servers == (bytes([10, 0, 0, 1]), bytes([8, 8, 8, 8]))
    assert (m.ntp_servers, m.lease_s, m.domain) == ((bytes([10, 0, 0, 3]),), 3600, "site.example")
    assert (m.has_classless_routes, m.portal_uri, m.ipv6_only_s) == (True, "https://portal.example/", 1800)
    assert (m.wpad, m.is_complete) == ("http://wpad.example/wpad.dat", True)


def test_a_discover_gives_who_asks_and_for_what() -> None:
    m = _dissect(DISCOVER)
    assert (m.kind, m.requested, m.host_name, m.vendor_class) == (1, bytes([10, 0, 0, 9]), "gateway-7", "udhcp 1.2")
    assert (m.client_id, m.asked_options) == (b"\x01" + MAC, (1, 3, 6, 114))
    assert (m.server_id, m.routers, m.has_classless_routes, m.portal_uri) == (None, (), False, None)


@pytest.mark.parametrize(("overload", "where"), [(1, "file"), (2, "sname")])
def test_options_in_overloaded_fields_are_found(overload: int, where: str) -> None:
    hidden = _option(3, bytes([10, 0, 0, 1])) + END
    fixed = _fixed(2, **{where: hidden})  # type: ignore[arg-type]
    m = _dissect(fixed + COOKIE + _option(52, bytes([overload])) + END)
    assert m.routers == (bytes([10, 0, 0, 1]),)


def test_overloaded_fields_are_text_unless_option_52_says_so() -> None:
    hidden = _option(3, bytes([10, 0, 0, 1])) + END
    assert _dissect(_fixed(2, file=hidden) + COOKIE + END).routers == ()


def test_an_option_in_two_parts_is_one_value() -> None:
    m = _dissect(_message(_option(15, b"site."), _option(53, b"\x02"), _option(15, b"example")))
    assert (m.domain, m.kind) == ("site.example", 2)


@pytest.mark.parametrize("tail", [b"\x03\x08\x0a\x00", b"\x03", b"\x03\xff"])
def test_a_length_beyond_the_end_keeps_the_options_before_it(tail: bytes) -> None:
    m = _dissect(_message(_option(53, b"\x02"), tail, end=b""))
    assert (m.kind, m.routers, m.is_complete) == (2, (), False)


@pytest.mark.parametrize(
    ("code", "value"), [(53, b""), (54, b"\x0a"), (1, b"\xff\xff"), (51, b"\x01"), (3, b"\x0a\x00")]
)
def test_an_option_shorter_than_its_type_is_unknown(code: int, value: bytes) -> None:
    m = _dissect(_message(_option(code, value)))
    assert (m.kind, m.server_id, m.mask, m.lease_s, m.routers) == (0, None, None, None, ())


def test_a_message_that_forgets_the_end_option_is_complete_unless_it_was_cut() -> None:
    payload = _message(_option(53, b"\x01"), end=b"")
    assert _dissect(payload).is_complete
    cut = dhcp.dissect(payload, packet(payload_len=len(payload) + 40))
    assert isinstance(cut, DhcpMessage)
    assert not cut.is_complete


@pytest.mark.parametrize("size", [44, 60, 236, 239, 240, 243, len(ACK) - 1])
def test_a_message_cut_by_the_snap_length_keeps_its_header(size: int) -> None:
    m = dhcp.dissect(ACK[:size], packet(payload_len=len(ACK)))
    assert isinstance(m, DhcpMessage)
    assert (m.xid, m.chaddr, m.is_complete) == (0x3903F326, MAC, False)


def test_without_the_cookie_it_is_bootp() -> None:
    m = _dissect(_fixed() + bytes(64))
    assert (m.kind, m.is_complete) == (0, True)


@pytest.mark.parametrize("payload", [b"", ACK[:43], ACK[:200], b"\x07" + ACK[1:]])
def test_what_is_no_message_is_malformed(payload: bytes) -> None:
    assert isinstance(dhcp.dissect(payload, whole(payload)), Malformed)


@settings(deadline=None)
@given(hostile(ACK, DISCOVER, _message(_option(52, b"\x03"))))
def test_no_bytes_make_it_raise(payload: bytes) -> None:
    for stated in (len(payload), 1500):
        assert isinstance(dhcp.dissect(payload, packet(payload_len=stated)), DhcpMessage | Malformed)


@pytest.mark.needs_captures
@pytest.mark.parametrize(
    "name",
    [
        "dhcp-arp/ipfixprobe__mixed.pcap",
        "dhcp-arp/tcpdump__eapon1.pcap",
        "dhcp-arp/zeek__dhcp__dhcp.pcap",
        "dhcp-arp/zeek__dhcp__dhcp_discover_param_req_and_client_id.pcap",
        "dhcp-arp/zeek__dhcp__dhcp_inform.pcap",
        "iot-boot/iot_sentinel__Aria__Setup-A-1-STA.pcap",
        "iot-boot/iot_sentinel__EdnetGateway__Setup-A-1-STA.pcap",
        "iot-boot/testrun__dns__captures__dns_dhcp_server__startup.pcap",
    ],
)
def test_message_types_agree_with_tshark(name: str, shared_captures: Path, truth: dict[str, dict[str, object]]) -> None:
    datagrams = read_capture(shared_captures / name).datagrams
    messages = [dhcp.dissect(data, at) for at, data in datagrams if at.proto == 17 and 67 in (at.sport, at.dport)]
    counted = Counter(str(m.kind) for m in messages if isinstance(m, DhcpMessage) and m.kind)
    assert counted == truth[name]["dhcp_message_types"]
