"""What a source gives to the engine: batches of frames, and ticks of the clock.

A batch shows the bytes as they were read and says where each frame lies in them, so that
no frame is copied before somebody needs it. A reader shows all of a file through the same
memory, hence whoever wants to keep something copies it.
"""

from __future__ import annotations

from dataclasses import field

from pcapaudit.model.records import dataclass


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """Consecutive frames of one capture, in file order; good until the reader is asked for the next batch.

    ``data`` holds the bytes; the columns are memoryviews of equal length, one entry a frame.
    Times are int nanoseconds since the epoch, UTC. A frame without a time stamp (pcapng's
    simple packet block) carries the time of the frame before it.
    """

    data: memoryview
    first_frame: int
    """Number of the first frame, from 1, as Wireshark counts; runs on across the files of a ring."""
    offset: memoryview
    """'q': where the frame's first byte lies in ``data``."""
    captured: memoryview
    """'I': bytes that are in the capture."""
    wire: memoryview
    """'I': bytes that were on the wire."""
    time_ns: memoryview
    """'q': time stamp, ns since the epoch."""
    link: memoryview
    """'H': link type number (LINKTYPE_*) of the interface."""

    def __len__(self) -> int:
        return len(self.offset)

    def part(self, start: int, stop: int) -> FrameBatch:
        """Frames ``start`` to ``stop`` (positions, the last one excluded) as a batch that keeps their numbers."""
        columns = (self.offset, self.captured, self.wire, self.time_ns, self.link)
        return FrameBatch(self.data, self.first_frame + start, *(column[start:stop] for column in columns))


@dataclass(frozen=True, slots=True)
class Tick:
    """The clock says ``now_ns``: silence up to this moment was watched."""

    now_ns: int


@dataclass(frozen=True, slots=True)
class Blind:
    """Nothing was watched between two moments: the interface was down or away, or what captures had ended."""

    from_ns: int
    """When something was seen last."""
    to_ns: int
    why: str


Item = FrameBatch | Tick | Blind
"""What a live source gives."""


@dataclass(slots=True)
class FileNote:
    """One file of a capture: how many frames it gave, and how it ended."""

    source: str
    format: str
    """pcap, pcapng, or either behind a codec: ``pcapng+gzip``."""
    first_frame: int
    frames: int = 0
    truncated_at: int | None = None
    """Byte offset of the fault where the file breaks off; None if it ended well."""
    truncated_why: str | None = None

    @property
    def next_frame(self) -> int:
        """Number of the first frame behind this file."""
        return self.first_frame + self.frames


@dataclass(slots=True)
class CaptureNotes:
    """What the file itself says of the capture; filled by the reader while it reads."""

    files: list[FileNote] = field(default_factory=list)
    link_types: list[int] = field(default_factory=list)
    """Link type numbers in the order first met."""
    snaplen: int | None = None
    """Smallest non-zero snap length of all interfaces; None if none is stated."""
    interfaces: int = 0
    dropped: int = 0
    """Frames that the capturing side says it lost (pcapng isb_ifdrop + isb_osdrop)."""
    drop_frames: list[int] = field(default_factory=list)
    """Number of the last frame read before each statistics block that reports a loss (at most 10)."""
    watched_until_ns: int | None = None
    """isb_endtime where stated: the wire was watched until then."""
    filters: list[str] = field(default_factory=list)
    """Capture filters that pcapng interfaces state (if_filter)."""
    names: dict[bytes, str] = field(default_factory=dict)
    """pcapng name resolution: packed address -> name."""
    comments: list[str] = field(default_factory=list)
    untimed_frames: int = 0
    """Frames without a time stamp (simple packet blocks)."""
    skipped_blocks: int = 0
    """pcapng blocks of unknown type, skipped."""
    damaged_options: int = 0
    """pcapng blocks with an option that runs past their end; what stood before it was read."""
