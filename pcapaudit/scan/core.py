# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, infer_types=True
# ruff: noqa: PLR1730 - min() and max() are calls when interpreted, and this runs for every packet
"""The scan: one pass over the frames of a capture, compiled where a compiler was at hand.

The class is built in layers, a file each: ``link``, ``packet``, ``ledger``, ``connections`` and, here, the
loop with the packet log. They are Cython in plain Python syntax; a ``.pxd`` beside each states the C types of its
attributes and methods. Compiled, names annotated ``cython.p_...`` are raw pointers into numpy arrays; interpreted,
the same lines run on bytes and memoryviews. Where one form would be slow in the other world both stand side by side
under ``if cython.compiled``.

The frame in hand lives in attributes, so that the steps need no long argument lists. Nothing is
allocated per frame: ``feed`` first makes room for all that a batch can add.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pcapaudit.scan.connections import Connections
from pcapaudit.scan.memory import Clock, Words, address, grow, make_arrays, slots_for, view_columns
from pcapaudit.scan.result import Bounds, ScanResult
from pcapaudit.scan.snapshot import take_snapshot

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
        DHCP4,
        DHCP6,
        DNS,
        FIN,
        FLOW4,
        FLOW8,
        FLOW_FIRST_ROWS,
        FLOW_MAX_ROWS,
        FRAGMENT,
        HANDED4,
        HANDED8,
        HANDED_BYTES4,
        ICMP,
        ICMP6,
        IP_PACKET,
        LAST4,
        LAST8,
        LEFT4,
        LINK_MAX_ROWS,
        NTP,
        PAIR8,
        ROW8,
        ROWS4,
        RST,
        SEEN_OVERSIZE,
        SEEN_TSO,
        SIDE4,
        SIDE8,
        SIDES4,
        SIDES8,
        SILENCE_S,
        SYN,
        TCP,
    )
    from pcapaudit.scan.octets import gap, low32


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


class Scanner(Connections):
    """Scan one capture: ``feed`` its frames in file order, take a ``result`` whenever wanted.

    Args:
        bounds: How large the tables may grow; the defaults of ``Bounds`` if left out.
    """

    def __init__(self, *, bounds: Bounds | None = None) -> None:
        super().__init__()
        limits = bounds or Bounds()
        self.max_flows, self.max_rows, self.max_blob = limits.max_flows, limits.max_rows, limits.max_handed_bytes
        self.max_pairs, self.max_bindings, self.max_arps = limits.max_pairs, limits.max_bindings, limits.max_arps
        self.n_rows = self.n_link_rows = self.n_handed = self.n_blob = 0
        self.before_ns = self.is_again = 0
        self.left_rows = self.left_handed = 0
        self.c_frames = self.c_ipv4 = self.c_ipv6 = self.c_no_ip = 0
        self.c_tcp = self.c_udp = self.c_icmp = self.c_other = 0
        self.clock = Clock()
        self.arrays: dict[str, Words] = make_arrays(limits)
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
            self._scan_all(
                count,
                _octets(columns.data),
                _signed(columns.offset),
                _short(columns.captured),
                _short(columns.wire),
                _signed(columns.time_ns),
                _tiny(columns.link),
            )
        else:
            self.data = bytes(batch.data)
            for frame in zip(batch.offset, batch.captured, batch.wire, batch.time_ns, batch.link, strict=True):
                self._scan(*frame)

    def result(self) -> ScanResult:
        """Take a picture of everything found so far; feeding may go on after it."""
        return take_snapshot(self.arrays, self._sizes(), self._counters(), self._left_out(), self.clock)

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
        names = ("rows", "handed", "blob", "flows", "arps", "pairs", "bindings", "links", "outer")
        sizes = [self.n_rows, self.n_handed, self.n_blob, self.n_flows, self.n_arps, self.n_pairs, self.n_bindings]
        return dict(zip(names, [*sizes, self.n_links, self.n_outer], strict=True))

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
        rows = min(self.n_rows + 2 * count, self.max_rows)
        flows = min(self.n_flows + count, self.max_flows)
        grow(arrays, "rows", rows * ROW8)
        grow(arrays, "handed", min(self.n_handed + 2 * count, self.max_rows) * HANDED8)
        grow(arrays, "blob", min(self.n_blob + 2 * octets, self.max_blob))
        grow(arrays, "flow8", flows * FLOW8)
        grow(arrays, "flow4", flows * FLOW4)
        grow(arrays, "arps", min(self.n_arps + count, self.max_arps) * ARP8)
        grow(arrays, "pairs", min(self.n_pairs + 2 * count, self.max_pairs) * PAIR8)
        grow(arrays, "bindings", min(self.n_bindings + count, self.max_bindings) * BINDING8)
        slots = slots_for(flows)
        is_wider = slots > len(arrays["flow_slots"])
        if is_wider and cython.compiled:
            arrays["flow_slots"] = np.zeros(slots, np.uint32)
        self._point()
        if is_wider and cython.compiled:
            self._place_flows()

    def _point(self) -> None:
        """Take the addresses of the arrays (compiled), or views that give plain ints (interpreted)."""
        a = self.arrays
        self.rows, self.handed, self.blob = _unsigned(a["rows"]), _unsigned(a["handed"]), _octets(a["blob"])
        self.flow8, self.flow4, self.flow_slots = _signed(a["flow8"]), _short(a["flow4"]), _short(a["flow_slots"])
        self.arps, self.pairs, self.bindings = _signed(a["arps"]), _signed(a["pairs"]), _signed(a["bindings"])
        self.pair_slots, self.binding_slots = _short(a["pair_slots"]), _short(a["binding_slots"])
        self.ring, self.buckets, self.copies = _signed(a["ring"]), _signed(a["buckets"]), _signed(a["copies"])
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

    def _take_link_frame(self) -> cython.void:
        """Log and hand over a frame that speaks of the link itself."""
        self._note_pair()
        if not self.link_kind:
            return
        if self.n_link_rows >= LINK_MAX_ROWS or self.n_rows >= self.max_rows:
            self.left_rows += 1
            return
        self.n_link_rows += 1
        self.dup_of = 0
        self.dup_kind = 0
        self.family = 0
        self.ttl = 0
        self.ip_len = 0
        self.ip_id = 0
        self.payload_len = self.end - self.at
        self._clear_transport()
        self.fragment = 0
        self.dont_fragment = 0
        self._hand(self.link_kind, self.at, self.payload_len)
        self._write_row(low32(-1), 0)

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
        self._note_pair()
        self._note_binding()
        self._find_copy(self._hash(self.ip_at, self.ip_end))
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
        self.before_ns = self.flow8[f8 + LAST8]
        self.flow8[f8 + LAST8] = self.ns
        self.flow4[f4 + LAST4] = self.frame
        self._take_side(f8 + SIDES8 + side * SIDE8, mine)
        self.is_again = self._follow(mine, f4 + SIDES4 + (1 - side) * SIDE4) if self.has_seq else 0
        self._log(found, f4, mine)

    def _log(self, found: cython.longlong, f4: cython.longlong, mine: cython.longlong) -> cython.void:
        """Keep the packet's row if it is among the first, is handed over, or says something."""
        kind: cython.longlong = self._kind_of()
        at: cython.longlong = self.l4 if kind == FRAGMENT else self.payload_at
        taken: cython.longlong = self.ip_end - at
        rows: cython.longlong = self.flow4[f4 + ROWS4]
        if kind == 0:
            taken = 0
        elif taken > self.payload_len and kind != FRAGMENT:
            taken = self.payload_len
        if kind == TCP:
            taken = self._tcp_share(mine, taken)
        if rows >= FLOW_FIRST_ROWS and not self._is_worth_a_row(rows, kind, taken):
            self.flow4[f4 + LEFT4] += 1
            return
        if self.n_rows >= self.max_rows:
            self.flow4[f4 + LEFT4] += 1
            self.left_rows += 1
            return
        if taken > 0:
            self._hand(kind, at, taken)
        self.flow4[f4 + ROWS4] = rows + 1
        self._write_row(found >> 1, found & 1)

    def _is_worth_a_row(self, rows: cython.longlong, kind: cython.longlong, taken: cython.longlong) -> cython.longlong:
        """Judge a packet of a flow that has its first rows already."""
        # DNS and DHCP are counted from what is handed over, so their flows are logged in full.
        if taken > 0 and kind <= DHCP6:
            return 1
        if rows >= FLOW_MAX_ROWS:
            return 0
        if taken > 0 or self.is_again or self.flags & (FIN | SYN | RST):
            return 1
        if self.has_seq and self.window == 0 and self.ip_end - self.l4 >= 16:
            return 1
        return gap(self.ns, self.before_ns) // 1_000_000_000 >= SILENCE_S

    def _kind_of(self) -> cython.longlong:
        """Name the dissector that wants this packet, 0 for none."""
        proto: cython.longlong = self.proto
        if self.fragment:
            return FRAGMENT
        if proto == 6:
            return TCP if self.payload_len and not self.dup_kind else 0
        if proto == 17:
            return self._udp_kind()
        if proto == 1 and self.family == 4:
            return ICMP
        return ICMP6 if proto == 58 and self.family == 6 else 0

    def _udp_kind(self) -> cython.longlong:
        a: cython.longlong = self.sport
        b: cython.longlong = self.dport
        if a > 547 and b > 547:
            return 0
        if a == 53 or b == 53:
            return DNS
        if a == 123 or b == 123:
            return NTP
        if self.family == 4 and (a in {67, 68} or b in {67, 68}):
            return DHCP4
        if self.family == 6 and (a in {546, 547} or b in {546, 547}):
            return DHCP6
        return 0

    def _tcp_share(self, mine: cython.longlong, have: cython.longlong) -> cython.longlong:
        """Give how much of a segment is handed over: the start of a stream decides, not its bulk."""
        segments: cython.longlong = 40
        octets: cython.longlong = 32 << 10
        if self.sport == 53 or self.dport == 53 or self.sport == 21 or self.dport == 21:
            segments = 400
            octets = 256 << 10
        octets -= self.flow4[mine + HANDED_BYTES4]
        if have <= 0 or octets <= 0 or self.flow4[mine + HANDED4] >= segments:
            return 0
        if have > octets:
            have = octets
        # The last quarter of the room is kept for what comes in single messages.
        if self.n_blob + have > self.max_blob - (self.max_blob >> 2):
            self.left_handed += 1
            return 0
        self.flow4[mine + HANDED4] += 1
        self.flow4[mine + HANDED_BYTES4] += have
        return have

    def _hand(self, kind: cython.longlong, at: cython.longlong, size: cython.longlong) -> cython.void:
        """Copy bytes for a dissector; they belong to the row that is written next."""
        p = self.data
        i: cython.longlong = self.n_handed * HANDED8
        k: cython.longlong
        if size <= 0:
            return
        if self.n_blob + size > self.max_blob:
            self.left_handed += 1
            return
        self.handed[i] = self.n_blob
        self.handed[i + 1] = self.n_rows | (size << 32)
        self.handed[i + 2] = kind
        if cython.compiled:
            for k in range(size):
                self.blob[self.n_blob + k] = p[at + k]
        else:
            self.blob[self.n_blob : self.n_blob + size] = p[at : at + size]
        self.n_blob += size
        self.n_handed += 1

    def _write_row(self, flow: cython.longlong, side: cython.longlong) -> cython.void:
        """Append the packet to the log, word by word as ``columns.ROW_COLUMNS`` lays them out."""
        i: cython.longlong = self.n_rows * ROW8
        word: cython.longlong
        self.n_rows += 1
        if cython.compiled:
            self.rows[i] = self.ns
        else:
            self.rows[i] = self.ns & 0xFFFFFFFFFFFFFFFF
        self.rows[i + 1] = self.frame | (flow << 32)
        self.rows[i + 2] = self.smac
        self.rows[i + 3] = self.dmac
        self.rows[i + 4] = self.seq | (self.ack << 32)
        self.rows[i + 5] = self.ip_len | (self.payload_len << 32)
        self.rows[i + 6] = self.ip_id | (self.dup_of << 32)
        word = self.flags | (self.window << 16) | (self.vlan << 32) | (self.ttl << 48)
        self.rows[i + 7] = word | (side << 56)
        word = self.dup_kind | (self.dont_fragment << 8) | (self.tunnel << 24) | (self.is_cut << 56)
        if self.fragment:
            word |= (self.fragment << 16) | (self.fragment_offset << 32) | (self.more << 48)
        self.rows[i + 8] = word
