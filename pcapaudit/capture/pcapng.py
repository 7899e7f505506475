"""The pcapng format: sections of either byte order, each with its interfaces, frames and what else was written down.

Source: draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from pcapaudit.capture.columns import Columns, Octets
from pcapaudit.capture.options import COMMENT, OVERRUN, read_count, read_options, read_text
from pcapaudit.capture.section import MOST_INTERFACES, SECOND_NS, Interface, Section, read_resolution
from pcapaudit.capture.step import Step, note_interface
from pcapaudit.capture.walk import ODD, walk_blocks
from pcapaudit.model.frames import CaptureNotes

LONGEST_BLOCK = 1 << 24
"""Longest block that is believed; what other programs believe, too."""

SHORTEST_BLOCK = 12
INTERFACE = 1
"""Type of an interface description block."""

_MAGIC = b"\x0a\x0d\x0d\x0a"
_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
"""Byte-order magic as it lies in the file -> byte order as ``struct`` writes it."""

MOST_NOTES = 1000
"""Comments and filters that are kept."""

MOST_NAMES = 1 << 16
MOST_DROP_FRAMES = 10
DAY_NS = 86_400 * SECOND_NS
MOST_HEADER = 1 << 20
"""Bytes of a section's header and interfaces that are kept as they came."""

_Handler = Callable[[Section, bytes, int, Columns], str | None]


def open_pcapng(start: bytes, notes: CaptureNotes) -> PcapngReader | None:
    """Give a reader for a file that starts so; None if the first four bytes are no section header's."""
    return PcapngReader(notes) if start.startswith(_MAGIC) else None


