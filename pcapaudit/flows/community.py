"""Community ID: one short text per flow that every tool computes alike, so that their tables can be joined."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Mapping

ICMP, TCP, UDP, ICMP6, SCTP = 1, 6, 17, 58, 132
VERSION = "1"

ICMP_PAIRS: Mapping[int, int] = {0: 8, 8: 0, 9: 10, 10: 9, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17}
"""ICMP types of which one answers the other: echo, router, time stamp, information, address mask."""
ICMP6_PAIRS: Mapping[int, int] = {
    128: 129, 129: 128, 130: 131, 131: 130, 133: 134, 134: 133,
    135: 136, 136: 135, 139: 140, 140: 139, 144: 145, 145: 144,
}  # fmt: skip
"""ICMPv6 types of which one answers the other; the specification lets 130 and 131 belong together, too."""
_WITH_PORTS = frozenset({TCP, UDP, SCTP})


def icmp_ports(proto: int, kind: int, code: int) -> tuple[int, int, bool]:
    """What stands for the two ports of an ICMP message.

    Args:
        proto: 1 (ICMP) or 58 (ICMPv6).
        kind: Type of the message.
        code: Its code.

    Returns:
        Source "port", destination "port", and whether the message has no answering type: then the
        second number is the code and the direction is kept.

    Source: Community ID flow hashing, version 1.
    """
    pairs = ICMP_PAIRS if proto == ICMP else ICMP6_PAIRS
    answer = pairs.get(kind)
    return (kind, code, True) if answer is None else (kind, answer, False)


def community_id(
    proto: int, src: bytes, sport: int, dst: bytes, dport: int, *, is_one_way: bool = False, seed: int = 0
) -> str:
    """The Community ID of a flow, e.g. ``1:LQU9qZlK+B5F3KDmev6m5PMibrg=``.

    Args:
        proto: IP protocol number.
        src: Packed source address.
        sport: Source port; for ICMP what ``icmp_ports`` gives. No part of the hash for protocols without ports.
        dst: Packed destination address of the same family.
        dport: Destination port, likewise.
        is_one_way: Keep the direction as given (ICMP messages without an answering type).
        seed: Number from 0 to 65535 that all tools must share.

    Both directions of a flow give the same text.

    Source: Community ID flow hashing, version 1 (SHA-1, base64).
    """
    if not is_one_way and (dst, dport) < (src, sport):
        src, sport, dst, dport = dst, dport, src, sport
    data = struct.pack("!H", seed) + src + dst + struct.pack("!BB", proto, 0)
    if proto in _WITH_PORTS or proto in (ICMP, ICMP6):
        data += struct.pack("!HH", sport, dport)
    digest = hashlib.sha1(data, usedforsecurity=False).digest()
    return f"{VERSION}:{base64.b64encode(digest).decode('ascii')}"
