"""Frames of real captures, damaged one by one: headers that lie, tunnels that nest, times that jump."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO

from pcapaudit.capture import open_capture
from pcapaudit.model.frames import CaptureNotes
from tests.fuzz import seeds as real

LINKS = (0, 1, 9, 10, 12, 50, 51, 101, 104, 105, 108, 113, 119, 127, 163, 228, 229, 239, 276, 999)
"""Link types that the scan reads, and one that nobody knows."""
FROM_EACH = 400
"""Frames taken of one capture."""
LONGEST = 2000

_EDGES = (0, 1, 4, 5, 6, 0x0F, 0x11, 0x2F, 0x3F, 0x45, 0x46, 0x4F, 0x60, 0x7F, 0x80, 0xFE, 0xFF)
_ETHERNET = bytes.fromhex("020000000005 0200000000fe")
_IP_ENDS = bytes.fromhex("0a000005 36e5cbbe")

Change = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True, slots=True)
class Case:
    """Consecutive frames of one made-up capture, each with its length on the wire, its time and its link type."""

    frames: list[bytes]
    wire: list[int]
    times: list[int]
    links: list[int]


@cache
def _stories() -> tuple[tuple[tuple[int, bytes], ...], ...]:
    """Time and bytes of the first frames of each capture."""
    return tuple(_read(real.plain_bytes(path)) for path in real.capture_files())


def _read(data: bytes) -> tuple[tuple[int, bytes], ...]:
    batch = next(iter(open_capture(BytesIO(data), notes=CaptureNotes())))
    places = list(zip(batch.time_ns, batch.offset, batch.captured, strict=True))[:FROM_EACH]
    return tuple((time_ns, bytes(batch.data[at : at + min(size, LONGEST)])) for time_ns, at, size in places)


def make_case(seed: int, number: int) -> Case:
    """The frames of one case; the same seed and number give the same."""
    dice = random.Random(f"{seed}/{number}")
    story = dice.choice(_stories())
    start = dice.randrange(len(story))
    part = story[start : start + dice.randint(1, 300)]
    often = dice.choice((0.0, 0.1, 0.5, 1.0))
    link = dice.choice(LINKS) if dice.random() < 0.3 else 1
    frames = [_maybe_damage(frame, often, dice) for _, frame in part]
    return Case(
        frames=frames,
        wire=[_wire_of(frame, dice) for frame in frames],
        times=[_time_of(time_ns, dice) for time_ns, _ in part],
        links=[link if dice.random() < 0.95 else dice.choice(LINKS) for _ in frames],
    )


def _maybe_damage(frame: bytes, often: float, dice: random.Random) -> bytes:
    if dice.random() >= often:
        return frame
    for _ in range(dice.choice((1, 1, 2, 4))):
        frame = dice.choice(CHANGES)(frame, dice)
    return frame[:LONGEST]


def _wire_of(frame: bytes, dice: random.Random) -> int:
    if dice.random() < 0.9:
        return len(frame)
    return dice.choice((0, len(frame) + 1, len(frame) + 1400, 0xFFFFFFFF))


def _time_of(time_ns: int, dice: random.Random) -> int:
    if dice.random() < 0.98:
        return time_ns
    return dice.choice((0, -1, time_ns - 10**9, time_ns + 3 * 10**12, (1 << 63) - 1, -(1 << 63)))


def set_octets(frame: bytes, dice: random.Random) -> bytes:
    """Octets at the edges of their range, most of them where headers stand."""
    changed = bytearray(frame)
    for _ in range(dice.randint(1, 6) if changed else 0):
        at = min(int(dice.expovariate(1 / 25)), len(changed) - 1)
        changed[at] = dice.choice((dice.randrange(256), dice.choice(_EDGES)))
    return bytes(changed)


def set_length(frame: bytes, dice: random.Random) -> bytes:
    """Two octets that say a length: of nothing, of just too little or much, of the largest there is."""
    if len(frame) < 2:
        return frame
    at = min(int(dice.expovariate(1 / 25)), len(frame) - 2)
    left = len(frame) - at
    number = dice.choice((0, 1, 7, 8, 19, 20, left - 1, left, left + 1, 1500, 1501, 0x7FFF, 0x8000, 0xFFFF)) & 0xFFFF
    return frame[:at] + number.to_bytes(2, "big") + frame[at + 2 :]


def cut(frame: bytes, dice: random.Random) -> bytes:
    """The frame ends early, most often inside its headers."""
    return frame[: int(dice.expovariate(1 / 40))]


def lengthen(frame: bytes, dice: random.Random) -> bytes:
    """Something follows the frame."""
    return frame + dice.choice((bytes(dice.randint(1, 64)), dice.randbytes(dice.randint(1, 300))))


def splice(frame: bytes, dice: random.Random) -> bytes:
    """The head of this frame, the tail of another."""
    _, other = dice.choice(dice.choice(_stories()))
    return frame[: dice.randint(0, 60)] + other[dice.randint(0, 60) :]


def tag(frame: bytes, dice: random.Random) -> bytes:
    """VLAN tags behind the addresses, sometimes more than anything takes off."""
    tags = b"".join(
        struct.pack(">HH", dice.choice((0x8100, 0x88A8, 0x9100)), dice.randrange(0x10000))
        for _ in range(dice.choice((1, 1, 2, 70)))
    )
    return frame[:12] + tags + frame[12:]


def wrap(frame: bytes, dice: random.Random) -> bytes:
    """The frame or its packet inside a tunnel; the outer headers tell its true length."""
    kind = dice.choice(WRAPPERS)
    return kind(frame, dice)


def wrap_ip4(proto: int, payload: bytes) -> bytes:
    """An Ethernet frame with an IPv4 packet that tells its length truly, as far as 16 bits can."""
    head = struct.pack(">BBHHHBBH", 0x45, 0, (20 + len(payload)) & 0xFFFF, 7, 0, 64, proto, 0)
    return _ETHERNET + b"\x08\0" + head + _IP_ENDS + payload


def _over_udp(port: int, payload: bytes) -> bytes:
    return wrap_ip4(17, struct.pack(">HHHH", 40000, port, (8 + len(payload)) & 0xFFFF, 0) + payload)


def _vxlan(frame: bytes, _dice: random.Random) -> bytes:
    return _over_udp(4789, b"\x08\0\0\0\0\0\x2a\0" + frame)


def _geneve(frame: bytes, dice: random.Random) -> bytes:
    words = dice.choice((0, 1, 63))
    options = bytes(4 * words)
    return _over_udp(6081, bytes([words]) + b"\0\x65\x58\0\0\x2a\0" + options + frame)


def _gre(frame: bytes, dice: random.Random) -> bytes:
    flags, kind = dice.choice(((0, 0x6558), (0x1000, 0x88BE), (0x3001, 0x22EB), (0xB000, 0x0800), (0x2000, 0x880B)))
    body = frame[14:] if kind == 0x0800 else frame
    return wrap_ip4(47, struct.pack(">HH", flags, kind) + bytes(4 * (flags >> 12).bit_count()) + body)


def _ip_in_ip(frame: bytes, dice: random.Random) -> bytes:
    return wrap_ip4(dice.choice((4, 41)), frame[14:])


def _extended(frame: bytes, dice: random.Random) -> bytes:
    """The payload behind IPv6 extension headers, one of which may claim to be long."""
    kinds = [dice.choice((0, 43, 44, 51, 60, 135)) for _ in range(dice.choice((1, 2, 8, 300)))]
    following = [*kinds[1:], dice.choice((6, 17, 58, 59))]
    chain = b"".join(bytes([after, dice.choice((0, 0, 0, 1, 255))]) + bytes(6) for after in following)
    head = struct.pack(">IHBB", 0x60000000, min(0xFFFF, len(chain) + len(frame)), kinds[0], 64)
    return _ETHERNET + b"\x86\xdd" + head + dice.randbytes(32) + chain + frame[34:]


def _pppoe(frame: bytes, dice: random.Random) -> bytes:
    session = b"\x88\x64\x11\0\0\1" + len(frame).to_bytes(2, "big")
    return _ETHERNET + session + dice.choice((b"\0\x21", b"\x21", b"\0\x57")) + frame[14:]


def _mpls(frame: bytes, dice: random.Random) -> bytes:
    depth = dice.choice((1, 3, 20))
    labels = b"".join(struct.pack(">I", (16 + n) << 12 | (n == depth - 1) << 8 | 64) for n in range(depth))
    return _ETHERNET + b"\x88\x47" + labels + dice.choice((frame[14:], bytes(4) + frame))


def _fragment(frame: bytes, dice: random.Random) -> bytes:
    part = dice.choice((0x2000, 0x2001, 0x0001, 0x1FFF, 0x3FFF))
    return frame[:20] + struct.pack(">H", part) + frame[22:] if len(frame) > 34 else frame


WRAPPERS: tuple[Change, ...] = (_vxlan, _geneve, _gre, _ip_in_ip, _extended, _pppoe, _mpls, _fragment)
CHANGES: tuple[Change, ...] = (set_octets, set_octets, set_length, set_length, cut, lengthen, splice, tag, wrap, wrap)
