"""802.1X frames (IEEE 802.1X-2020, clause 11; EAP is RFC 3748, section 4)."""

from __future__ import annotations

from pcapaudit.model.events import EapolFrame, Malformed, Packet

_HEADER_SIZE = 4
_EAP_PACKET = 0
_WITH_TYPE = (1, 2)


def dissect(payload: bytes, at: Packet) -> EapolFrame | Malformed:
    """One frame, from behind the EtherType. The identity inside is not kept."""
    if len(payload) < _HEADER_SIZE:
        return Malformed(at, "eapol", "shorter than the header")
    packet_type = payload[1]
    size = int.from_bytes(payload[2:4], "big")
    body = payload[_HEADER_SIZE : _HEADER_SIZE + size]
    if packet_type != _EAP_PACKET or not body:
        return EapolFrame(at, packet_type, None, None)
    code = body[0]
    eap_type = body[4] if code in _WITH_TYPE and len(body) > 4 else None
    return EapolFrame(at, packet_type, code, eap_type)
