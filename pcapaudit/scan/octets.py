"""Numbers out of bytes, and the mixing of hashes.

These few functions exist twice: here for the interpreter, and in ``octets.pxd`` as inline C for
the compiled modules, which never load this file. Tests hold the two against each other.
"""

from __future__ import annotations

_ALL = 0xFFFFFFFFFFFFFFFF
_MOST = 0x7FFFFFFFFFFFFFFF


def u16(p: bytes, i: int) -> int:
    """Read 2 bytes at ``i``, high byte first."""
    return (p[i] << 8) | p[i + 1]


def u32(p: bytes, i: int) -> int:
    """Read 4 bytes at ``i``, high byte first."""
    return int.from_bytes(p[i : i + 4], "big")


def u48(p: bytes, i: int) -> int:
    """Read 6 bytes at ``i``, high byte first: a MAC address."""
    return int.from_bytes(p[i : i + 6], "big")


def i64(p: bytes, i: int) -> int:
    """Read 8 bytes at ``i``, high byte first, with sign: half an IPv6 address as the tables keep it."""
    return int.from_bytes(p[i : i + 8], "big", signed=True)


def little16(p: bytes, i: int) -> int:
    """Read 2 bytes at ``i``, low byte first."""
    return p[i] | (p[i + 1] << 8)


def sum16(p: bytes, i: int, stop: int) -> int:
    """Add up words of 2 bytes modulo 65,535; an odd last byte is a high one (RFC 1071)."""
    return int.from_bytes(p[i:stop] + bytes((stop - i) & 1), "big") % 0xFFFF


def raw64(p: bytes, i: int) -> int:
    """Read 8 bytes at ``i``, low byte first."""
    return int.from_bytes(p[i : i + 8], "little")


def fetch8(table: memoryview, place: int) -> None:
    """Ask memory for the 8-byte word at a place of a table, not waiting for it; nothing to do when interpreted."""


def fetch4(table: memoryview, place: int) -> None:
    """Ask memory for the 4-byte word at a place of a table, not waiting for it; nothing to do when interpreted."""


def copy(target: memoryview, to: int, source: bytes, at: int, size: int) -> None:
    """Copy ``size`` bytes of ``source`` from ``at`` on to the place ``to`` of ``target``."""
    target[to : to + size] = source[at : at + size]


def stir(x: int) -> int:
    """Multiply by an odd number and fold the high bits down: one step of a hash over 64 bits."""
    x = x * 0x369DEA0F31A53F85 & _ALL
    return x ^ (x >> 32)


def mix(x: int) -> int:
    """Spread a number over all 64 bits: two rounds of multiplying and shifting."""
    x ^= x >> 32
    x = stir(x)
    x = x * 0x2127599BF4325C37 & _ALL
    return x ^ (x >> 29)


def low32(x: int) -> int:
    """Keep the low 32 bits, as a number that is never negative."""
    return x & 0xFFFFFFFF


def is_after(a: int, b: int) -> bool:
    """Say whether sequence number ``a`` comes after ``b``, modulo 2**32 (RFC 9293, section 3.4)."""
    return ((a - b - 1) & 0xFFFFFFFF) < 0x7FFFFFFF


def gap(later: int, earlier: int) -> int:
    """Subtract two times; hostile ones lie further apart than 63 bits hold, which then is the answer."""
    return max(-_MOST, min(_MOST, later - earlier))
