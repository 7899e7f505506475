"""What a Cisco box on the wire says of itself by CDP (versions 1 and 2, as Cisco describes the fields)."""

from __future__ import annotations

from collections.abc import Iterator

from pcapaudit.dissect.text import padded_text
from pcapaudit.model.events import Malformed, Neighbour, Packet

_HEADER = 4
_DEVICE, _ADDRESSES, _PORT, _CAPABILITIES, _PLATFORM, _NATIVE_VLAN, _VOICE_VLAN, _MANAGEMENT = 1, 2, 3, 4, 6, 10, 14, 22
_FORWARDS = 0x01 | 0x02 | 0x04 | 0x08 | 0x40
"""Router, transparent bridge, source-route bridge, switch, repeater."""
_PHONE = 0x80
_IPV4_PROTOCOL = b"\x01\x01\xcc\x00\x04"
"""Protocol type NLPID, length 1, IPv4, then the length of the address."""


def dissect(payload: bytes, at: Packet) -> Neighbour | Malformed:
    """One announcement, from behind the SNAP header; VLAN is the native one, None if it is not told.

    What stands behind a bad length or a cut is left out; of a field that comes twice the first counts.
    """
    if len(payload) < _HEADER or payload[0] not in (1, 2):
        return Malformed(at, "cdp", "no header of version 1 or 2")
    fields: dict[int, bytes] = {}
    for kind, value in _fields(payload):
        fields.setdefault(kind, value)
    device, port = fields.get(_DEVICE), fields.get(_PORT)
    if device is None and port is None:
        return Malformed(at, "cdp", "names neither port nor system")
    return Neighbour(
        at=at,
        protocol="cdp",
        system=None if device is None else padded_text(device),
        port=None if port is None else padded_text(port),
        vlan=_vlan(fields.get(_NATIVE_VLAN, b"")),
        description=padded_text(fields[_PLATFORM]) or None if _PLATFORM in fields else None,
        # One octet of meaning unknown to the public stands before the VLAN.
        voice_vlan=_vlan(fields.get(_VOICE_VLAN, b"")[1:]),
        management=_address(fields.get(_MANAGEMENT, b"")) or _address(fields.get(_ADDRESSES, b"")),
        is_switch=_is_switch(fields.get(_CAPABILITIES, b"")),
    )


def _fields(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and length of two octets each; the length counts its own header."""
    pos = _HEADER
    while pos + 4 <= len(payload):
        kind, size = int.from_bytes(payload[pos : pos + 2], "big"), int.from_bytes(payload[pos + 2 : pos + 4], "big")
        if size < 4 or pos + size > len(payload):
            return
        yield kind, payload[pos + 4 : pos + size]
        pos += size


def _vlan(value: bytes) -> int | None:
    return int.from_bytes(value[:2], "big") or None if len(value) >= 2 else None


def _address(value: bytes) -> bytes | None:
    """The first address of a list (count, then protocol and address) when it is an IPv4 one."""
    start = 4 + len(_IPV4_PROTOCOL)
    return value[start : start + 4] if value[4:start] == _IPV4_PROTOCOL and len(value) >= start + 4 else None


def _is_switch(value: bytes) -> bool | None:
    if len(value) < 4:
        return None
    bits = int.from_bytes(value[:4], "big")
    return bool(bits & _FORWARDS) and not bits & _PHONE
