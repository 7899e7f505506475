"""What a switch says of itself: LLDP (IEEE 802.1AB-2016, clause 8) and CDP (version 2)."""

from __future__ import annotations

from collections.abc import Iterator

from pcapaudit.dissect.text import padded_text
from pcapaudit.model.events import Malformed, Neighbour, Packet

_LLDP_END, _LLDP_CHASSIS, _LLDP_PORT, _LLDP_SYSTEM, _LLDP_ORGANISATION = 0, 1, 2, 5, 127
_PORT_VLAN = b"\x00\x80\xc2\x01"
"""IEEE 802.1 organisation code and the subtype Port VLAN ID."""
_BY_MAC = 3
"""Port ID subtype: the value is a MAC address."""

_CDP_DEVICE, _CDP_PORT, _CDP_NATIVE_VLAN = 1, 3, 10
_CDP_HEADER = 4


def dissect(payload: bytes, at: Packet) -> Neighbour | Malformed:
    """One LLDP announcement, from behind the EtherType; VLAN is the port's untagged one, None if not told."""
    system = port = vlan = None
    for position, (kind, value) in enumerate(_lldp_fields(payload)):
        if position == 0 and kind != _LLDP_CHASSIS:
            break
        if kind == _LLDP_PORT and len(value) > 1:
            port = value[1:].hex(":") if value[0] == _BY_MAC else padded_text(value[1:])
        elif kind == _LLDP_SYSTEM:
            system = padded_text(value)
        elif kind == _LLDP_ORGANISATION and value.startswith(_PORT_VLAN) and len(value) >= 6:
            vlan = int.from_bytes(value[4:6], "big") or None
    if port is None and system is None:
        return Malformed(at, "lldp", "names neither port nor system")
    return Neighbour(at, "lldp", system, port, vlan)


def _lldp_fields(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Type (7 bits), length (9 bits), value, up to the end mark or the first one that is cut."""
    pos = 0
    while pos + 2 <= len(payload):
        head = int.from_bytes(payload[pos : pos + 2], "big")
        kind, size = head >> 9, head & 0x1FF
        if kind == _LLDP_END or pos + 2 + size > len(payload):
            return
        yield kind, payload[pos + 2 : pos + 2 + size]
        pos += 2 + size


def dissect_cdp(payload: bytes, at: Packet) -> Neighbour | Malformed:
    """One CDP announcement, from behind the SNAP header; VLAN is the native one, None if not told."""
    if len(payload) < _CDP_HEADER or payload[0] not in (1, 2):
        return Malformed(at, "cdp", "no header of version 1 or 2")
    fields: dict[int, bytes] = {}
    for kind, value in _cdp_fields(payload):
        fields.setdefault(kind, value)
    device, port, vlan = fields.get(_CDP_DEVICE), fields.get(_CDP_PORT), fields.get(_CDP_NATIVE_VLAN, b"")
    if device is None and port is None:
        return Malformed(at, "cdp", "names neither port nor system")
    return Neighbour(
        at=at,
        protocol="cdp",
        system=None if device is None else padded_text(device),
        port=None if port is None else padded_text(port),
        vlan=int.from_bytes(vlan[:2], "big") or None if len(vlan) >= 2 else None,
    )


def _cdp_fields(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and length of two octets each; the length counts its own header."""
    pos = _CDP_HEADER
    while pos + 4 <= len(payload):
        kind, size = int.from_bytes(payload[pos : pos + 2], "big"), int.from_bytes(payload[pos + 2 : pos + 4], "big")
        if size < 4 or pos + size > len(payload):
            return
        yield kind, payload[pos + 4 : pos + size]
        pos += size
