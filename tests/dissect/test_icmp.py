from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings

from pcapaudit.dissect import icmp
from pcapaudit.model.events import AdvertisedPrefix, IcmpMessage, Malformed, QuotedPacket
from tests.dissect.material import ICMP, ICMPV6, hostile, packet, read_capture, whole

SRC, DST, GATEWAY = bytes([10, 0, 0, 5]), bytes([192, 0, 2, 1]), bytes([10, 0, 0, 1])
SRC6, DST6 = bytes.fromhex("20010db8" + "00" * 11 + "05"), bytes.fromhex("20010db8" + "00" * 11 + "01")
MAC = bytes.fromhex("001122334455")
TCP_TOP = struct.pack("!HHI", 50000, 4321, 0xDEADBEEF)


def _ipv4(proto: int, top: bytes, *, offset: int = 0, options: bytes = b"") -> bytes:
    first = 0x45 + len(options) // 4
    return struct.pack("!BBHHHBBH", first, 0, 60, 0x1234, offset, 63, proto, 0) + SRC + DST + options + top


def _ipv6(next_header: int, rest: bytes) -> bytes:
    return struct.pack("!IHBB", 0x60000000, len(rest), next_header, 61) + SRC6 + DST6 + rest


def _v4(kind: int, code: int, word: bytes = bytes(4), rest: bytes = b"") -> bytes:
    return bytes([kind, code, 0, 0]) + word + rest


def _dissect(payload: bytes, proto: int = ICMP) -> IcmpMessage:
    message = icmp.dissect(payload, whole(payload, proto=proto))
    assert isinstance(message, IcmpMessage)
    return message


UNREACHABLE = _v4(3, 13, rest=_ipv4(6, TCP_TOP))
QUOTED = QuotedPacket(SRC, DST, 6, 50000, 4321, 0x1234, 63, 0xDEADBEEF)
ADVERTISEMENT = (
    bytes([134, 0, 0, 0, 64, 0]) + struct.pack("!HII", 1800, 0, 0)
    + bytes([1, 1]) + MAC
    + bytes([25, 3, 0, 0]) + struct.pack("!I", 600) + DST6
    + bytes([38, 2]) + bytes(14)
)  # fmt: skip


@pytest.mark.parametrize(("kind", "proto", "family"), [(8, ICMP, 4), (0, ICMP, 4), (128, ICMPV6, 6), (129, ICMPV6, 6)])
def test_an_echo_has_identifier_and_sequence(kind: int, proto: int, family: int) -> None:
    m = _dissect(_v4(kind, 0, b"\x12\x34\x00\x07"), proto)
    assert (m.family, m.type, m.id, m.sequence) == (family, kind, 0x1234, 7)


@pytest.mark.parametrize("kind", [3, 11, 12, 4])
def test_an_error_quotes_the_packet_it_is_about(kind: int) -> None:
    assert _dissect(_v4(kind, 0, rest=_ipv4(6, TCP_TOP))).quoted == QUOTED


def test_options_of_the_quoted_header_are_skipped() -> None:
    assert _dissect(_v4(3, 1, rest=_ipv4(6, TCP_TOP, options=bytes(8)))).quoted == QUOTED


def test_a_quote_of_udp_has_ports_and_no_sequence() -> None:
    quoted = _dissect(_v4(3, 3, rest=_ipv4(17, TCP_TOP))).quoted
    assert quoted is not None
    assert (quoted.sport, quoted.dport, quoted.tcp_seq) == (50000, 4321, None)


def test_a_quoted_later_fragment_has_no_ports() -> None:
    quoted = _dissect(_v4(3, 1, rest=_ipv4(17, TCP_TOP, offset=100))).quoted
    assert quoted is not None
    assert (quoted.dst, quoted.sport, quoted.dport) == (DST, None, None)


@pytest.mark.parametrize(
    ("left", "has_ports", "has_sequence"), [(20, False, False), (24, True, False), (28, True, True)]
)
def test_a_cut_quote_keeps_what_is_there(left: int, *, has_ports: bool, has_sequence: bool) -> None:
    quoted = _dissect(UNREACHABLE[: 8 + left]).quoted
    assert quoted is not None
    assert (quoted.sport is not None, quoted.tcp_seq is not None) == (has_ports, has_sequence)


def test_a_quote_without_a_whole_header_is_none() -> None:
    assert _dissect(UNREACHABLE[:27]).quoted is None


@pytest.mark.parametrize(("word", "mtu"), [(b"\0\0\x05\x78", 1400), (bytes(4), None)])
def test_fragmentation_needed_tells_the_mtu_unless_the_router_is_old(word: bytes, mtu: int | None) -> None:
    assert _dissect(_v4(3, 4, word, _ipv4(6, TCP_TOP))).mtu == mtu


def test_a_redirect_names_the_better_gateway() -> None:
    m = _dissect(_v4(5, 1, GATEWAY, _ipv4(6, TCP_TOP)))
    assert (m.gateway, m.quoted) == (GATEWAY, QUOTED)


