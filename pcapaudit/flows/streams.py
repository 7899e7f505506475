"""TCP payload in order: the segments of one connection become two byte streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from pcapaudit.dissect.stream import Stream
from pcapaudit.flows import layout
from pcapaudit.model.events import Packet
from pcapaudit.model.records import dataclass
from pcapaudit.scan.columns import Kind
from pcapaudit.scan.result import ScanResult

if TYPE_CHECKING:
    # They are made of modules that import this one.
    from pcapaudit.flows.digest import Digests
    from pcapaudit.flows.packets import PacketLog

_WRAP = 1 << 32
_HALF = 1 << 31
_SYN = 2
MAX_BEYOND = 512
"""Segments behind a gap that are kept; enough to see whether a conversation goes on."""
NEAR = 4096
"""Bytes between two payloads of a flow that are read over: a second read takes longer."""
_SIDE = np.dtype([("low", "u4"), ("high", "u4"), ("isn", "i8"), ("is_in_turn", "?")])
"""About one side of a flow: between which payloads its own lie; its initial sequence number (``Flow.orig_isn``,
``resp_isn``); whether its payloads are there in full, each behind the one before it, from the first byte on where it is
known."""
_TALK = np.dtype([("orig", _SIDE), ("resp", _SIDE), ("port", "u2"), ("first", "u4"), ("last", "u4")])
"""About a flow: its originator, its responder, the latter's port, and between which runs those of the flow lie."""
_UNKNOWN = -1
"""In the place of an initial sequence number."""
_Numbers = npt.NDArray[np.int64]
_Rows = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Segment:
    """One captured TCP payload; ``data`` is shorter than ``at.payload_len`` when the snap length cut it."""

    at: Packet
    data: bytes


class Streams:
    """The byte streams of those flows that may say something a dissector knows.

    Args:
        result: The scan's tables.
        wanted: Per flow: its streams may be asked for.
        log: The packets of the capture.
    """

    def __init__(self, result: ScanResult, wanted: npt.NDArray[np.bool_], log: PacketLog) -> None:
        self._blob = result.blob
        self._packet = log.packet
        entries, self._rows = _choose(result, wanted)
        starts, lengths = (result.handed[name][entries].astype(np.int64) for name in ("start", "length"))
        self._frames = result.rows["frame"][self._rows].data
        flows = np.flatnonzero(wanted)
        self._numbers = np.cumsum(wanted, dtype=np.int32) - 1
        """Per flow: which of the wanted ones it is."""
        self._talks = np.empty(len(flows), _TALK)
        self._talks["orig"], self._talks["resp"] = _find_sides(result, log.digests, flows, self._rows, lengths)
        self._talks["port"] = _responder_ports(result, log.digests, flows)
        self._runs = _find_runs(_sides_of(result, self._rows) >> 1, starts, lengths)
        self._talks["first"] = np.searchsorted(self._runs.flows, flows)
        self._talks["last"] = np.searchsorted(self._runs.flows, flows, "right")

    def of(self, flow: int) -> tuple[Stream, Stream, int]:
        """What the originator of a wanted flow said, what the responder said, and the responder's port."""
        orig, resp, port, first, last = self._talks[self._numbers.item(flow)].item()
        runs = [self._blob[start:stop] for start, stop in self._runs.bounds[first:last].tolist()]
        return self._stream(runs, *orig), self._stream(runs, *resp), port

    def _stream(self, runs: list[bytes], low: int, high: int, isn: int, is_in_turn: bool) -> Stream:  # noqa: FBT001 - as ``_SIDE``
        """One side of a flow."""
        data = [runs[run][begin:end] for run, begin, end in self._runs.pieces[low:high].tolist()]
        packets = _Packets(self._packet, self._rows.data[low:high])
        if not is_in_turn:
            segments = [Segment(at, part) for at, part in zip(packets, data, strict=True)]
            return assemble(segments, None if isn == _UNKNOWN else isn)
        return Stream(
            b"".join(data),
            list(accumulate(map(len, data[:-1]), initial=0)) if data else [],
            self._frames[low:high],
            packets,
            is_from_start=isn != _UNKNOWN,
            is_complete=True,
        )


def _choose(result: ScanResult, wanted: npt.NDArray[np.bool_]) -> tuple[_Numbers, _Rows]:
    """Payloads of the wanted flows, side by side, in frame order each: which of those handed over, and of which row."""
    entries = np.flatnonzero(result.handed["kind"] == Kind.TCP)
    rows = result.handed["row"][entries]
    is_wanted = wanted[result.rows["flow"][rows]] & (result.rows["dup_of"][rows] == 0)
    entries, rows = entries[is_wanted], rows[is_wanted]
    order = np.argsort(_sides_of(result, rows), kind="stable")
    return entries[order], rows[order]


