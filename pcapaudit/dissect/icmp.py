"""ICMP, ICMPv6 and neighbour discovery (RFC 792, RFC 1191, RFC 4443, RFC 4861)."""

from __future__ import annotations

from collections.abc import Iterator

from pcapaudit.model.events import AdvertisedPrefix, IcmpMessage, Malformed, Packet, QuotedPacket
from pcapaudit.model.records import dataclass

_ICMPV6 = 58
_HEADER = 8
_QUOTING_V4 = frozenset((3, 4, 5, 11, 12))
_ECHO = {4: frozenset((0, 8)), 6: frozenset((128, 129))}
_QUOTING_V6 = frozenset((1, 2, 3, 4))
_ROUTER_SOLICITATION, _ROUTER_ADVERTISEMENT = 133, 134
_NEIGHBOUR_SOLICITATION, _NEIGHBOUR_ADVERTISEMENT, _REDIRECT = 135, 136, 137
_OPTIONS_AT = {
    _ROUTER_SOLICITATION: 8,
    _ROUTER_ADVERTISEMENT: 16,
    _NEIGHBOUR_SOLICITATION: 24,
    _NEIGHBOUR_ADVERTISEMENT: 24,
    _REDIRECT: 40,
}
_LINK_ADDRESS, _PREFIX, _REDIRECTED, _RDNSS, _PREF64 = (1, 2), 3, 4, 25, 38
_MANAGED, _OTHER = 0x80, 0x40
_ON_LINK, _AUTONOMOUS = 0x80, 0x40
_MAX_PREFIXES = 64
"""Prefixes and name servers kept of one message; a link has a handful."""

_TCP = 6
_WITH_PORTS = frozenset((_TCP, 17, 33, 132, 136))
"""Protocols whose first four octets are the two ports: TCP, UDP, DCCP, SCTP, UDP-Lite."""
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION = 0, 43, 44, 51, 60
_EXTENSIONS = frozenset((_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION))
_MAX_EXTENSIONS = 8


def dissect(payload: bytes, at: Packet) -> IcmpMessage | Malformed:
    """One message; ``at.proto`` says which of the two protocols it is.

    Fields behind a cut are None. Malformed when not even type and code and checksum are there.
    """
    if len(payload) < 4:
        return Malformed(at, "icmp", "shorter than the header")
    if at.proto == _ICMPV6:
        return _read_v6(payload, IcmpMessage(at=at, family=6, type=payload[0], code=payload[1]))
    return _read_v4(payload, IcmpMessage(at=at, family=4, type=payload[0], code=payload[1]))


def _read_v4(data: bytes, message: IcmpMessage) -> IcmpMessage:
    if len(data) < _HEADER:
        return message
    if message.type in _ECHO[4]:
        return _with_echo(data, message)
    if message.type not in _QUOTING_V4:
        return message
    message = message._replace(quoted=read_quote(data[_HEADER:]))
    if message.type == 5:
        return message._replace(gateway=data[4:8])
    if (message.type, message.code) == (3, 4):
        # Routers older than RFC 1191 leave zero there: unknown.
        return message._replace(mtu=int.from_bytes(data[6:8], "big") or None)
    return message


def _read_v6(data: bytes, message: IcmpMessage) -> IcmpMessage:
    if len(data) < _HEADER:
        return message
    if message.type in _ECHO[6]:
        return _with_echo(data, message)
    if message.type in _QUOTING_V6:
        mtu = int.from_bytes(data[4:8], "big") if message.type == 2 else None
        return message._replace(quoted=read_quote(data[_HEADER:]), mtu=mtu)
    if message.type in _OPTIONS_AT:
        return _with_options(data, _with_discovery(data, message))
    return message


def _with_echo(data: bytes, message: IcmpMessage) -> IcmpMessage:
    return message._replace(id=int.from_bytes(data[4:6], "big"), sequence=int.from_bytes(data[6:8], "big"))


def _with_discovery(data: bytes, message: IcmpMessage) -> IcmpMessage:
    """The fixed part of RFC 4861, sections 4.1 to 4.5."""
    if message.type == _ROUTER_ADVERTISEMENT:
        return message._replace(
            router_lifetime_s=int.from_bytes(data[6:8], "big"),
            is_managed=bool(data[5] & _MANAGED),
            has_other=bool(data[5] & _OTHER),
        )
    target = data[8:24] if len(data) >= 24 else None
    if message.type == _REDIRECT:
        return message._replace(gateway=target)
    if message.type == _ROUTER_SOLICITATION:
        return message
    return message._replace(target=target)