@pytest.mark.parametrize(
    "chain",
    [
        (6, b""),
        (0, bytes([6, 0]) + bytes(6)),
        (60, bytes([43, 1]) + bytes(14) + bytes([6, 0]) + bytes(6)),
        (44, bytes([6, 0, 0, 1]) + bytes(4)),
        (51, bytes([6, 4]) + bytes(22)),
    ],
    ids=["none", "hop by hop", "destination, routing", "first fragment", "authentication"],
)
def test_an_ipv6_quote_is_read_behind_its_extension_headers(chain: tuple[int, bytes]) -> None:
    first, extensions = chain
    quoted = _dissect(_v4(1, 4, rest=_ipv6(first, extensions + TCP_TOP)), ICMPV6).quoted
    assert quoted == QuotedPacket(SRC6, DST6, 6, 50000, 4321, 0, 61, 0xDEADBEEF)


def test_a_later_ipv6_fragment_has_no_ports() -> None:
    quoted = _dissect(_v4(3, 0, rest=_ipv6(44, bytes([6, 0, 0, 8]) + bytes(4) + TCP_TOP)), ICMPV6).quoted
    assert quoted is not None
    assert (quoted.proto, quoted.sport) == (6, None)


def test_packet_too_big_tells_the_mtu() -> None:
    assert _dissect(_v4(2, 0, struct.pack("!I", 1280), _ipv6(6, TCP_TOP)), ICMPV6).mtu == 1280


@pytest.mark.parametrize(("kind", "option"), [(135, 1), (136, 2)])
def test_neighbour_discovery_names_target_and_link_address(kind: int, option: int) -> None:
    m = _dissect(_v4(kind, 0, rest=DST6 + bytes([option, 1]) + MAC), ICMPV6)
    assert (m.target, m.link_address) == (DST6, MAC)


def test_a_router_advertisement_gives_lifetime_resolvers_and_nat64_prefix() -> None:
    m = _dissect(ADVERTISEMENT, ICMPV6)
    assert (m.router_lifetime_s, m.link_address, m.dns_servers, m.has_pref64) == (1800, MAC, (DST6,), True)


def _prefix(length: int, flags: int, valid: int) -> bytes:
    return struct.pack("!BBBBIII", 3, 4, length, flags, valid, 600, 0) + DST6


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (_prefix(64, 0xC0, 3600), (AdvertisedPrefix(DST6, 64, True, True),)),
        (_prefix(64, 0x80, 3600), (AdvertisedPrefix(DST6, 64, True, False),)),
        (_prefix(64, 0xC0, 0), ()),
        (_prefix(129, 0xC0, 3600), ()),
        (_prefix(64, 0xC0, 3600)[:24], ()),
    ],
)
def test_a_prefix_is_told_with_its_flags_unless_it_is_withdrawn_or_broken(
    option: bytes, told: tuple[AdvertisedPrefix, ...]
) -> None:
    m = _dissect(ADVERTISEMENT[:16] + option, ICMPV6)
    assert m.prefixes == told


@pytest.mark.parametrize(("flags", "told"), [(0x80, (True, False)), (0x40, (False, True)), (0, (False, False))])
def test_the_flags_of_a_router_send_hosts_to_dhcpv6(flags: int, told: tuple[bool, bool]) -> None:
    m = _dissect(ADVERTISEMENT[:5] + bytes([flags]) + ADVERTISEMENT[6:], ICMPV6)
    assert (m.is_managed, m.has_other) == told


def test_a_withdrawn_resolver_is_none() -> None:
    withdrawn = ADVERTISEMENT.replace(struct.pack("!I", 600) + DST6, bytes(4) + DST6)
    assert _dissect(withdrawn, ICMPV6).dns_servers == ()


def test_an_ipv6_redirect_names_gateway_and_quotes_the_packet() -> None:
    quote = bytes([4, 7]) + bytes(6) + _ipv6(6, TCP_TOP)
    m = _dissect(_v4(137, 0, rest=SRC6 + DST6 + quote), ICMPV6)
    assert m.gateway == SRC6
    assert m.quoted is not None
    assert m.quoted.dport == 4321


def test_an_option_of_length_zero_ends_the_walk() -> None:
    assert _dissect(_v4(135, 0, rest=DST6 + bytes(2000)), ICMPV6).link_address is None


@pytest.mark.parametrize("size", range(4))
def test_less_than_four_octets_is_malformed(size: int) -> None:
    assert isinstance(icmp.dissect(UNREACHABLE[:size], packet(proto=ICMP)), Malformed)


@settings(deadline=None)
@given(hostile(UNREACHABLE, ADVERTISEMENT, _v4(1, 4, rest=_ipv6(0, bytes([6, 0]) + bytes(6) + TCP_TOP))))
def test_no_bytes_make_it_raise(payload: bytes) -> None:
    for proto in (ICMP, ICMPV6):
        assert isinstance(icmp.dissect(payload, packet(proto=proto)), IcmpMessage | Malformed)


@pytest.mark.needs_captures
@pytest.mark.parametrize(
    "name", ["dhcp-arp/ipfixprobe__mixed.pcap", "dns/dpkt__dns_icmp.pcap", "tcp-symptom/community-id-spec__icmp.pcap"]
)
def test_types_and_codes_agree_with_tshark(
    name: str, shared_captures: Path, truth: dict[str, dict[str, object]]
) -> None:
    datagrams = read_capture(shared_captures / name).datagrams
    messages = [icmp.dissect(data, at) for at, data in datagrams if at.proto == ICMP]
    counted = Counter(f"{m.type}.{m.code}" for m in messages if isinstance(m, IcmpMessage))
    assert counted == truth[name]["icmp_type_code"]
