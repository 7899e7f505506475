"""One direction of a TCP connection: contiguous bytes, and which packet brought each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pcapaudit.model.events import Event, Malformed, Packet

_PROBED_PACKETS = 256
_PROBED_BYTES = 1024


class Stream(NamedTuple):
    """Bytes of one direction from the first one seen up to the first gap."""

    data: bytes
    offsets: Sequence[int]
    """Where in ``data`` each packet's bytes begin, ascending; empty only without data."""
    frames: Sequence[int]
    """The numbers of these packets."""
    packets: Sequence[Packet]
    """The packets; few of them are ever looked at, so they may be made when they are."""
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
        return self.packets[self._latest(start, end)]

    def frame_of(self, start: int, end: int) -> int:
        """The number of the frame that completed ``data[start:end]``."""
        return self.frames[self._latest(start, end)]

    def after(self, offset: int) -> Stream:
        """The rest of the stream; it counts as from the start, because a protocol begins there."""
        rest = self.data[offset:]
        beyond = tuple((begin - offset, held, packet) for begin, held, packet in self.beyond)
        first = self._place(offset) if rest else len(self.offsets)
        offsets = [max(0, begin - offset) for begin in self.offsets[first:]]
        frames, packets = self.frames[first:], self.packets[first:]
        return Stream(rest, offsets, frames, packets, is_from_start=True, is_complete=self.is_complete, beyond=beyond)

    def before(self, offset: int) -> Stream:
        """The stream up to the offset."""
        count = sum(begin < offset for begin in self.offsets)
        return self._replace(
            data=self.data[:offset],
            offsets=self.offsets[:count],
            frames=self.frames[:count],
            packets=self.packets[:count],
            beyond=(),
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

    def _latest(self, start: int, end: int) -> int:
        """Which of the packets completed the bytes."""
        last = bisect_right(self.offsets, max(start, end - 1)) - 1
        if self.offsets[last] <= start:
            return last
        return max(range(self._place(start), last + 1), key=self.frames.__getitem__)

    def _place(self, offset: int) -> int:
        return max(0, bisect_right(self.offsets, offset) - 1)


def in_order(events: list[Event | Malformed]) -> list[Event | Malformed]:
    """The events of both directions by frame; within a frame they keep their order."""
    return sorted(events, key=lambda event: event.at.frame)
