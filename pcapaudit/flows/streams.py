"""TCP payload in order: the segments of one connection become two byte streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pcapaudit.dissect.stream import Stream
from pcapaudit.model.events import Packet

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
        return Stream(data=b"", marks=(), is_from_start=isn is not None, is_complete=True)
    base = _base(segments, isn)
    placed = sorted(((distance(_start(s), base), s.at.frame, s) for s in segments), key=lambda p: (p[0], p[1]))
    data = bytearray()
    marks: list[tuple[int, Packet]] = []
    is_complete = True
    for start, _, segment in placed:
        if start + segment.at.payload_len <= len(data):
            continue
        if start > len(data):
            is_complete = False
            break
        fresh = segment.data[len(data) - start :]
        if fresh:
            marks.append((len(data), segment.at))
            data += fresh
        if len(segment.data) < segment.at.payload_len:
            is_complete = False
            break
    beyond = () if is_complete else _beyond(placed, len(data))
    return Stream(bytes(data), tuple(marks), is_from_start=isn is not None, is_complete=is_complete, beyond=beyond)


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
