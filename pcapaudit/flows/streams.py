"""TCP payload in order: the segments of one connection become two byte streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import overload

import numpy as np
import numpy.typing as npt

from pcapaudit.dissect.stream import Stream
from pcapaudit.model.events import Packet
from pcapaudit.model.records import dataclass
from pcapaudit.scan.columns import Kind
from pcapaudit.scan.result import ScanResult

_WRAP = 1 << 32
_HALF = 1 << 31
_SYN = 2
MAX_BEYOND = 512
"""Segments behind a gap that are kept; enough to see whether a conversation goes on."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One captured TCP payload; ``data`` is shorter than ``at.payload_len`` when the snap length cut it."""

    at: Packet
    data: bytes


class Streams:
    """The byte streams of those flows that may say something a dissector knows.

    Args:
        result: The scan's tables.
        wanted: Per flow: its streams will be asked for.
        packet: Gives the packet of a row of the log.
    """

    def __init__(self, result: ScanResult, wanted: npt.NDArray[np.bool_], packet: Callable[[int], Packet]) -> None:
        self._blob = result.blob
        self._packet = packet
        places = np.flatnonzero(result.handed["kind"] == Kind.TCP)
        rows = result.handed["row"][places]
        is_wanted = wanted[result.rows["flow"][rows]] & (result.rows["dup_of"][rows] == 0)
        places, rows = places[is_wanted], rows[is_wanted]
        sides = result.rows["flow"][rows].astype(np.int64) * 2 + result.rows["side"][rows]
        order = np.argsort(sides, kind="stable")
        self._pieces = _pieces_of(result, places[order], rows[order])
        self._places = _divide(sides[order], self._pieces, result.rows["payload_len"][rows[order]])

    def of(self, flow: int, side: int, isn: int | None) -> Stream:
        """What one side of a flow said: side 0 is a, 1 is b; ``isn`` is its initial sequence number if known."""
        low, high, is_whole = self._places.get(2 * flow + side, (0, 0, False))
        pieces = self._pieces[low:high].tolist()
        blob = self._blob
        data = [blob[start : start + length] for _, start, length, _ in pieces]
        packets = _Packets(self._packet, [row for _, _, _, row in pieces])
        if is_whole and isn in (None, pieces[0][0] - 1):
            offsets = list(accumulate(map(len, data[:-1]), initial=0))
            return Stream(b"".join(data), offsets, packets, is_from_start=isn is not None, is_complete=True)
        return assemble([Segment(at, bytes(part)) for at, part in zip(packets, data, strict=True)], isn)


def _pieces_of(
    result: ScanResult, places: npt.NDArray[np.int64], rows: npt.NDArray[np.uint32]
) -> npt.NDArray[np.int64]:
    """Of payloads: number of the first byte, place in the blob, captured bytes, row of the packet."""
    # A SYN takes a number of its own (RFC 9293, section 3.4); the sum goes around as the numbers do.
    begins = result.rows["seq"][rows] + (result.rows["flags"][rows] & _SYN > 0).astype(np.uint32)
    columns = (begins, result.handed["start"][places], result.handed["length"][places], rows)
    return np.stack([column.astype(np.int64) for column in columns], axis=1)


def _divide(
    sides: npt.NDArray[np.int64], pieces: npt.NDArray[np.int64], sizes: npt.NDArray[np.uint32]
) -> dict[int, tuple[int, int, bool]]:
    """Side -> where its payloads lie; and whether each is there in full and begins where the one before it ended."""
    if not len(sides):
        return {}
    begins, lengths = pieces[:, 0], pieces[:, 2]
    is_first = np.concatenate([[True], sides[1:] != sides[:-1]])
    follows = np.concatenate([[True], begins[1:] == (begins[:-1] + sizes[:-1]) % _WRAP])
    is_whole = (lengths == sizes) & (sizes > 0) & (follows | is_first)
    lows = np.flatnonzero(is_first)
    whole = np.logical_and.reduceat(is_whole, lows).tolist()
    bounds = zip(lows.tolist(), [*lows[1:].tolist(), len(sides)], whole, strict=True)
    return dict(zip(sides[lows].tolist(), bounds, strict=True))


