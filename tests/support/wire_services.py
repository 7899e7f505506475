"""Literal messages of the small services: DNS, DHCP, NTP. Tests only, from the standards with ``struct``."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

KINDS = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "TXT": 16, "AAAA": 28, "SRV": 33, "OPT": 41, "HTTPS": 65}
"""DNS record types by their name (RFC 1035, 3596, 9460)."""

DHCP_KINDS = {"DISCOVER": 1, "OFFER": 2, "REQUEST": 3, "DECLINE": 4, "ACK": 5, "NAK": 6, "RELEASE": 7, "INFORM": 8}
"""Values of DHCP option 53 (RFC 2132, 9.6)."""

NTP_ERA_S = 2_208_988_800
"""Seconds from 1900 to 1970."""


def name_bytes(name: str) -> bytes:
    """Give a domain name as labels, letter case kept, without compression. Source: RFC 1035, 3.1."""
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


@dataclass(frozen=True, slots=True)
class Record:
    """One answer record; ``data`` is an address or a name as text."""

    name: str
    kind: str
    data: str
    ttl: int = 60


@dataclass(frozen=True, slots=True)
class Dns:
    """What a DNS message says beside its question. ``ede`` is an extended error (RFC 8914)."""

    id: int
    is_response: bool = False
    rcode: int = 0
    answers: tuple[Record, ...] = ()
    has_soa: bool = False
    is_truncated: bool = False
    has_edns: bool = False
    ede: int | None = None


def dns(name: str, kind: str, message: Dns) -> bytes:
    """Give a DNS message with one question. Source: RFC 1035, 4.1; RFC 6891, 6.1."""
    flags = 0x0100 | (0x8080 if message.is_response else 0) | (0x0200 if message.is_truncated else 0) | message.rcode
    has_opt = message.has_edns or message.ede is not None
    counts = (1, len(message.answers), int(message.has_soa), int(has_opt))
    question = name_bytes(name) + struct.pack(">HH", KINDS[kind], 1)
    answers = b"".join(_record(record) for record in message.answers)
    authority = _soa(name) if message.has_soa else b""
    opt = _opt(message.ede) if has_opt else b""
    return struct.pack(">6H", message.id, flags, *counts) + question + answers + authority + opt


def _record(record: Record) -> bytes:
    return _resource(record.name, record.kind, _record_data(record), ttl=record.ttl)


def _record_data(record: Record) -> bytes:
    if record.kind in ("A", "AAAA"):
        return ip_address(record.data).packed
    if record.kind in ("CNAME", "NS", "PTR"):
        return name_bytes(record.data)
    return record.data.encode()


def _resource(name: str, kind: str, data: bytes, *, ttl: int) -> bytes:
    return name_bytes(name) + struct.pack(">HHIH", KINDS[kind], 1, ttl, len(data)) + data


def _soa(name: str) -> bytes:
    zone = ".".join(name.split(".")[-2:])
    data = name_bytes("ns." + zone) + name_bytes("admin." + zone) + struct.pack(">5I", 1, 7200, 900, 86400, 300)
    return _resource(zone, "SOA", data, ttl=300)


def _opt(ede: int | None) -> bytes:
    data = b"" if ede is None else struct.pack(">HHH", 15, 2, ede)
    return b"\0" + struct.pack(">HHIH", KINDS["OPT"], 1232, 0, len(data)) + data


@dataclass(frozen=True, slots=True)
class Dhcp:
    """The fixed part of a DHCP message; addresses are packed IPv4. Source: RFC 2131, section 2."""

    kind: int
    xid: int
    chaddr: bytes
    secs: int = 0
    hops: int = 0
    is_broadcast: bool = False
    ciaddr: bytes = bytes(4)
    yiaddr: bytes = bytes(4)
    giaddr: bytes = bytes(4)
    options: tuple[tuple[int, bytes], ...] = ()
    """After option 53, in this order."""


def dhcp(message: Dhcp) -> bytes:
    """Give a DHCP message, padded to BOOTP's 300 bytes (RFC 1542, 2.1)."""
    op = 2 if message.kind in (2, 5, 6) else 1
    head = struct.pack(">BBBBIHH", op, 1, 6, message.hops, message.xid, message.secs, message.is_broadcast << 15)
    addresses = message.ciaddr + message.yiaddr + bytes(4) + message.giaddr
    options = ((53, bytes([message.kind])), *message.options)
    tail = b"".join(bytes([code, len(value)]) + value for code, value in options) + b"\xff"
    return (head + addresses + message.chaddr.ljust(16, b"\0") + bytes(192) + b"\x63\x82\x53\x63" + tail).ljust(
        300, b"\0"
    )


DHCP6_KINDS = {"SOLICIT": 1, "ADVERTISE": 2, "REQUEST": 3, "RENEW": 5, "REPLY": 7, "INFORM": 11}
"""DHCPv6 message types (RFC 8415, 7.3); INFORM stands for INFORMATION-REQUEST."""


@dataclass(frozen=True, slots=True)
class Dhcp6:
    """A DHCPv6 message with one association; addresses are packed and strung together. Source: RFC 8415, 21."""

    kind: int
    xid: int
    client_mac: bytes
    server_mac: bytes | None = None
    addresses: bytes = b""
    dns_servers: bytes = b""
    status: int | None = None


def dhcp6(message: Dhcp6) -> bytes:
    """Give a DHCPv6 message; identifiers are made from the MACs. Source: RFC 8415, sections 8, 11.4 and 21."""
    parts = [_option6(1, b"\0\x03\0\x01" + message.client_mac)]
    if message.server_mac is not None:
        parts.append(_option6(2, b"\0\x03\0\x01" + message.server_mac))
    if message.kind != DHCP6_KINDS["INFORM"]:
        parts.append(_association(message))
    if message.dns_servers:
        parts.append(_option6(23, message.dns_servers))
    return bytes([message.kind]) + message.xid.to_bytes(3, "big") + b"".join(parts)


def _association(message: Dhcp6) -> bytes:
    starts = range(0, len(message.addresses), 16)
    inner = b"".join(_option6(5, message.addresses[at : at + 16] + struct.pack(">II", 3600, 7200)) for at in starts)
    if message.status is not None:
        inner += _option6(13, struct.pack(">H", message.status))
    return _option6(3, struct.pack(">III", 1, 1800, 2880) + inner)


def _option6(code: int, value: bytes) -> bytes:
    return struct.pack(">HH", code, len(value)) + value


def packed_list(addresses: str) -> bytes:
    """Give the packed form of addresses written with commas between them."""
    return b"".join(ip_address(text).packed for text in addresses.split(",") if text)


def ntp_time(time_ns: int) -> bytes:
    """Give a 64-bit NTP time stamp of ns since 1970; 0 stays 0 (unknown). Source: RFC 5905, section 6."""
    if not time_ns:
        return bytes(8)
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return struct.pack(">II", (seconds + NTP_ERA_S) % 2**32, (rest << 32) // 1_000_000_000)


def ntp(mode: int, times: Sequence[bytes], *, stratum: int = 0, leap: int = 0, refid: bytes = bytes(4)) -> bytes:
    """Give an NTP packet; ``times`` are reference, origin, receive, transmit as 8 bytes. Source: RFC 5905, 7.3."""
    first = leap << 6 | 4 << 3 | mode
    return struct.pack(">BBbb", first, stratum, 6, -20) + bytes(8) + refid + b"".join(times)
