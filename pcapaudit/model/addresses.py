"""Addresses: packed bytes inside, text at the border, and the questions rules ask of them."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

ANY_V4 = bytes(4)
BROADCAST_V4 = b"\xff" * 4
BROADCAST_MAC = b"\xff" * 6
_NAT64 = bytes.fromhex("0064ff9b") + bytes(8)
_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-]?[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}(\.[0-9A-Fa-f]{4}){2}")

# Private in the sense of "cannot be a server on the internet": RFC 1918, RFC 6598, RFC 4193.
_PRIVATE = tuple(ip_network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))


@lru_cache(maxsize=65536)
def _parsed(address: bytes) -> IPv4Address | IPv6Address:
    return ip_address(address)


@lru_cache(maxsize=65536)
def ip_text(address: bytes) -> str:
    """Text of a packed address; IPv6 after RFC 5952."""
    return str(_parsed(address))


def mac_text(mac: bytes) -> str:
    """Lower case, colons between the octets."""
    return mac.hex(":")


def parse_ip(text: str) -> bytes:
    """Packed form of an address. Raises ValueError when the text is none."""
    return ip_address(text).packed


def parse_mac(text: str) -> bytes:
    """Packed form of ``aa:bb:cc:dd:ee:ff`` (also with dashes, ``aabb.ccdd.eeff`` or bare). Raises ValueError."""
    if not _MAC.fullmatch(text):
        raise ValueError(f"{text!r} is not a MAC address")
    return bytes.fromhex(text.replace(":", "").replace("-", "").replace(".", ""))


@lru_cache(maxsize=65536)
def is_private(address: bytes) -> bool:
    """RFC 1918, shared (RFC 6598) or unique local (RFC 4193)."""
    parsed = _parsed(address)
    return any(parsed.version == net.version and parsed in net for net in _PRIVATE)


@lru_cache(maxsize=65536)
def is_link_local(address: bytes) -> bool:
    """169.254/16 (RFC 3927) or fe80::/10."""
    return _parsed(address).is_link_local


@lru_cache(maxsize=65536)
def is_unicast(address: bytes) -> bool:
    """An address that one host can own: not unspecified, multicast or the limited broadcast."""
    parsed = _parsed(address)
    return not (parsed.is_multicast or parsed.is_unspecified or address == BROADCAST_V4)


@lru_cache(maxsize=65536)
def is_public(address: bytes) -> bool:
    """An address that lies outside every site: unicast and neither private, link-local nor loopback."""
    return is_unicast(address) and not (is_private(address) or is_link_local(address) or _parsed(address).is_loopback)


@lru_cache(maxsize=4096)
def network(address: bytes, mask: bytes) -> IPv4Network | IPv6Network | None:
    """The subnet of an IPv4 address under a mask; None when the mask is no mask (RFC 950: ones, then zeros)."""
    if len(address) != 4 or len(mask) != 4:
        return None
    prefix = int.from_bytes(mask, "big").bit_count()
    if int.from_bytes(mask, "big") != (1 << 32) - (1 << (32 - prefix)):
        return None
    return ip_network((address, prefix), strict=False)


def is_inside(address: bytes, subnet: IPv4Network | IPv6Network | None) -> bool:
    """Whether the address lies in the subnet; False when either is of another family or unknown."""
    if subnet is None:
        return False
    parsed = _parsed(address)
    return parsed.version == subnet.version and parsed in subnet


def is_group_mac(mac: bytes) -> bool:
    """Broadcast or multicast (the group bit of IEEE 802)."""
    return bool(mac[0] & 1)


def translated(address: bytes) -> bytes | None:
    """The IPv4 address that a NAT64 address stands for, by the well-known prefix 64:ff9b::/96 (RFC 6052, 2.1)."""
    return address[12:] if len(address) == 16 and address.startswith(_NAT64) else None


def is_virtual_router_mac(mac: bytes) -> bool:
    """VRRP (RFC 5798) or HSRP: one address that moves between routers on purpose."""
    return mac.startswith((b"\x00\x00\x5e\x00\x01", b"\x00\x00\x5e\x00\x02", b"\x00\x00\x0c\x07\xac"))