class _Packets(Sequence[Packet]):
    """Packets of the log by their rows, made when one is looked at."""

    __slots__ = ("_made", "_packet", "_rows")

    def __init__(self, packet: Callable[[int], Packet], rows: Sequence[int]) -> None:
        self._packet = packet
        self._rows = rows
        self._made: dict[int, Packet] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Packet: ...
    @overload
    def __getitem__(self, index: slice) -> _Packets: ...
    def __getitem__(self, index: int | slice) -> Packet | _Packets:
        if isinstance(index, slice):
            return _Packets(self._packet, self._rows[index])
        row = self._rows[index]
        made = self._made.get(row)
        if made is None:
            made = self._made[row] = self._packet(row)
        return made


def distance(later: int, earlier: int) -> int:
    """Signed distance between two sequence numbers (RFC 9293, section 3.4: modulo 2**32)."""
    return (later - earlier + _HALF) % _WRAP - _HALF


def assemble(segments: Sequence[Segment], isn: int | None) -> Stream:
    """Put the segments of one direction in order, from the first byte seen up to the first gap.

    Args:
        segments: Payloads in frame order, duplicates and retransmissions included.
        isn: Initial sequence number of the direction, None when its SYN was not seen.

    Returns:
        The contiguous bytes. Where segments that overlap differ, the one that begins earlier is kept,
        at the same beginning the one that came first.

    Source: RFC 9293, section 3.4: a SYN takes one sequence number, before the data it may carry.
    """
    if not segments:
        return Stream(b"", (), (), is_from_start=isn is not None, is_complete=True)
    base = _base(segments, isn)
    placed = sorted(((distance(_start(s), base), s.at.frame, s) for s in segments), key=lambda p: (p[0], p[1]))
    data = bytearray()
    offsets: list[int] = []
    packets: list[Packet] = []
    is_complete = True
    for start, _, segment in placed:
        if start + segment.at.payload_len <= len(data):
            continue
        if start > len(data):
            is_complete = False
            break
        fresh = segment.data[len(data) - start :]
        if fresh:
            offsets.append(len(data))
            packets.append(segment.at)
            data += fresh
        if len(segment.data) < segment.at.payload_len:
            is_complete = False
            break
    beyond = () if is_complete else _beyond(placed, len(data))
    return Stream(bytes(data), offsets, packets, is_from_start=isn is not None, is_complete=is_complete, beyond=beyond)


def _beyond(placed: Sequence[tuple[int, int, Segment]], covered: int) -> tuple[tuple[int, bytes, Packet], ...]:
    """The first segments behind the contiguous bytes, each stretch once; those that have nothing captured left out."""
    found: list[tuple[int, bytes, Packet]] = []
    end = covered
    for start, _, segment in placed:
        if start >= end and segment.data and len(found) < MAX_BEYOND:
            found.append((start, segment.data, segment.at))
            end = start + segment.at.payload_len
    return tuple(found)


def _start(segment: Segment) -> int:
    """Sequence number of the first payload byte."""
    return (segment.at.seq + (1 if segment.at.flags & _SYN else 0)) % _WRAP


def _base(segments: Sequence[Segment], isn: int | None) -> int:
    """Sequence number of the stream's first byte."""
    if isn is None:
        return _lowest(segments)
    # Captures that a program wrote let the data begin at the SYN's own number. One byte there is a
    # keep-alive probe on a connection that said nothing yet (RFC 9293, section 3.8.4).
    starts = {_start(s) for s in segments if s.at.payload_len > 1}
    following = (isn + 1) % _WRAP
    return isn if isn in starts and following not in starts else following


def _lowest(segments: Sequence[Segment]) -> int:
    first = _start(segments[0])
    return (first + min(distance(_start(s), first) for s in segments)) % _WRAP