def _with_options(data: bytes, message: IcmpMessage) -> IcmpMessage:
    link_address, quoted, has_pref64 = message.link_address, message.quoted, False
    servers: list[bytes] = []
    prefixes: list[AdvertisedPrefix] = []
    for kind, value in _options(data[_OPTIONS_AT[message.type] :]):
        if kind in _LINK_ADDRESS:
            # Ethernet's six octets fill the first option unit exactly.
            link_address = value[:6] if link_address is None else link_address
        elif kind == _REDIRECTED:
            quoted = read_quote(value[6:])
        elif kind == _RDNSS and int.from_bytes(value[2:6], "big"):
            # A lifetime of zero withdraws the servers (RFC 8106, 5.1).
            servers += [value[i : i + 16] for i in range(6, len(value) - 15, 16)]
        elif kind == _PREF64:
            has_pref64 = True
        elif kind == _PREFIX and len(value) >= 30 and value[0] <= 128 and int.from_bytes(value[2:6], "big"):
            # A valid lifetime of zero withdraws the prefix (RFC 4862, 5.5.3).
            flags = value[1]
            prefixes.append(AdvertisedPrefix(value[14:30], value[0], bool(flags & _ON_LINK), bool(flags & _AUTONOMOUS)))
    return message._replace(
        link_address=link_address,
        quoted=quoted,
        dns_servers=tuple(servers[:_MAX_PREFIXES]),
        has_pref64=has_pref64,
        prefixes=tuple(prefixes[:_MAX_PREFIXES]),
    )


def _options(area: bytes) -> Iterator[tuple[int, bytes]]:
    """Whole options; a length of zero or beyond the end stops the walk (RFC 4861, 4.6)."""
    pos = 0
    while pos + 2 <= len(area):
        size = area[pos + 1] * 8
        if size == 0 or pos + size > len(area):
            return
        yield area[pos], area[pos + 2 : pos + size]
        pos += size


@dataclass(frozen=True, slots=True)
class _Upper:
    """Where the payload of a quoted IP packet begins, and what it is."""

    proto: int
    start: int
    is_first_fragment: bool = True


def read_quote(data: bytes) -> QuotedPacket | None:
    """The packet whose first bytes an error quotes; None without a whole IP header."""
    if not data:
        return None
    version = data[0] >> 4
    if version == 4:
        return _quote_v4(data)
    return _quote_v6(data) if version == 6 else None


def _quote_v4(data: bytes) -> QuotedPacket | None:
    header = (data[0] & 0xF) * 4
    if len(data) < 20 or header < 20:
        return None
    offset = int.from_bytes(data[6:8], "big") & 0x1FFF
    upper = _Upper(proto=data[9], start=header, is_first_fragment=offset == 0)
    return _quote(data, upper, src=data[12:16], dst=data[16:20], ip_id=int.from_bytes(data[4:6], "big"), ttl=data[8])


def _quote_v6(data: bytes) -> QuotedPacket | None:
    if len(data) < 40:
        return None
    return _quote(data, _skip_extensions(data), src=data[8:24], dst=data[24:40], ip_id=0, ttl=data[7])


def _skip_extensions(data: bytes) -> _Upper:
    """RFC 8200, section 4; RFC 4302, 2.2 counts in units of four octets."""
    proto, pos, is_first = data[6], 40, True
    for _ in range(_MAX_EXTENSIONS):
        if proto not in _EXTENSIONS or pos + 8 > len(data) or not is_first:
            break
        size = {_FRAGMENT: 8, _AUTHENTICATION: (data[pos + 1] + 2) * 4}.get(proto, (data[pos + 1] + 1) * 8)
        if proto == _FRAGMENT:
            is_first = int.from_bytes(data[pos + 2 : pos + 4], "big") >> 3 == 0
        proto, pos = data[pos], pos + size
    return _Upper(proto, pos, is_first)


def _quote(data: bytes, upper: _Upper, *, src: bytes, dst: bytes, ip_id: int, ttl: int) -> QuotedPacket:
    top = data[upper.start : upper.start + 8] if upper.is_first_fragment and upper.proto in _WITH_PORTS else b""
    has_ports = len(top) >= 4
    return QuotedPacket(
        src=src,
        dst=dst,
        proto=upper.proto,
        sport=int.from_bytes(top[:2], "big") if has_ports else None,
        dport=int.from_bytes(top[2:4], "big") if has_ports else None,
        ip_id=ip_id,
        ttl=ttl,
        tcp_seq=int.from_bytes(top[4:8], "big") if upper.proto == _TCP and len(top) == 8 else None,
    )
