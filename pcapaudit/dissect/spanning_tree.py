"""Bridge protocol data units (IEEE 802.1D-2004, clause 9)."""

from __future__ import annotations

from pcapaudit.model.events import Malformed, Packet, SpanningTree

_CONFIGURATION, _RAPID, _CHANGE_NOTE = 0x00, 0x02, 0x80
_CHANGE_FLAG = 0x01


def dissect(payload: bytes, at: Packet) -> SpanningTree | Malformed:
    """One BPDU, from behind the LLC header."""
    if len(payload) < 4:
        return Malformed(at, "stp", "shorter than the header")
    if payload[:2] != b"\0\0":
        return Malformed(at, "stp", "protocol identifier is not zero")
    kind = payload[3]
    if kind == _CHANGE_NOTE:
        return SpanningTree(at, is_topology_change=True)
    if kind not in (_CONFIGURATION, _RAPID):
        return Malformed(at, "stp", f"type {kind:#04x}")
    if len(payload) < 5:
        return Malformed(at, "stp", "ends before the flags")
    return SpanningTree(at, is_topology_change=bool(payload[4] & _CHANGE_FLAG))
