# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, infer_types=True
# ruff: noqa: PLR1730 - min() and max() are calls when interpreted, and this runs for every packet
"""What is handed over to the dissectors: which packets, how much of them, and the bytes themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pcapaudit.scan.connections import Connections

if TYPE_CHECKING:
    from pcapaudit.model import cython_stub as cython
else:
    try:
        import cython
    except ImportError:
        from pcapaudit.model import cython_stub as cython

if not cython.compiled:
    from pcapaudit.scan.layout import (
        DATA4,
        DHCP4,
        DHCP6,
        DIALOGUE_LEAST_SEGMENTS,
        DNS,
        FLAGS4,
        FRAGMENT,
        HANDED4,
        HANDED8,
        HANDED_BYTES4,
        HANDED_PLENTY,
        HANDED_THIN,
        ICMP,
        ICMP6,
        ISN4,
        NTP,
        SIDE4,
        SIDES4,
        STRANGE,
        STREAM_LEAST_SEGMENTS,
        SYN,
        TCP,
        UNREAD_LEAST_SEGMENTS,
    )
    from pcapaudit.scan.octets import copy, low32, raw64


class Handing(Connections):
    """Hand payloads over, inside bounds; each belongs to the row of the packet log that is written next."""

    def __init__(self) -> None:
        super().__init__()
        if not cython.compiled:
            self.handed = self.blob = self.octets = self.ports = memoryview(b"")
        self.max_blob = 0
        self.n_rows = self.n_handed = self.n_blob = self.n_told = 0
        self.blob_from = self.n_octets = 0
        self.left_handed = self.thinned = 0

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

    def _most_segments(self, f4: cython.longlong, a: cython.longlong, b: cython.longlong) -> cython.longlong:
        """Give how many segments of a direction between these ports are handed over: fewer if there is much already."""
        thinned: cython.int = self.thinned
        if thinned < HANDED_THIN and self.n_told > HANDED_PLENTY:
            thinned = HANDED_THIN
        if self._is_dialogue(a, b):
            return max(DIALOGUE_LEAST_SEGMENTS, 400 >> thinned)
        return max(UNREAD_LEAST_SEGMENTS if self._is_no_stream(f4) else STREAM_LEAST_SEGMENTS, 40 >> thinned)

    def _is_dialogue(self, a: cython.longlong, b: cython.longlong) -> cython.bint:
        """Say whether one of two ports is that of DNS or FTP, in which every message counts."""
        return a == 53 or b == 53 or a == 21 or b == 21

    def _is_no_stream(self, f4: cython.longlong) -> cython.bint:
        """Say whether both sides of a connection began like no stream that is read."""
        return self.flow4[f4 + SIDES4 + FLAGS4] & self.flow4[f4 + SIDES4 + SIDE4 + FLAGS4] & STRANGE > 0

    def _tcp_share(self, f4: cython.longlong, mine: cython.longlong, have: cython.longlong) -> cython.longlong:
        """Give how much of a segment is handed over: the start of a stream decides, not its bulk."""
        octets: cython.longlong = 256 << 10 if self._is_dialogue(self.sport, self.dport) else 32 << 10
        octets -= self.flow4[mine + HANDED_BYTES4]
        if have <= 0 or octets <= 0 or self.flow4[mine + HANDED4] >= self._most_segments(f4, self.sport, self.dport):
            return 0
        if have > octets:
            have = octets
        # The last quarter of the room is kept for what comes in single messages.
        if self.n_told + have > self.max_blob - (self.max_blob >> 2):
            self.left_handed += 1
            return 0
        self.flow4[mine + HANDED4] += 1
        self.flow4[mine + HANDED_BYTES4] += have
        return have

    def _is_unread(
        self, f4: cython.longlong, mine: cython.longlong, at: cython.longlong, size: cython.longlong
    ) -> cython.int:
        """Say whether nobody will read the streams of this connection: both begin like none that is read here.

        That is settled by the first payload of either side, if it stands where the side's SYN says that the stream
        begins and is longer than a keep-alive probe. What follows cannot change it.
        """
        known: cython.longlong = self.flow4[mine + FLAGS4]
        if self._is_no_stream(f4):
            return 1
        is_first: cython.bint = self.flow4[mine + DATA4] == 1 and known & SYN > 0 and self.flags & SYN == 0
        if is_first and size > 1 and self.seq == low32(self.flow4[mine + ISN4] + 1) and self._is_strange(at, size):
            self.flow4[mine + FLAGS4] = known | STRANGE
        return 0

    def _is_strange(self, at: cython.longlong, size: cython.longlong) -> cython.int:
        """Say whether a payload begins like no stream that is read, and lies on none of the ports that are."""
        p = self.data
        k: cython.longlong = 0
        left: cython.longlong = low32(-1)
        if self.ports[self.sport] or self.ports[self.dport]:
            return 0
        while left and k < self.n_octets and k < size:
            left &= self.octets[k * 256 + p[at + k]]
            k += 1
        return left == 0

    def _hand(
        self, kind: cython.longlong, at: cython.longlong, size: cython.longlong, is_unread: cython.int
    ) -> cython.void:
        """Copy bytes for a dissector; they belong to the row that is written next.

        What nobody will read is noted like the rest, and counts as much, so that what is logged does not hang on it.
        """
        i: cython.longlong = self.n_handed * HANDED8
        to: cython.longlong = self.n_blob - self.blob_from
        if size <= 0:
            return
        if self.n_told + size > self.max_blob:
            self.left_handed += 1
            return
        self.handed[i] = (low32(-1) if is_unread else self.n_blob) | (self.n_rows << 32)
        self.handed[i + 1] = size | (kind << 32)
        self.handed[i + 2] = self._first_octets(at, size)
        self.n_told += size
        self.n_handed += 1
        if not is_unread:
            copy(self.blob, to, self.data, at, size)
            self.n_blob += size

    def _first_octets(self, at: cython.longlong, size: cython.longlong) -> cython.ulonglong:
        """Give the first eight bytes as one number, the first of them lowest; 0 for those that are missing."""
        p = self.data
        octets: cython.ulonglong = 0
        octet: cython.ulonglong
        if size >= 8:
            return raw64(p, at)
        while size > 0:
            size -= 1
            octet = p[at + size]
            octets = (octets << 8) | octet
        return octets
