from __future__ import annotations

import re
from ipaddress import IPv4Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.model import addresses

V4, V6 = st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16)


def packed(text: str) -> bytes:
    return ip_address(text).packed


@given(st.one_of(V4, V6))
def test_the_text_of_an_address_leads_back_to_it(address: bytes) -> None:
    assert addresses.parse_ip(addresses.ip_text(address)) == address


@given(st.binary(min_size=6, max_size=6))
def test_the_text_of_a_mac_leads_back_to_it(mac: bytes) -> None:
    assert addresses.parse_mac(addresses.mac_text(mac)) == mac
    assert re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", addresses.mac_text(mac))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2001:0DB8:0:0:0:0:2:1", "2001:db8::2:1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("::1", "::1")],
)
def test_ipv6_is_written_as_rfc_5952_recommends(text: str, expected: str) -> None:
    assert addresses.ip_text(packed(text)) == expected


@pytest.mark.parametrize("text", ["02:00:0A:00:00:05", "02-00-0a-00-00-05", "0200.0a00.0005", "02000a000005"])
def test_macs_are_read_in_the_notations_of_labels_and_switches(text: str) -> None:
    assert addresses.parse_mac(text) == bytes.fromhex("02000a000005")


@pytest.mark.parametrize(
    "text", ["", "02:00", "1:22:33:44:55:66:7", "02:00:0a:00:00:0g", "02 00 0a 00 00 05", "10.0.0.5"]
)
def test_what_is_no_mac_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a MAC"):
        addresses.parse_mac(text)


@pytest.mark.parametrize("text", ["", "10.0.0", "10.0.0.256", "010.0.0.1", "gk.sensorist.com"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        addresses.parse_ip(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("10.0.0.5", "private"),  # RFC 1918
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),  # RFC 6598
        ("100.127.255.255", "private"),
        ("fd00::1", "private"),  # RFC 4193
        ("172.15.255.255", "public"),
        ("172.32.0.1", "public"),
        ("100.128.0.1", "public"),
        ("8.8.8.8", "public"),
        ("2001:4860:4860::8888", "public"),
        ("169.254.7.7", "link-local"),  # RFC 3927
        ("fe80::1", "link-local"),
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("0.0.0.0", "nobody"),
        ("255.255.255.255", "nobody"),
        ("224.0.0.251", "nobody"),
        ("ff02::fb", "nobody"),
        ("::", "nobody"),
    ],
)
def test_each_address_is_of_one_kind(text: str, kind: str) -> None:
    address = packed(text)

    assert addresses.is_private(address) is (kind == "private")
    assert addresses.is_public(address) is (kind == "public")
    assert addresses.is_link_local(address) is (kind == "link-local")
    assert addresses.is_unicast(address) is (kind != "nobody")


@given(address=V4, prefix=st.integers(0, 32))
def test_a_mask_of_ones_then_zeros_gives_the_subnet(address: bytes, prefix: int) -> None:
    mask = ((1 << 32) - (1 << (32 - prefix))).to_bytes(4, "big")

    assert addresses.network(address, mask) == ip_network((address, prefix), strict=False)
    assert addresses.is_inside(address, addresses.network(address, mask))


@pytest.mark.parametrize("mask", ["0.0.0.255", "255.0.255.0", "255.255.255.1"])
def test_a_mask_with_a_hole_or_upside_down_gives_no_subnet(mask: str) -> None:
    assert addresses.network(packed("10.0.0.5"), packed(mask)) is None


@pytest.mark.parametrize(
    ("address", "mask"), [(b"", b"\xff" * 4), (b"\x0a\0\0\5", b"\xff\xff\xff"), (bytes(16), b"\xff" * 4)]
)
def test_an_address_or_mask_of_another_size_gives_no_subnet(address: bytes, mask: bytes) -> None:
    assert addresses.network(address, mask) is None


@pytest.mark.parametrize(
    ("address", "subnet", "expected"),
    [
        ("10.0.0.77", "10.0.0.0/24", True),
        ("10.0.1.1", "10.0.0.0/24", False),
        ("2001:db8::1", "10.0.0.0/24", False),
        ("10.0.0.1", None, False),
    ],
)
def test_inside_is_asked_of_a_known_subnet_of_the_same_family(
    address: str, subnet: str | None, *, expected: bool
) -> None:
    assert addresses.is_inside(packed(address), IPv4Network(subnet) if subnet else None) is expected


@pytest.mark.parametrize(
    ("mac", "is_group", "is_virtual"),
    [
        ("ffffffffffff", True, False),
        ("01005e000001", True, False),
        ("3333000000fb", True, False),
        ("00005e000105", False, True),  # VRRP, RFC 5798 section 7.3
        ("00005e000201", False, True),
        ("00000c07ac01", False, True),  # HSRP, RFC 2281
        ("02000a000005", False, False),
    ],
)
def test_group_and_virtual_router_macs_are_known(mac: str, *, is_group: bool, is_virtual: bool) -> None:
    assert addresses.is_group_mac(bytes.fromhex(mac)) is is_group
    assert addresses.is_virtual_router_mac(bytes.fromhex(mac)) is is_virtual


@pytest.mark.parametrize(
    ("address", "answer"),
    [("64:ff9b::36e5:cbbe", "54.229.203.190"), ("64:ff9b:1::36e5:cbbe", None), ("10.0.0.1", None)],
)
def test_an_address_of_the_well_known_translation_prefix_stands_for_an_ipv4_address(
    address: str, answer: str | None
) -> None:
    found = addresses.translated(addresses.parse_ip(address))

    assert (addresses.ip_text(found) if found is not None else None) == answer