class PcapngReader:
    """Reads one pcapng file."""

    name = "pcapng"

    def __init__(self, notes: CaptureNotes) -> None:
        self._notes = notes
        self._section: Section | None = None
        self._order = "<"
        self.header = bytearray()
        self._handlers: dict[int, _Handler] = {
            INTERFACE: self._take_interface,
            2: self._take_old_packet,
            3: self._take_simple_packet,
            4: self._take_names,
            5: self._take_statistics,
            6: self._take_packet,
        }

    def advance(self, data: Octets, at: int, end: int, columns: Columns) -> Step:
        """Take whole blocks of ``data`` from ``at`` to ``end``."""
        while True:
            if self._section is not None:
                at, stop = walk_blocks(data, at, end, self._section.table, columns)
                if stop != ODD:
                    return Step(at, need=stop)
            step = self._take_block(data, at, end, columns)
            if step.need or step.fault:
                return step
            at = step.at

    def _take_block(self, data: Octets, at: int, end: int, columns: Columns) -> Step:
        """Take one block of any kind; the step's need is 0 if that went well."""
        if end - at < SHORTEST_BLOCK:
            return Step(at, need=SHORTEST_BLOCK)
        is_section = data.startswith(_MAGIC, at)
        order = _ORDERS.get(bytes(data[at + 8 : at + 12])) if is_section else self._order
        if order is None:
            return Step(at, fault="a section header without its byte-order magic")
        kind, total = struct.unpack_from(f"{order}II", data, at)
        if not SHORTEST_BLOCK <= total <= LONGEST_BLOCK:
            return Step(at, fault=f"a block claims to be {total} bytes long")
        if end - at < total:
            return Step(at, need=total)
        (again,) = struct.unpack_from(f"{order}I", data, at + total - 4)
        if again != total:
            return Step(at, fault=f"a block's two lengths differ ({total} and {again})")
        body = bytes(memoryview(data)[at + 8 : at + total - 4])
        fault = self._open_section(order, body) if is_section else self._dispatch(kind, body, at + 8, columns)
        if fault:
            return Step(at, fault=fault)
        if is_section:
            self.header.clear()
        if (is_section or kind == INTERFACE) and len(self.header) + total <= MOST_HEADER:
            self.header += memoryview(data)[at : at + total]
        return Step(at + total)

    def _dispatch(self, kind: int, body: bytes, at: int, columns: Columns) -> str | None:
        """Take a block by its type; ``at`` is where its body lies in the data. Why it is damaged, or None."""
        section, handler = self._section, self._handlers.get(kind)
        if section is None:
            return "a block before any section header"
        if handler is None:
            self._notes.skipped_blocks += 1
            return None
        return handler(section, body, at, columns)

    def _open_section(self, order: str, body: bytes) -> str | None:
        if len(body) < 16:
            return "a section header that is too short"
        major, minor = struct.unpack_from(f"{order}HH", body, 4)
        if major != 1:
            return f"a section of pcapng version {major}.{minor}; only version 1 can be read"
        for code, value in read_options(body, 16, order):
            if code == OVERRUN:
                return "an option runs past its section header"
            self._note_comment(code, value)
        self._section, self._order = Section(order), order
        return None

    def _take_interface(self, section: Section, body: bytes, _at: int, _columns: Columns) -> str | None:
        if len(body) < 8:
            return "an interface description that is too short"
        if len(section.interfaces) >= MOST_INTERFACES:
            return f"more than {MOST_INTERFACES} interfaces"
        link, _, snaplen = section.unpack("HHI", body)
        interface = Interface(link=link, snaplen=snaplen)
        for code, value in read_options(body, 8, section.order):
            if code == OVERRUN:
                return "an option runs past its interface description"
            self._take_interface_option(section, interface, code, value)
        section.add(interface)
        note_interface(self._notes, link, snaplen)
        return None

    def _take_interface_option(self, section: Section, interface: Interface, code: int, value: bytes) -> None:
        if code == 9 and len(value) == 1:
            interface.per_second = read_resolution(value[0])
        elif code == 14 and len(value) == 8:
            (interface.offset_s,) = section.unpack("q", value)
        elif code == 11 and len(value) > 1:
            _keep(self._notes.filters, read_text(value[1:]) if value[0] == 0 else "a compiled filter program")
        else:
            self._note_comment(code, value)

    def _take_packet(self, section: Section, body: bytes, at: int, columns: Columns) -> str | None:
        if len(body) < 20:
            return "a packet block that is too short"
        number, high, low, captured, wire = section.unpack("5I", body)
        return self._add_frame(section, body, at, columns, (number, (high << 32) | low, captured, wire))

    def _take_old_packet(self, section: Section, body: bytes, at: int, columns: Columns) -> str | None:
        """Take the packet block that the enhanced one replaced. Source: the draft's appendix on it."""
        if len(body) < 20:
            return "a packet block that is too short"
        number, _drops, high, low, captured, wire = section.unpack("HH4I", body)
        return self._add_frame(section, body, at, columns, (number, (high << 32) | low, captured, wire))

    def _add_frame(
        self, section: Section, body: bytes, at: int, columns: Columns, head: tuple[int, int, int, int]
    ) -> str | None:
        number, count, captured, wire = head
        interface = section.find(number)
        if interface is None:
            return f"a frame of interface {number}, which was not declared"
        if captured > len(body) - 20:
            return f"a frame of {captured} bytes is longer than its block"
        columns.add(at + 20, captured, wire, interface.time_ns(count), interface.link)
        self._note_options(section, body, 20 + ((captured + 3) & ~3))
        return None

    def _take_simple_packet(self, section: Section, body: bytes, at: int, columns: Columns) -> str | None:
        """Take a frame without time and captured length: it is whole up to the first interface's snap length."""
        interface = section.find(0)
        if interface is None:
            return "a frame of interface 0, which was not declared"
        if len(body) < 4:
            return "a packet block that is too short"
        (wire,) = section.unpack("I", body)
        captured = min(wire, len(body) - 4, interface.snaplen or wire)
        columns.add(at + 4, captured, wire, columns.latest_ns, interface.link)
        self._notes.untimed_frames += 1
        return None

    def _take_names(self, section: Section, body: bytes, _at: int, _columns: Columns) -> str | None:
        """Take a name resolution block: records of an address and the names it has, of which the first is kept."""
        sizes = {1: 4, 2: 16}
        names = self._notes.names
        end = 0
        for kind, value in read_options(body, 0, section.order):
            end += 4 + ((len(value) + 3) & ~3)
            size = sizes.get(kind)
            if kind == OVERRUN:
                self._notes.damaged_options += 1
            elif size is not None and len(value) > size and len(names) < MOST_NAMES:
                names.setdefault(value[:size], read_text(value[size:], 255))
        self._note_options(section, body, end + 4)
        return None

    def _take_statistics(self, section: Section, body: bytes, _at: int, columns: Columns) -> str | None:
        if len(body) < 12:
            return "an interface statistics block that is too short"
        interface = section.find(section.unpack("I", body)[0])
        if interface is None:
            return None
        lost = 0
        for code, value in read_options(body, 12, section.order):
            if code in {5, 7}:
                lost += read_count(value, section.order) or 0
            elif code == 3 and len(value) == 8:
                high, low = section.unpack("II", value)
                self._note_end(_end_of_watch(interface, (high << 32) | low, columns.latest_ns))
            else:
                self._note_comment(code, value)
        self._note_loss(interface, lost, columns.last_frame)
        return None

    def _note_end(self, end_ns: int) -> None:
        notes = self._notes
        notes.watched_until_ns = end_ns if notes.watched_until_ns is None else max(notes.watched_until_ns, end_ns)

    def _note_loss(self, interface: Interface, lost: int, frame: int) -> None:
        # The counters run from the start of the capture, so that only their growth is new.
        if lost <= interface.lost:
            return
        self._notes.dropped += lost - interface.lost
        interface.lost = lost
        if len(self._notes.drop_frames) < MOST_DROP_FRAMES:
            self._notes.drop_frames.append(frame)

    def _note_options(self, section: Section, body: bytes, at: int) -> None:
        for code, value in read_options(body, at, section.order):
            self._note_comment(code, value)

    def _note_comment(self, code: int, value: bytes) -> None:
        if code == COMMENT:
            _keep(self._notes.comments, read_text(value))
        elif code == OVERRUN:
            self._notes.damaged_options += 1


def _end_of_watch(interface: Interface, count: int, latest_ns: int) -> int:
    """The time of an isb_endtime.

    dumpcap 4.0 counts these times in microseconds, whatever the interface says of its time stamps: an end that lies
    before the newest frame is read so, if that puts it behind the frame and not farther than a day.
    """
    end_ns = interface.time_ns(count)
    in_microseconds = 1000 * count
    is_meant = end_ns < latest_ns <= in_microseconds <= latest_ns + DAY_NS
    return in_microseconds if interface.per_second == SECOND_NS and is_meant else end_ns


def _keep(texts: list[str], text: str) -> None:
    if text and len(texts) < MOST_NOTES:
        texts.append(text)