def _sides_of(result: ScanResult, rows: _Rows) -> _Numbers:
    """The sides that sent packets: two numbers a flow."""
    sides: _Numbers = result.rows["flow"][rows].astype(np.int64) * 2 + result.rows["side"][rows]
    return sides


def _are_first(groups: _Numbers) -> npt.NDArray[np.bool_]:
    """Which of sorted numbers are the first of their kind."""
    return np.append([True], groups[1:] != groups[:-1])[: len(groups)]


class _Runs(NamedTuple):
    """Payloads of a flow that lie near to each other, so that they are fetched at once."""

    bounds: _Numbers
    """A line a run: where in the blob it begins and ends."""
    flows: _Numbers
    """The flow of each run; ascending."""
    pieces: npt.NDArray[np.uint32]
    """A line a payload: in which of its flow's runs it lies, and there from where to where."""


def _find_runs(flows: _Numbers, starts: _Numbers, lengths: _Numbers) -> _Runs:
    order = np.lexsort((starts, flows))
    flows, starts = flows[order], starts[order]
    ends = starts + lengths[order]
    is_new = _are_first(flows)
    is_new[1:] |= starts[1:] > ends[:-1] + NEAR
    is_last = np.append(is_new, True)[1:]
    run, bounds = np.cumsum(is_new) - 1, np.stack([starts[is_new], ends[is_last]], axis=1)
    nth = run - np.searchsorted(flows[is_new], flows)
    pieces = np.empty((len(order), 3), np.uint32)
    for column, values in enumerate((nth, starts - bounds[run, 0], ends - bounds[run, 0])):
        pieces[order, column] = values
    return _Runs(bounds, flows[is_new], pieces)


def _find_sides(
    result: ScanResult, digests: Digests, flows: _Numbers, rows: _Rows, lengths: _Numbers
) -> list[npt.NDArray[np.void]]:
    """The originator of each flow, and the responder."""
    sides, begins, sizes = _sides_of(result, rows), _begins(result, rows), result.rows["payload_len"][rows]
    follows = _are_first(sides)
    follows[1:] |= begins[1:] == begins[:-1] + sizes[:-1]
    broken = np.unique(sides[(lengths != sizes) | (sizes == 0) | ~follows])
    state, syns, isn, resp_isn = (
        digests.table[flows, word].astype(np.int64) for word in (layout.STATE, layout.SYNS, layout.ISN, layout.RESP_ISN)
    )
    isns = np.where(syns > 0, isn, _UNKNOWN), np.where(state & layout.HAS_RESP_ISN > 0, resp_isn, _UNKNOWN)
    is_from_b = state & layout.FROM_B
    found: list[npt.NDArray[np.void]] = []
    for isn, side in zip(isns, (2 * flows + is_from_b, 2 * flows + 1 - is_from_b), strict=True):
        low, high = np.searchsorted(sides, side), np.searchsorted(sides, side, side="right")
        is_begun = (isn == _UNKNOWN) | (isn + 1 == np.append(begins, 0)[low])
        known = np.empty(len(flows), _SIDE)
        known["low"], known["high"], known["isn"] = low, high, isn
        known["is_in_turn"] = (low < high) & is_begun & ~np.isin(side, broken)
        found.append(known)
    return found


def _responder_ports(result: ScanResult, digests: Digests, flows: _Numbers) -> _Numbers:
    is_from_b = digests.table[flows, layout.STATE] & layout.FROM_B
    ports = np.where(is_from_b, result.flows["a_port"][flows], result.flows["b_port"][flows])
    return ports.astype(np.int64)


def _begins(result: ScanResult, rows: _Rows) -> _Rows:
    """Sequence numbers of the first bytes of payloads."""
    # A SYN takes a number of its own (RFC 9293, section 3.4); the sum goes around as the numbers do.
    begins: _Rows = result.rows["seq"][rows] + (result.rows["flags"][rows] & _SYN > 0).astype(np.uint32)
    return begins


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
        made = self._made.get(index)
        if made is None:
            made = self._made[index] = self._packet(self._rows[index])
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
        return Stream(b"", (), (), (), is_from_start=isn is not None, is_complete=True)
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
    frames = [packet.frame for packet in packets]
    return Stream(
        bytes(data), offsets, frames, packets, is_from_start=isn is not None, is_complete=is_complete, beyond=beyond
    )


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
