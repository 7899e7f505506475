"""One section of a pcapng file: its byte order and its interfaces, which count time each in its own way."""

from __future__ import annotations

import struct

from pcapaudit.capture.columns import TIME_MAX, TIME_MIN
from pcapaudit.capture.walk import InterfaceTable
from pcapaudit.model.records import dataclass

SECOND_NS = 1_000_000_000

MOST_INTERFACES = 1 << 16


@dataclass(slots=True)
class Interface:
    """One interface description block."""

    link: int
    snaplen: int = 0
    """0: none stated."""
    per_second: int = 1_000_000
    """Counts of the time stamp in a second. Source: draft-ietf-opsawg-pcapng, section 4.2, if_tsresol."""
    offset_s: int = 0
    """Seconds to add to every time stamp (if_tsoffset)."""
    lost: int = 0
    """Frames lost, by the newest statistics block; the counters run from the start of the capture."""

    def time_ns(self, count: int) -> int:
        """Give the time of a time stamp's count, 64 bits; parts of a nanosecond are cut off.

        A count whose time no clock can mean (after the year 2262) and whose top bit is set was written by a program
        that counts with a sign: read so, the frames at least keep their distances.
        """
        time_ns = self._reckon(count)
        return self._reckon(count - (1 << 64)) if time_ns > TIME_MAX and count >> 63 else time_ns

    def _reckon(self, count: int) -> int:
        return count * SECOND_NS // self.per_second + self.offset_s * SECOND_NS


class Section:
    """A section in reading."""

    def __init__(self, order: str) -> None:
        """Take the byte order, as ``struct`` writes it."""
        self.order = order
        self.interfaces: list[Interface] = []
        self.table = InterfaceTable(is_big=order == ">")

    def unpack(self, form: str, body: bytes, at: int = 0) -> tuple[int, ...]:
        """Read numbers in this section's byte order; the caller sees that they are all there."""
        return struct.unpack_from(self.order + form, body, at)

    def add(self, interface: Interface) -> None:
        """Declare the next interface, numbered from 0."""
        base = interface.offset_s * SECOND_NS
        unit, rest = divmod(SECOND_NS, interface.per_second)
        is_plain = rest == 0 and TIME_MIN <= base <= TIME_MAX
        self.interfaces.append(interface)
        self.table.link.append(interface.link)
        self.table.unit_ns.append(unit if is_plain else 0)
        self.table.most.append((TIME_MAX - max(base, 0)) // unit if is_plain else 0)
        self.table.offset_ns.append(base if is_plain else 0)

    def find(self, number: int) -> Interface | None:
        """Give an interface by its number; None if it was not declared."""
        return self.interfaces[number] if number < len(self.interfaces) else None


def read_resolution(value: int) -> int:
    """Give the counts per second that an if_tsresol byte states: a negative power of 10, or of 2 with the top bit."""
    return int((2 if value & 0x80 else 10) ** (value & 0x7F))
