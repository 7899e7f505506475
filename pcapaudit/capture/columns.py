"""Room for the frames of one batch, filled by the walk and shown as a ``FrameBatch``."""

from __future__ import annotations

from array import array
from typing import TypeAlias

from pcapaudit.model.frames import FrameBatch

Octets: TypeAlias = bytes | bytearray
"""Bytes of a file, in a buffer that may be longer than what is meant."""

ROOM = 1 << 14
"""Most frames in one batch."""

TIME_MIN = -(1 << 63)
TIME_MAX = (1 << 63) - 1
"""What 64 bits hold, in nanoseconds since the epoch: the years 1677 to 2262."""


class Columns:
    """Columns of a batch in the making; only the first ``count`` entries mean something."""

    def __init__(self, *, first_frame: int = 1, room: int = ROOM) -> None:
        self.offset = array("q", bytes(8 * room))
        self.captured = array("I", bytes(4 * room))
        self.wire = array("I", bytes(4 * room))
        self.time_ns = array("q", bytes(8 * room))
        self.link = array("H", bytes(2 * room))
        self.room = room
        self.count = 0
        self.next_frame = first_frame
        """Number of the first frame of this batch."""
        self.latest_ns = 0
        """Time of the newest frame; what a frame without a time stamp carries."""

    @property
    def last_frame(self) -> int:
        """Number of the newest frame; one before the first if there is none yet."""
        return self.next_frame + self.count - 1

    def add(self, offset: int, captured: int, wire: int, time_ns: int, link: int) -> None:
        """Add one frame; the caller sees that there is room. A time beyond 64 bits becomes the nearest within."""
        at = self.count
        self.latest_ns = min(max(time_ns, TIME_MIN), TIME_MAX)
        self.offset[at] = offset
        self.captured[at] = captured
        self.wire[at] = wire
        self.time_ns[at] = self.latest_ns
        self.link[at] = link
        self.count = at + 1

    def give_batch(self, data: Octets | memoryview) -> FrameBatch:
        """Give the frames found in ``data`` as a batch, which looks at this memory, and start the next one."""
        batch = FrameBatch(
            data=memoryview(data),
            first_frame=self.next_frame,
            offset=memoryview(self.offset)[: self.count],
            captured=memoryview(self.captured)[: self.count],
            wire=memoryview(self.wire)[: self.count],
            time_ns=memoryview(self.time_ns)[: self.count],
            link=memoryview(self.link)[: self.count],
        )
        self.next_frame += self.count
        self.count = 0
        return batch
