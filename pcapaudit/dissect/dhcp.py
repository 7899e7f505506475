"""DHCPv4 and BOOTP messages (RFC 2131, RFC 2132).

dpkt reads the fixed header; the options are walked here, because dpkt raises IndexError on a
bad length, knows no overload and no options in several parts.
"""

from __future__ import annotations

from typing import Any

from pcapaudit.dissect import guard
from pcapaudit.dissect.text import padded_text
from pcapaudit.model.events import DhcpMessage, Malformed, Packet

_HEADER_SIZE = 236
_COOKIE = b"\x63\x82\x53\x63"
_CHADDR_END = 44
_SNAME, _FILE = slice(44, 108), slice(108, 236)
_PAD, _OVERLOAD, _END = 0, 52, 255


def dissect(payload: bytes, at: Packet) -> DhcpMessage | Malformed:
    """One message; without the magic cookie it is BOOTP, ``kind`` 0.

    A payload that the snap length cut behind the hardware address still gives the header's fields.
    """
    if len(payload) < _CHADDR_END or (len(payload) < _HEADER_SIZE and len(payload) >= at.payload_len):
        return Malformed(at, "dhcp", "shorter than the header")
    if payload[0] not in (1, 2):
        return Malformed(at, "dhcp", "neither request nor reply")
    # An end option alone keeps dpkt from walking options.
    header = guard.parse(_parse_header, payload[:240].ljust(240, b"\0") + bytes([_END]), at=at, protocol="dhcp")
    if isinstance(header, Malformed):
        return header
    options, is_complete = _read_options(payload, is_whole=len(payload) >= at.payload_len)
    return _build(at, header, payload, options, is_complete=is_complete)


def _parse_header(data: bytes) -> Any:
    import dpkt.dhcp  # noqa: PLC0415 - many captures hold no DHCP, and it takes longer to load than a small one to be read

    return dpkt.dhcp.DHCP(data)


def _build(at: Packet, header: Any, payload: bytes, options: dict[int, bytes], *, is_complete: bool) -> DhcpMessage:
    return DhcpMessage(
        at=at,
        op=header.op,
        kind=_number(options, 53, 1) or 0,
        xid=header.xid,
        secs=header.secs,
        hops=header.hops,
        broadcast=bool(header.flags & 0x8000),
        ciaddr=payload[12:16],
        yiaddr=payload[16:20],
        siaddr=payload[20:24],
        giaddr=payload[24:28],
        chaddr=payload[28 : 28 + min(header.hln, 16)],
        server_id=_address(options, 54),
        requested=_address(options, 50),
        mask=_address(options, 1),
        routers=_addresses(options, 3),
        dns_servers=_addresses(options, 6),
        ntp_servers=_addresses(options, 42),
        lease_s=_number(options, 51, 4),
        domain=_text(options, 15),
        host_name=_text(options, 12),
        vendor_class=_text(options, 60),
        client_id=options.get(61),
        asked_options=tuple(options.get(55, b"")),
        has_classless_routes=121 in options,
        portal_uri=_text(options, 114),
        ipv6_only_s=_number(options, 108, 4),
        wpad=_text(options, 252),
        is_complete=is_complete,
    )


def _read_options(payload: bytes, *, is_whole: bool) -> tuple[dict[int, bytes], bool]:
    """All options, those of overloaded fields included, and whether the walk went to its end.

    Source: RFC 2131, section 4.1 (the order options, file, sname); RFC 2132, section 9.3.
    """
    options: dict[int, bytes] = {}
    start = _HEADER_SIZE + len(_COOKIE)
    if payload[_HEADER_SIZE:start] != _COOKIE:
        return options, is_whole
    is_complete = _walk(payload[start:], options, is_whole=is_whole)
    overload = _number(options, _OVERLOAD, 1) or 0
    if overload & 1:
        is_complete &= _walk(payload[_FILE], options, is_whole=True)
    if overload & 2:
        is_complete &= _walk(payload[_SNAME], options, is_whole=True)
    return options, is_complete


def _walk(area: bytes, options: dict[int, bytes], *, is_whole: bool) -> bool:
    """Collect the options of one area; an option that comes again continues the first (RFC 3396).

    Returns:
        Whether nothing is missing. Some senders forget the end option, so an area that is
        known to be whole may do without.
    """
    pos = 0
    parts: dict[int, list[bytes]] = {}
    while pos < len(area) and area[pos] != _END:
        if area[pos] == _PAD:
            pos += 1
            continue
        end = pos + 2 + area[pos + 1] if pos + 1 < len(area) else len(area) + 1
        if end > len(area):
            is_whole = False
            break
        parts.setdefault(area[pos], []).append(area[pos + 2 : end])
        pos = end
    for code, values in parts.items():
        options[code] = options.get(code, b"") + b"".join(values)
    return is_whole or (pos < len(area) and area[pos] == _END)


def _number(options: dict[int, bytes], code: int, size: int) -> int | None:
    value = options.get(code, b"")
    return int.from_bytes(value[:size], "big") if len(value) >= size else None


def _address(options: dict[int, bytes], code: int) -> bytes | None:
    value = options.get(code, b"")
    return value[:4] if len(value) >= 4 else None


def _addresses(options: dict[int, bytes], code: int) -> tuple[bytes, ...]:
    value = options.get(code, b"")
    return tuple(value[i : i + 4] for i in range(0, len(value) - 3, 4))


def _text(options: dict[int, bytes], code: int) -> str | None:
    value = options.get(code)
    return None if value is None else padded_text(value)
