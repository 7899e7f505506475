# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The walk from record to record: where each frame lies, how long it is, when it was seen.

Cython in plain Python syntax: compiled, the annotated names are C variables and ``p_...`` ones raw pointers;
interpreted, the same lines run on bytes and arrays. Every length is checked against the end of the data before
anything is read behind it. What is rare or odd is left to the caller, so that the loops stay small.

A walk returns where it stopped and why: how many bytes from there the next record needs if they are not all there
(above 0), or ``FULL`` or ``ODD``.
"""

from __future__ import annotations

import struct
from array import array
from typing import TYPE_CHECKING, Any

from pcapaudit.capture.columns import Columns, Octets

if TYPE_CHECKING:
    from pcapaudit.model import cython_stub as cython
else:
    try:
        import cython
    except ImportError:
        from pcapaudit.model import cython_stub as cython

FULL = 0
"""The columns have no room for another frame."""

ODD = -1
"""The record or block at this place is damaged, or of a kind that the walk does not read."""

PACKET_BLOCK = 32
"""Bytes of an enhanced packet block without its frame and options."""


def is_compiled() -> bool:
    """Tell whether this file runs as C."""
    return bool(cython.compiled)


@cython.cfunc
@cython.inline
def _u16(p: cython.p_uchar, i: cython.longlong, is_big: cython.int) -> cython.longlong:
    high: cython.longlong = p[i] if is_big else p[i + 1]
    low: cython.longlong = p[i + 1] if is_big else p[i]
    return (high << 8) | low


@cython.cfunc
@cython.inline
def _u32(p: cython.p_uchar, i: cython.longlong, is_big: cython.int) -> cython.longlong:
    if is_big:
        return (_u16(p, i, is_big) << 16) | _u16(p, i + 2, is_big)
    return (_u16(p, i + 2, is_big) << 16) | _u16(p, i, is_big)


@cython.cfunc
def _address(column: array[Any]) -> cython.size_t:
    """Give the machine address of an array's first element."""
    place: cython.size_t = column.buffer_info()[0]
    return place


class RecordForm:
    """How the records of one pcap file are written."""

    def __init__(
        self, *, is_big: bool, header: int = 16, unit_ns: int = 1000, limit: int = 1 << 18, link: int = 1, swap: int = 0
    ) -> None:
        """Take what the file's header tells.

        Args:
            is_big: The file is big-endian.
            header: Bytes of a record's header, 16 at least.
            unit_ns: What the second word of a time stamp counts.
            limit: Most bytes that a frame may have; more is damage.
            link: Link type of all frames.
            swap: 0 if the captured length stands first, 1 if the wire length does, 2 if the smaller one is meant.
        """
        self.is_big = is_big
        self.header = header
        self.unit_ns = unit_ns
        self.limit = limit
        self.link = link
        self.swap = swap


def walk_records(
    data: Octets, start: cython.longlong, end: cython.longlong, form: RecordForm, columns: Columns
) -> tuple[int, int]:
    """Take the records of a pcap file from ``start`` to ``end``; place and reason of the stop.

    Source: draft-ietf-opsawg-pcap, section 5. Microseconds above 999999 keep their arithmetic value.
    """
    p: cython.p_uchar = data
    offsets: cython.p_longlong
    captureds: cython.p_uint
    wires: cython.p_uint
    times: cython.p_longlong
    links: cython.p_ushort
    seconds: cython.longlong
    fraction: cython.longlong
    captured: cython.longlong
    wire: cython.longlong
    at: cython.longlong = start
    count: cython.longlong = columns.count
    end = min(end, len(data))
    room: cython.longlong = columns.room
    is_big: cython.int = form.is_big
    header: cython.longlong = form.header
    unit_ns: cython.longlong = form.unit_ns
    limit: cython.longlong = form.limit
    link: cython.int = form.link
    swap: cython.int = form.swap
    stop: cython.longlong = FULL
    if cython.compiled:
        offsets = cython.cast(cython.p_longlong, _address(columns.offset))
        captureds = cython.cast(cython.p_uint, _address(columns.captured))
        wires = cython.cast(cython.p_uint, _address(columns.wire))
        times = cython.cast(cython.p_longlong, _address(columns.time_ns))
        links = cython.cast(cython.p_ushort, _address(columns.link))
    else:
        read = struct.Struct(">4I" if is_big else "<4I").unpack_from
        offsets, captureds, wires = columns.offset, columns.captured, columns.wire
        times, links = columns.time_ns, columns.link
    while count < room:
        if end - at < header:
            stop = header
            break
        if cython.compiled:
            seconds = _u32(p, at, is_big)
            fraction = _u32(p, at + 4, is_big)
            captured = _u32(p, at + 8, is_big)
            wire = _u32(p, at + 12, is_big)
        else:
            seconds, fraction, captured, wire = read(p, at)
        if swap == 1 or (swap == 2 and captured > wire):
            captured, wire = wire, captured
        if captured > limit:
            stop = ODD
            break
        if end - at - header < captured:
            stop = header + captured
            break
        offsets[count] = at + header
        captureds[count] = captured
        wires[count] = wire
        times[count] = seconds * 1_000_000_000 + fraction * unit_ns
        links[count] = link
        count += 1
        at += header + captured
    columns.count = count
    return at, stop


