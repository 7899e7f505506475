"""What a scan gives: tables, counters and what was odd, as one frozen record.

Column meanings stand in ``columns``. A result is a picture of the moment it was taken: its
arrays are read-only and do not change while the scanner is fed on.
"""

from __future__ import annotations

from dataclasses import field

from pcapaudit.model.records import dataclass
from pcapaudit.scan.blob import Blob
from pcapaudit.scan.columns import Table


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large the tables may grow; what goes beyond is counted in ``ScanResult.left_out``.

    The packet log is thinned when it reaches ``thin_rows``, and may become longer only when all that is left in it says
    something; what finds no room in ``max_rows`` counts as left out. Of so many flows as ``max_tails`` the last packets
    stay beside it, where the log itself does not take them.
    """

    max_flows: int = 2_000_000
    thin_rows: int = 1 << 20
    max_rows: int = 12 << 20
    max_tails: int = 16_384
    max_handed_bytes: int = 2 << 30
    max_pairs: int = 65_536
    max_bindings: int = 65_536
    max_arps: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Seen:
    """How often something was met, and the first frames (at most five)."""

    count: int = 0
    frames: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Copies:
    """Packets marked as copies of one kind; ``pairs`` are (first copy, this copy), at most five."""

    count: int = 0
    pairs: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class OuterPair:
    """One pair of tunnel ends: the outermost IP packet around what was decoded.

    ``source`` and ``target`` are packed addresses, ``kind`` is a ``Tunnel`` bit.
    """

    kind: int
    source: bytes
    target: bytes
    frames: int
    first_frame: int


@dataclass(frozen=True, slots=True)
class Hop:
    """A time stamp far from that of the frame before it: over a second earlier, or over five minutes later."""

    frame: int
    """The frame behind it."""
    before_ns: int
    after_ns: int


@dataclass(frozen=True, slots=True)
class Oddities:
    """What the frames say of the capture itself; input of the CAP-* rules."""

    backward: Seen = Seen()
    """Time stamps before their predecessor's (CAP-TIME-DISORDER)."""
    largest_back_ns: int = 0
    """Largest step back, as a positive number of ns."""
    backward_over_1ms: int = 0
    hops: tuple[Hop, ...] = ()
    """Where the clock may have been set (CAP-CLOCK-JUMP); at most 100 hops back and 1,000 ahead, the first."""
    same: Copies = Copies()
    """CAP-DUP."""
    routed: Copies = Copies()
    """CAP-DUP-ROUTED."""
    total_length_zero: Seen = Seen()
    """IP length 0: handed to the network card in one piece (CAP-OFFLOAD-BIG)."""
    oversize: dict[int, int] = field(default_factory=dict)
    """Source MAC -> Ethernet frames with an IP length over 1500; at most 1,024 addresses."""
    oversize_frames: Seen = Seen()


@dataclass(frozen=True, slots=True)
class ScanResult:
    """One capture's packets, as tables.

    ``counters`` follow the report's counting rules; ``arp + ipv4 + ipv6 + no_ip = frames`` and
    ``tcp + udp + icmp + other = ipv4 + ipv6``. Undecoded frames are among ``no_ip``.
    """

    counters: dict[str, int]
    flows: Table
    rows: Table
    handed: Table
    blob: Blob
    """Bytes handed over, see ``payload``."""
    arps: Table
    pairs: Table
    bindings: Table
    first_ns: int | None
    """Earliest time stamp; None without a frame."""
    last_ns: int | None
    """Latest time stamp; None without a frame."""
    tunnels: dict[int, int]
    """``Tunnel`` bit -> frames."""
    outer_pairs: tuple[OuterPair, ...]
    """At most 64 pairs of tunnel ends, in order of their first frame."""
    undecoded_links: dict[int, tuple[int, int]]
    """Link type number -> (frames, first frame); at most 64 numbers."""
    malformed: dict[str, Seen]
    """Reason (``columns.REASONS``) -> how often, first frames."""
    oddities: Oddities
    tables_full: dict[str, bool]
    """Table name (flows, rows, handed, arps, pairs, bindings) -> its bound was reached."""
    left_out: dict[str, int]
    """Table name -> entries that no longer fitted because of the table's bound."""

    def sizes(self) -> dict[str, int]:
        """Table name -> its rows."""
        return {name: len(getattr(self, name)) for name in self.tables_full}

    def payload(self, index: int) -> bytes:
        """Give the bytes of one entry of ``handed``; none where they were not kept."""
        entry = self.handed[index]
        start = int(entry["start"])
        return self.blob[start : start + int(entry["length"])]
