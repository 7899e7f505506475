"""IP fragments put together, as far as a dissector needs the whole datagram."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import field

from pcapaudit.model.events import Packet
from pcapaudit.model.records import dataclass

MAX_DATAGRAMS = 1024
"""Datagrams under construction at one time; the oldest is given up first."""
MAX_PIECES = 64
"""Pieces of one datagram; 64 of the smallest MTU (576, RFC 791) hold more than any DNS message over UDP."""
MAX_BYTES = 65535


@dataclass(frozen=True, slots=True)
class Fragment:
    """One fragment: its IP payload and where that lies in the datagram."""

    at: Packet
    ident: int
    offset: int
    has_more: bool
    data: bytes


@dataclass(slots=True)
class _Pieces:
    by_offset: dict[int, bytes] = field(default_factory=dict)
    end: int | None = None
    opening: Fragment | None = None

    def add(self, fragment: Fragment) -> None:
        # The first copy of an offset is kept (RFC 5722 forbids overlaps anyway).
        self.by_offset.setdefault(fragment.offset, fragment.data)
        if not fragment.offset and self.opening is None:
            self.opening = fragment
        if not fragment.has_more:
            self.end = fragment.offset + len(fragment.data)

    def joined(self) -> bytes | None:
        """The datagram's payload, or None while a piece is missing."""
        if self.end is None or self.end > MAX_BYTES:
            return None
        data = bytearray()
        for offset in sorted(self.by_offset):
            if offset > len(data):
                return None
            data[offset : offset + len(self.by_offset[offset])] = self.by_offset[offset]
        return bytes(data[: self.end]) if len(data) >= self.end else None


class Joiner:
    """Joins fragments by (source, destination, protocol, identification), RFC 791 section 3.2.

    Marked copies of fragments are joined among themselves: they make a marked copy of the datagram.
    """

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[bytes, bytes, int, int, bool], _Pieces] = OrderedDict()

    def add(self, fragment: Fragment) -> bytes | None:
        """Take one fragment; the whole IP payload when this one completed it, else None."""
        at = fragment.at
        key = (at.src, at.dst, at.proto, fragment.ident, at.dup_of != 0)
        pieces = self._open.setdefault(key, _Pieces())
        if len(pieces.by_offset) < MAX_PIECES:
            pieces.add(fragment)
        whole = pieces.joined()
        if whole is not None:
            del self._open[key]
        elif len(self._open) > MAX_DATAGRAMS:
            self._open.popitem(last=False)
        return whole

    def openings(self) -> list[Fragment]:
        """First fragments of datagrams whose other pieces did not come, in order of their arrival."""
        return [p.opening for p in self._open.values() if p.opening is not None and not p.opening.at.dup_of]

    def unfinished(self) -> int:
        """How many datagrams still miss a piece."""
        return len(self._open)
