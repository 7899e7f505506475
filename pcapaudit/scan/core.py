# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, infer_types=True
# ruff: noqa: PLR1730 - min() and max() are calls when interpreted, and this runs for every packet
"""The scan: one pass over the frames of a capture, compiled where a compiler was at hand.

The class is built in layers, a file each: ``link``, ``packet``, ``ledger``, ``connections``, ``handing``,
``journal`` and, here, the loop. They are Cython in plain Python syntax; a ``.pxd`` beside each states the C types of
its attributes and methods. Compiled, names annotated ``cython.p_...`` are raw pointers into numpy arrays; interpreted,
the same lines run on bytes and memoryviews. Where one form would be slow in the other world both stand side by side
under ``if cython.compiled``.

The frame in hand lives in attributes, so that the steps need no long argument lists. Nothing is
allocated per frame: ``feed`` first makes room for all that a batch can add.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from pcapaudit.scan.blob import ROOM, Blob, Spill
from pcapaudit.scan.journal import Journal
from pcapaudit.scan.memory import Clock, Words, address, grow, make_arrays, moved, slots_for, view_columns
from pcapaudit.scan.result import Bounds, ScanResult
from pcapaudit.scan.snapshot import take_snapshot
from pcapaudit.scan.wanted import EVERYTHING, Wanted

if TYPE_CHECKING:
    from pcapaudit.model import cython_stub as cython
    from pcapaudit.model.frames import FrameBatch
else:
    try:
        import cython
    except ImportError:
        from pcapaudit.model import cython_stub as cython

if not cython.compiled:
    from pcapaudit.scan.layout import (
        ARP8,
        ARP_PACKET,
        BINDING8,
        DEEPEST,
        FLOW4,
        FLOW8,
        FLOW_FIRST_ROWS,
        HANDED8,
        IP_PACKET,
        IS_LOST,
        LAST4,
        LAST8,
        PAIR8,
        ROW8,
        SEEN_OVERSIZE,
        SEEN_TSO,
        SIDE4,
        SIDE8,
        SIDES4,
        SIDES8,
        STATE4,
        TAIL8,
    )
    from pcapaudit.scan.octets import gap


FEW_ROWS: Final = 1 << 14
"""Rows of the log that a small capture has room for."""


def is_compiled() -> bool:
    """Say whether the scan runs as machine code (True) or interpreted (False)."""
    return bool(cython.compiled)


# Where an array's elements lie: an address when compiled, else a view that gives plain numbers.


def _octets(array: Words) -> cython.p_uchar:
    return cython.cast(cython.p_uchar, cython.cast(cython.size_t, address(array))) if cython.compiled else array.data


def _tiny(array: Words) -> cython.p_ushort:
    return cython.cast(cython.p_ushort, cython.cast(cython.size_t, address(array))) if cython.compiled else array.data


def _short(array: Words) -> cython.p_uint:
    return cython.cast(cython.p_uint, cython.cast(cython.size_t, address(array))) if cython.compiled else array.data


def _signed(array: Words) -> cython.p_longlong:
    return cython.cast(cython.p_longlong, cython.cast(cython.size_t, address(array))) if cython.compiled else array.data


def _unsigned(array: Words) -> cython.p_ulonglong:
    return (
        cython.cast(cython.p_ulonglong, cython.cast(cython.size_t, address(array))) if cython.compiled else array.data
    )


class Scanner(Journal):
    """Scan one capture: ``feed`` its frames in file order, take a ``result`` whenever wanted.

    Args:
        bounds: How large the tables may grow; the defaults of ``Bounds`` if left out.
        wanted: Of which TCP streams the bytes are kept; of all if left out.
    """

    def __init__(self, *, bounds: Bounds | None = None, wanted: Wanted = EVERYTHING) -> None:
        super().__init__()
        limits = bounds or Bounds()
        self.max_flows, self.max_rows, self.max_blob = limits.max_flows, limits.max_rows, limits.max_handed_bytes
        self.room, self.max_tails = min(limits.thin_rows, limits.max_rows), limits.max_tails
        self.max_pairs, self.max_bindings, self.max_arps = limits.max_pairs, limits.max_bindings, limits.max_arps
        self.c_frames = self.c_ipv4 = self.c_ipv6 = self.c_no_ip = 0
        self.c_tcp = self.c_udp = self.c_icmp = self.c_other = 0
        self.clock = Clock()
        self.spill = Spill()
        self.is_shown = False
        self.arrays: dict[str, Words] = make_arrays(limits, wanted)
        self.n_octets = len(wanted.octets)
        self._point()

    def feed(self, batch: FrameBatch) -> None:
        """Scan the next frames of the capture.

        Raises:
            ValueError: The batch's columns differ in length, or point outside its data.
        """
        count = len(batch)
        if not count:
            return
        columns = view_columns(batch)
        self.clock.note(batch.first_frame, columns)
        self._reserve(count, int(columns.captured.sum(dtype=np.int64)))
        self.frame = batch.first_frame - 1
        self.c_frames += count
        if cython.compiled:
            data, offset, captured = _octets(columns.data), _signed(columns.offset), _short(columns.captured)
            wire, time_ns, link = _short(columns.wire), _signed(columns.time_ns), _tiny(columns.link)
            with cython.nogil:
                self._scan_all(count, data, offset, captured, wire, time_ns, link)
        else:
            self.data = bytes(batch.data)
            for frame in zip(batch.offset, batch.captured, batch.wire, batch.time_ns, batch.link, strict=True):
                self._scan(*frame)

    def result(self) -> ScanResult:
        """Take a picture of everything found so far; feeding may go on after it."""
        self.is_shown = True
        return self._picture(is_last=False)

    def conclude(self) -> ScanResult:
        """Take the last picture: the scanner takes no frame after it, its memory is given back on the way."""
        if self.is_shown:
            # Earlier pictures look at the log, which is put in order where it lies.
            self._copy_log()
        del self.arrays["flow_slots"]
        result = self._picture(is_last=True)
        self.arrays.clear()
        return result

    def _picture(self, *, is_last: bool) -> ScanResult:
        held = bytes(self.arrays["blob"].data[: self.n_blob - self.blob_from])
        blob, sizes = Blob(self.spill, self.blob_from, held), self._sizes()
        return take_snapshot(self.arrays, sizes, self._counters(), self._left_out(), self.clock, blob, is_last=is_last)

    def _counters(self) -> dict[str, int]:
        return {
            "frames": self.c_frames,
            "undecoded_frames": self.c_undecoded,
            "malformed_packets": self.c_malformed,
            "arp": self.c_arp,
            "ipv4": self.c_ipv4,
            "ipv6": self.c_ipv6,
            "no_ip": self.c_no_ip,
            "tcp": self.c_tcp,
            "udp": self.c_udp,
            "icmp": self.c_icmp,
            "other": self.c_other,
            "tcp_conversations": self.c_tcp_pairs,
            "udp_conversations": self.c_udp_pairs,
            "tcp_syn": self.c_syn,
        }

    def _sizes(self) -> dict[str, int]:
        names = ("rows", "handed", "flows", "arps", "pairs", "bindings", "links", "outer", "tails")
        sizes = [self.n_rows, self.n_handed, self.n_flows, self.n_arps, self.n_pairs, self.n_bindings]
        return dict(zip(names, [*sizes, self.n_links, self.n_outer, self.n_tails], strict=True))

    def _left_out(self) -> dict[str, int]:
        names = ("flows", "rows", "handed", "arps", "pairs", "bindings")
        counts = [self.left_flows, self.left_rows, self.left_handed]
        return dict(zip(names, [*counts, self.left_arps, self.left_pairs, self.left_bindings], strict=True))

    def _reserve(self, count: int, octets: int) -> None:
        """Make room for all that ``count`` frames of ``octets`` bytes can add.

        A frame adds at most one entry to a table; twice as many where a mirrored link-layer
        frame counts beside the tunnel packet that brought it.
        """
        arrays = self.arrays
        flows = min(self.n_flows + count, self.max_flows)
        slots = slots_for(flows)
        is_wider = cython.compiled and slots > len(arrays["flow_slots"])
        has_moved = [
            self._reserve_log(count),
            self._reserve_blob(2 * octets),
            grow(arrays, "flow8", flows, self.n_flows, FLOW8),
            grow(arrays, "flow4", flows, self.n_flows, FLOW4),
            grow(arrays, "arps", min(self.n_arps + count, self.max_arps), self.n_arps, ARP8),
            grow(arrays, "pairs", min(self.n_pairs + 2 * count, self.max_pairs), self.n_pairs, PAIR8),
            grow(arrays, "bindings", min(self.n_bindings + count, self.max_bindings), self.n_bindings, BINDING8),
        ]
        if is_wider:
            arrays["flow_slots"] = np.zeros(slots, np.uint32)
        if is_wider or any(has_moved):
            self._point()
        if is_wider:
            self._place_flows()

    def _reserve_log(self, count: int) -> bool:
        """Make room in the log: little for a small capture, else at once for all that it may become by this batch.

        A packet may bring two back that were left out before it.
        """
        arrays = self.arrays
        wanted = self.n_rows + 4 * count
        # Full on the way, the log may take twice the room; untouched memory costs nothing.
        rows = min(max(2 * self.room, wanted) if wanted > FEW_ROWS else wanted, self.max_rows)
        is_copied = self.is_shown and wanted > self.room
        if is_copied:
            # The log may be thinned where it lies, and a result looks at it.
            self._copy_log()
        has_moved = [
            grow(arrays, "rows", rows, self.n_rows, ROW8),
            grow(arrays, "handed", rows, self.n_handed, HANDED8),
            grow(arrays, "marks", rows, self.n_rows),
            # Untouched memory costs nothing, so there is room at once for all tails that may ever be.
            (self.c_frames + count > FLOW_FIRST_ROWS or wanted > self.room)
            and grow(arrays, "tails", self.max_tails, self.n_tails, TAIL8),
        ]
        return is_copied or any(has_moved)

    def _copy_log(self) -> None:
        """Leave the log to the results that look at it, and go on with a copy."""
        for name, used in (("rows", self.n_rows * ROW8), ("handed", self.n_handed * HANDED8)):
            self.arrays[name] = moved(self.arrays[name], len(self.arrays[name]), used)
        self.is_shown = False

    def _reserve_blob(self, octets: int) -> bool:
        """Make room for bytes to hand over; those that are there already may go into a file."""
        held = self.n_blob - self.blob_from
        if held and held + octets > ROOM and self.spill.append(self.arrays["blob"].data[:held]):
            self.blob_from, held = self.n_blob, 0
        return grow(self.arrays, "blob", held + min(octets, self.max_blob), held)

    def _point(self) -> None:
        """Take the addresses of the arrays (compiled), or views that give plain ints (interpreted)."""
        a = self.arrays
        self.rows, self.handed, self.blob = _unsigned(a["rows"]), _unsigned(a["handed"]), _octets(a["blob"])
        self.marks, self.tails = _octets(a["marks"]), _unsigned(a["tails"])
        self.octets, self.ports = _short(a["octets"]), _octets(a["ports"])
        self.flow8, self.flow4, self.flow_slots = _signed(a["flow8"]), _short(a["flow4"]), _short(a["flow_slots"])
        self.arps, self.pairs, self.bindings = _signed(a["arps"]), _signed(a["pairs"]), _signed(a["bindings"])
        self.pair_slots, self.binding_slots = _short(a["pair_slots"]), _short(a["binding_slots"])
        self.ring, self.buckets, self.copies = _signed(a["ring"]), _short(a["buckets"]), _signed(a["copies"])
        self.seen, self.links = _signed(a["seen"]), _signed(a["links"])
        self.outer, self.tunnels = _signed(a["outer"]), _signed(a["tunnels"])
        self.flow_mask = len(a["flow_slots"]) - 1
        self.pair_mask = len(a["pair_slots"]) - 1
        self.binding_mask = len(a["binding_slots"]) - 1

    def _scan_all(
        self,
        count: cython.longlong,
        data: cython.p_uchar,
        offset: cython.p_longlong,
        captured: cython.p_uint,
        wire: cython.p_uint,
        time_ns: cython.p_longlong,
        link: cython.p_ushort,
    ) -> cython.void:
        i: cython.longlong
        self.data = data
        for i in range(count):
            self._scan(offset[i], captured[i], wire[i], time_ns[i], link[i])

    def _scan(
        self,
        at: cython.longlong,
        captured: cython.longlong,
        wire: cython.longlong,
        ns: cython.longlong,
        link: cython.longlong,
    ) -> cython.void:
        self.frame += 1
        self.ns = ns
        self.is_cut = captured < wire
        self.is_bad = 0
        self.start = at
        self.limit = DEEPEST
        found = self._decode(link, at, at + captured)
        if found == IP_PACKET:
            self._take_packet()
        elif found == ARP_PACKET:
            self._take_arp()
        elif self.depth == 0:
            self.c_no_ip += 1
            self._take_link_frame()
        else:
            # A tunnel without a packet in it: the tunnel's own packet is the innermost one.
            self._take_link_frame()
            self.limit = self.depth - 1
            self._decode(link, at, at + captured)
            self._take_packet()

    def _take_packet(self) -> cython.void:
        """Put the innermost IP packet into every table."""
        proto: cython.longlong = self.proto
        if self.family == 4:
            self.c_ipv4 += 1
        else:
            self.c_ipv6 += 1
        self.payload_at = self.l4
        self.payload_len = self.ip_at + self.ip_len - self.l4
        if self.payload_len < 0:
            self.payload_len = 0
        if proto == 6:
            self.c_tcp += 1
            self._tcp()
        else:
            self._clear_transport()
            if proto == 17:
                self.c_udp += 1
                self._udp()
            elif proto == (1 if self.family == 4 else 58):
                self.c_icmp += 1
            else:
                self.c_other += 1
        if self.tunnel:
            self._note_tunnels()
        if self.is_tso:
            self._note_seen(SEEN_TSO)
        self.copy_key = self._hash(self.ip_at, self.ip_end)
        if cython.compiled:
            self._fetch_flow()
            self._fetch_entries()
        self._note_pair()
        self._note_binding()
        self._find_copy()
        self._take_flow()

    def _take_flow(self) -> cython.void:
        """Update the packet's flow, then log the packet and hand it over where that is wanted."""
        found: cython.longlong = self._find_flow()
        if self.is_ethernet and self.ip_len > 1500:
            self._note_seen(SEEN_OVERSIZE)
            if self.pair >= 0:
                self.pairs[self.pair + 8] += 1
        if found < 0:
            self.left_flows += 1
            return
        side: cython.longlong = found & 1
        f8: cython.longlong = (found >> 1) * FLOW8
        f4: cython.longlong = (found >> 1) * FLOW4
        mine: cython.longlong = f4 + SIDES4 + side * SIDE4
        self.pause = gap(self.ns, self.flow8[f8 + LAST8])
        self.flow8[f8 + LAST8] = self.ns
        self.flow4[f4 + LAST4] = self.frame
        self._take_side(f8 + SIDES8 + side * SIDE8, mine)
        self.is_again = self._follow(mine, f4 + SIDES4 + (1 - side) * SIDE4) if self.has_seq else 0
        lost: cython.longlong = self.left_rows + self.left_handed
        self._log(found, f4, mine)
        if self.left_rows + self.left_handed > lost:
            self.flow4[f4 + STATE4] |= IS_LOST
