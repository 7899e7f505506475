"""One direction of a TCP connection: contiguous bytes, and which packet brought each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import attrgetter

from pcapaudit.model.events import Event, Malformed, Packet
from pcapaudit.model.records import dataclass

_PROBED_PACKETS = 256
_PROBED_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Stream:
    """Bytes of one direction from the first one seen up to the first gap."""

    data: bytes
    offsets: Sequence[int]
    """Where in ``data`` each packet's bytes begin, ascending; empty only without data."""
    packets: Sequence[Packet]
    """These packets; few of them are ever looked at, so they may be made when they are."""
    is_from_start: bool
    """The connection's first byte is there."""
    is_complete: bool
    """No gap, snap length or bound ended the data."""
    beyond: tuple[tuple[int, bytes, Packet], ...] = ()
    """Behind a gap or a cut: offset of each further packet's bytes, the captured ones of them, and the packet."""

    def at(self, offset: int) -> Packet:
        """The packet that holds the byte; offsets outside give the nearest packet.

        Raises:
            IndexError: The stream is empty.
        """
        return self.packets[self._place(offset)]

    def completed_at(self, start: int, end: int) -> Packet:
        """The packet that completed ``data[start:end]``: the latest frame, also when segments came out of order."""
        first = self._place(start)
        if first + 1 >= len(self.offsets) or self.offsets[first + 1] >= max(start + 1, end):
            return self.packets[first]
        return max(self.packets[first : self._place(end - 1) + 1], key=attrgetter("frame"))

    def after(self, offset: int) -> Stream:
        """The rest of the stream; it counts as from the start, because a protocol begins there."""
        rest = self.data[offset:]
        beyond = tuple((begin - offset, held, packet) for begin, held, packet in self.beyond)
        first = self._place(offset) if rest else len(self.offsets)
        offsets = [max(0, begin - offset) for begin in self.offsets[first:]]
        return Stream(
            rest, offsets, self.packets[first:], is_from_start=True, is_complete=self.is_complete, beyond=beyond
        )

    def before(self, offset: int) -> Stream:
        """The stream up to the offset."""
        count = sum(begin < offset for begin in self.offsets)
        return Stream(
            self.data[:offset], self.offsets[:count], self.packets[:count], self.is_from_start, self.is_complete
        )

    def to_boundary(self, is_begin: Callable[[bytes], bool]) -> Stream:
        """A stream seen from its middle, from the first packet that begins as ``is_begin`` says.

        Unchanged when it has its first byte, or when none of the first packets begins so.
        """
        if self.is_from_start:
            return self
        for offset in self.offsets[:_PROBED_PACKETS]:
            if is_begin(self.data[offset : offset + _PROBED_BYTES]):
                return self.after(offset)
        return self

    def _place(self, offset: int) -> int:
        return max(0, bisect_right(self.offsets, offset) - 1)


def in_order(events: list[Event | Malformed]) -> list[Event | Malformed]:
    """The events of both directions by frame; within a frame they keep their order."""
    return sorted(events, key=lambda event: event.at.frame)
