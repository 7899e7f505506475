"""What a neighbour on the wire says of itself by LLDP (IEEE 802.1AB-2016, clause 8; ANSI/TIA-1057 for LLDP-MED)."""

from __future__ import annotations

from collections.abc import Iterator

from pcapaudit.dissect.text import padded_text
from pcapaudit.model.events import Malformed, Neighbour, Packet
from pcapaudit.model.records import dataclass

_END, _CHASSIS, _PORT, _ORGANISATION = 0, 1, 2, 127
_PORT_TEXT, _SYSTEM, _SYSTEM_TEXT, _CAPABILITIES, _MANAGEMENT = 4, 5, 6, 7, 8
_PORT_VLAN = b"\x00\x80\xc2\x01"
"""IEEE 802.1 organisation code and the subtype Port VLAN ID (IEEE 802.1Q, D.2.1)."""
_MED_POLICY = b"\x00\x12\xbb\x02"
"""LLDP-MED organisation code and the subtype Network Policy (ANSI/TIA-1057, 10.2.3)."""
_MED_VOICE = 1
_BY_MAC = 3
"""Port ID subtype: the value is a MAC address."""
_FORWARDS = 0x0002 | 0x0004 | 0x0008 | 0x0010 | 0x0100 | 0x0200
"""System capabilities repeater, bridge, access point, router, C-VLAN and S-VLAN component (8.5.8)."""
_TELEPHONE = 0x0020
_ADDRESS_SIZES = {1: 4, 2: 16}
"""Address families of a management address that are kept: IPv4 and IPv6 (8.5.9), with their octets."""


@dataclass(slots=True)
class _Told:
    system: str | None = None
    port: str | None = None
    port_text: str | None = None
    description: str | None = None
    vlan: int | None = None
    voice_vlan: int | None = None
    management: bytes | None = None
    is_switch: bool | None = None


def dissect(payload: bytes, at: Packet) -> Neighbour | Malformed:
    """One announcement, from behind the EtherType.

    VLAN is the port's untagged one, None if it is not told or zero; what stands behind a cut is left out.
    """
    told = _Told()
    for position, (kind, value) in enumerate(_fields(payload)):
        if position == 0 and kind != _CHASSIS:
            break
        _read(kind, value, told)
    if told.port is None and told.system is None:
        return Malformed(at, "lldp", "names neither port nor system")
    return Neighbour(
        at=at,
        protocol="lldp",
        system=told.system,
        port=told.port,
        vlan=told.vlan,
        port_text=told.port_text,
        description=told.description,
        voice_vlan=told.voice_vlan,
        management=told.management,
        is_switch=told.is_switch,
    )


def _fields(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Type (7 bits), length (9 bits), value, up to the end mark or the first one that is cut."""
    pos = 0
    while pos + 2 <= len(payload):
        head = int.from_bytes(payload[pos : pos + 2], "big")
        kind, size = head >> 9, head & 0x1FF
        if kind == _END or pos + 2 + size > len(payload):
            return
        yield kind, payload[pos + 2 : pos + 2 + size]
        pos += 2 + size


def _read(kind: int, value: bytes, told: _Told) -> None:
    if kind == _PORT and len(value) > 1:
        told.port = value[1:].hex(":") if value[0] == _BY_MAC else padded_text(value[1:])
    elif kind == _PORT_TEXT:
        told.port_text = padded_text(value) or None
    elif kind == _SYSTEM:
        told.system = padded_text(value)
    elif kind == _SYSTEM_TEXT:
        told.description = padded_text(value) or None
    elif kind == _CAPABILITIES and len(value) >= 4:
        told.is_switch = _is_switch(int.from_bytes(value[2:4], "big"))
    elif kind == _MANAGEMENT and told.management is None:
        told.management = _management(value)
    elif kind == _ORGANISATION:
        _read_organisation(value, told)


def _read_organisation(value: bytes, told: _Told) -> None:
    if value.startswith(_PORT_VLAN) and len(value) >= 6:
        told.vlan = int.from_bytes(value[4:6], "big") or None
    elif value.startswith(_MED_POLICY) and len(value) >= 8 and value[4] == _MED_VOICE:
        # Three flags, then twelve bits of VLAN, then priority and code point.
        told.voice_vlan = (int.from_bytes(value[5:8], "big") >> 9) & 0xFFF or None


def _is_switch(enabled: int) -> bool:
    """Whether the enabled capabilities are those of a network box; a telephone with a second port is none."""
    return bool(enabled & _FORWARDS) and not enabled & _TELEPHONE


def _management(value: bytes) -> bytes | None:
    """Length (family included), family, address (8.5.9)."""
    if len(value) < 2:
        return None
    size = _ADDRESS_SIZES.get(value[1])
    return value[2 : 2 + size] if size is not None and value[0] == size + 1 and len(value) >= 2 + size else None
