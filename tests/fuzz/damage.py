"""Ways to damage a capture file: what disks, networks, editors and enemies do to bytes."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

Damage = Callable[[bytes, random.Random], bytes]

_EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF)
_WIDE_EDGES = (0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_SECTION = b"\x0a\x0d\x0d\x0a"


def flip_bytes(data: bytes, dice: random.Random) -> bytes:
    """A few bytes anywhere, to random values or to those at the edges of their range."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 12)):
        changed[dice.randrange(len(changed))] = dice.choice((dice.randrange(256), dice.choice(_EDGES)))
    return bytes(changed)


def flip_much(data: bytes, dice: random.Random) -> bytes:
    """One byte in a hundred behind the file header."""
    changed = bytearray(data)
    for _ in range(len(changed) // 100 + 1):
        changed[dice.randrange(min(24, len(changed) - 1), len(changed))] = dice.randrange(256)
    return bytes(changed)


def set_number(data: bytes, dice: random.Random) -> bytes:
    """A number of two or four bytes at the edge of its range, in either byte order: lengths, counts, offsets."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        size, order = dice.choice((("H", 2), ("I", 4))), dice.choice("<>")
        at = dice.randrange(max(1, len(changed) - size[1]))
        number = dice.choice(_WIDE_EDGES) & ((1 << 8 * size[1]) - 1)
        changed[at : at + size[1]] = struct.pack(order + size[0], number)
    return bytes(changed)


def cut(data: bytes, dice: random.Random) -> bytes:
    """The file ends early."""
    return data[: dice.randrange(len(data))]


def lose_middle(data: bytes, dice: random.Random) -> bytes:
    """A piece in the middle is missing."""
    start = dice.randrange(len(data))
    return data[:start] + data[start + dice.randint(1, 200) :]


def repeat_piece(data: bytes, dice: random.Random) -> bytes:
    """A piece is there twice."""
    start = dice.randrange(len(data))
    end = start + dice.randint(1, 2000)
    return data[:end] + data[start:end] + data[end:]


def insert_noise(data: bytes, dice: random.Random) -> bytes:
    """Random bytes in between."""
    at = dice.randrange(len(data))
    return data[:at] + dice.randbytes(dice.randint(1, 64)) + data[at:]


def overwrite_payload(data: bytes, dice: random.Random) -> bytes:
    """A run of random bytes, of text, or of one byte, as long as a payload."""
    at, size = dice.randrange(len(data)), dice.randint(4, 300)
    fill = dice.choice((dice.randbytes(size), bytes([dice.choice(_EDGES)]) * size, b"\xc0\x0c" * (size // 2)))
    return (data[:at] + fill + data[at + size :])[: len(data)]


def swap_units(data: bytes, dice: random.Random) -> bytes:
    """Whole blocks or records in another order, some twice, some left out."""
    head, units = split_units(data)
    dice.shuffle(units)
    keep = [u for u in units if dice.random() > 0.1]
    keep += dice.sample(units, min(len(units), 3))
    return head + b"".join(keep)


def shuffle_few_units(data: bytes, dice: random.Random) -> bytes:
    """Two neighbouring blocks or records change places."""
    head, units = split_units(data)
    if len(units) > 1:
        at = dice.randrange(len(units) - 1)
        units[at], units[at + 1] = units[at + 1], units[at]
    return head + b"".join(units)


def split_units(data: bytes) -> tuple[bytes, list[bytes]]:
    """File header and the records of a pcap, or section header and the blocks of a pcapng; as far as they are whole."""
    return _split_blocks(data) if data[:4] == _SECTION else _split_records(data)


def _split_blocks(data: bytes) -> tuple[bytes, list[bytes]]:
    order = "<" if data[8:12] == b"\x4d\x3c\x2b\x1a" else ">"
    units, at = [], 0
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(order + "I", data, at + 4)
        if not 12 <= size <= len(data) - at:
            break
        units.append(data[at : at + size])
        at += size
    return (units[0] if units else data), units[1:]


def _split_records(data: bytes) -> tuple[bytes, list[bytes]]:
    order = "<" if data[:1] in (b"\xd4", b"\x4d") else ">"
    units, at = [], 24
    while at + 16 <= len(data):
        (size,) = struct.unpack_from(order + "I", data, at + 8)
        if size > len(data) - at - 16:
            break
        units.append(data[at : at + 16 + size])
        at += 16 + size
    return data[:24], units


DAMAGES: tuple[Damage, ...] = (
    flip_bytes,
    flip_much,
    set_number,
    cut,
    lose_middle,
    repeat_piece,
    insert_noise,
    overwrite_payload,
    swap_units,
    shuffle_few_units,
)


def damage(data: bytes, dice: random.Random) -> bytes:
    """One to three damages, one on top of the other."""
    for _ in range(dice.choice((1, 1, 2, 3))):
        if len(data) > 1:
            data = dice.choice(DAMAGES)(data, dice)
    return data