class InterfaceTable:
    """The interfaces of one pcapng section, as far as the walk needs them."""

    def __init__(self, *, is_big: bool) -> None:
        self.is_big = is_big
        self.link = array("H")
        self.unit_ns = array("q")
        """Nanoseconds of one count of the time stamp; 0 where the caller must reckon."""
        self.most = array("q")
        """Largest count that the unit and the offset leave inside 64 bits."""
        self.offset_ns = array("q")

    def __len__(self) -> int:
        return len(self.link)


def walk_blocks(
    data: Octets, start: cython.longlong, end: cython.longlong, table: InterfaceTable, columns: Columns
) -> tuple[int, int]:
    """Take the run of enhanced packet blocks from ``start`` to ``end``; place and reason of the stop.

    ``ODD`` means any block that this walk does not read: of another type, damaged, with a comment, of an interface
    that is not declared or counts time in units that are no whole nanoseconds.

    Source: draft-ietf-opsawg-pcapng, sections 3.1, 3.5 and 4.3.
    """
    p: cython.p_uchar = data
    offsets: cython.p_longlong
    captureds: cython.p_uint
    wires: cython.p_uint
    times: cython.p_longlong
    links: cython.p_ushort
    link_of: cython.p_ushort
    unit_of: cython.p_longlong
    most_of: cython.p_longlong
    base_of: cython.p_longlong
    kind: cython.longlong
    total: cython.longlong
    again: cython.longlong
    interface: cython.longlong
    high: cython.longlong
    low: cython.longlong
    captured: cython.longlong
    wire: cython.longlong
    option: cython.longlong
    at: cython.longlong = start
    count: cython.longlong = columns.count
    end = min(end, len(data))
    room: cython.longlong = columns.room
    interfaces: cython.longlong = len(table)
    is_big: cython.int = table.is_big
    stop: cython.longlong = FULL
    if cython.compiled:
        offsets = cython.cast(cython.p_longlong, _address(columns.offset))
        captureds = cython.cast(cython.p_uint, _address(columns.captured))
        wires = cython.cast(cython.p_uint, _address(columns.wire))
        times = cython.cast(cython.p_longlong, _address(columns.time_ns))
        links = cython.cast(cython.p_ushort, _address(columns.link))
        link_of = cython.cast(cython.p_ushort, _address(table.link))
        unit_of = cython.cast(cython.p_longlong, _address(table.unit_ns))
        most_of = cython.cast(cython.p_longlong, _address(table.most))
        base_of = cython.cast(cython.p_longlong, _address(table.offset_ns))
    else:
        read_two = struct.Struct(">2I" if is_big else "<2I").unpack_from
        read_five = struct.Struct(">5I" if is_big else "<5I").unpack_from
        read_one = struct.Struct(">I" if is_big else "<I").unpack_from
        offsets, captureds, wires = columns.offset, columns.captured, columns.wire
        times, links = columns.time_ns, columns.link
        link_of, unit_of, most_of, base_of = table.link, table.unit_ns, table.most, table.offset_ns
    while count < room:
        if end - at < 12:
            stop = 12
            break
        if cython.compiled:
            kind = _u32(p, at, is_big)
            total = _u32(p, at + 4, is_big)
        else:
            kind, total = read_two(p, at)
        if kind != 6 or total < PACKET_BLOCK or total > 1 << 24:
            stop = ODD
            break
        if end - at < total:
            stop = total
            break
        if cython.compiled:
            interface = _u32(p, at + 8, is_big)
            high = _u32(p, at + 12, is_big)
            low = _u32(p, at + 16, is_big)
            captured = _u32(p, at + 20, is_big)
            wire = _u32(p, at + 24, is_big)
            again = _u32(p, at + total - 4, is_big)
        else:
            interface, high, low, captured, wire = read_five(p, at + 8)
            (again,) = read_one(p, at + total - 4)
        if interface >= interfaces or captured > total - PACKET_BLOCK or again != total:
            stop = ODD
            break
        # Bit 63 of the count lies in ``high``; shifted without this test it would turn the count negative.
        if high > 0x7FFFFFFF or unit_of[interface] == 0 or ((high << 32) | low) > most_of[interface]:
            stop = ODD
            break
        option = at + 28 + ((captured + 3) & ~3)
        while option + 4 <= at + total - 4 and _u16(p, option, is_big) > 1:
            option += 4 + ((_u16(p, option + 2, is_big) + 3) & ~3)
        # The options end with code 0 or with the block; code 1 is a comment, anything else ran past the block.
        if option != at + total - 4 and (option + 4 > at + total - 4 or _u16(p, option, is_big) == 1):
            stop = ODD
            break
        offsets[count] = at + 28
        captureds[count] = captured
        wires[count] = wire
        times[count] = ((high << 32) | low) * unit_of[interface] + base_of[interface]
        links[count] = link_of[interface]
        count += 1
        at += total
    if count > columns.count:
        columns.latest_ns = times[count - 1]
    columns.count = count
    return at, stop
