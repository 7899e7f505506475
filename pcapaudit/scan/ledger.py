# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, infer_types=True
# ruff: noqa: FURB136, PLR1730 - min() and max() are calls when interpreted, and this runs for every packet
"""Small tables beside the flows: address pairs, bindings, ARP, tunnel ends, and the look-back for copies."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pcapaudit.scan.packet import PacketReader

if TYPE_CHECKING:
    from pcapaudit.model import cython_stub as cython
else:
    try:
        import cython
    except ImportError:
        from pcapaudit.model import cython_stub as cython

if not cython.compiled:
    from pcapaudit.scan.layout import (
        ARP8,
        ARP_FORM,
        ATOMIC_COPY,
        ATOMIC_WINDOW_NS,
        BINDING8,
        BUCKETS,
        COPY8,
        COPY_PROOFS,
        COPY_STEPS,
        COPY_WINDOW_NS,
        HASHED_BYTES,
        IPV4,
        MAX_SMALL,
        OUTER8,
        PAIR8,
        RING,
        RING8,
        ROUTED_COPY,
        SAME_COPY,
        SUM_BYTES,
        SUMS,
    )
    from pcapaudit.scan.octets import fetch4, fetch8, gap, mix, raw64, stir, sum16, u16, u32, u48


class Ledger(PacketReader):
    """Note who speaks to whom on the link, which address stands behind which MAC, and copies.

    Compiled, a table is found through slots of its own (open addressing, hashes seeded for each
    scanner so that no sender can aim at one slot); interpreted, a dict serves the same purpose.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seed = int.from_bytes(os.urandom(7), "big")
        self.pair_of: dict[tuple[int, ...], int] = {}
        self.binding_of: dict[tuple[int, ...], int] = {}
        self.recent: dict[tuple[int, int], Any] = {}
        self.older: dict[tuple[int, int], Any] = {}
        if not cython.compiled:
            self.arps = self.pairs = self.bindings = self.ring = self.buckets = memoryview(b"")
            self.copies = self.outer = self.tunnels = self.pair_slots = self.binding_slots = memoryview(b"")
        self.pair_mask = self.binding_mask = 0
        self.max_arps = self.max_pairs = self.max_bindings = 0
        self.n_arps = self.n_pairs = self.n_bindings = self.n_ring = self.n_outer = 0
        self.left_arps = self.left_pairs = self.left_bindings = self.c_arp = 0
        self.copy_proofs = self.copy_key = 0
        self.ns = self.pair = self.dup_of = self.dup_kind = 0

    def _note_tunnels(self) -> cython.void:
        bit: cython.int
        i: cython.longlong
        for bit in range(8):
            if (self.tunnel >> bit) & 1:
                self.tunnels[bit] += 1
        if not self.depth:
            return
        for bit in range(self.n_outer):
            i = bit * OUTER8
            if (
                self.outer[i] == self.outer_kind | (self.outer_family << 16)
                and self.outer[i + 2] == self.outer_src_lo
                and self.outer[i + 4] == self.outer_dst_lo
                and self.outer[i + 1] == self.outer_src_hi
                and self.outer[i + 3] == self.outer_dst_hi
            ):
                self.outer[i + 5] += 1
                return
        if self.n_outer < MAX_SMALL:
            i = self.n_outer * OUTER8
            self.n_outer += 1
            self.outer[i] = self.outer_kind | (self.outer_family << 16)
            self.outer[i + 1] = self.outer_src_hi
            self.outer[i + 2] = self.outer_src_lo
            self.outer[i + 3] = self.outer_dst_hi
            self.outer[i + 4] = self.outer_dst_lo
            self.outer[i + 5] = 1
            self.outer[i + 6] = self.frame

    def _fetch_entries(self) -> cython.void:
        """Ask memory for the packet's entries in these tables, all at once and before the first is looked at.

        Compiled form. Memory is far slower than the loop; an entry asked for only when its turn comes is waited for.
        """
        i: cython.longlong
        pair: cython.ulonglong = self._pair_slot()
        binding: cython.ulonglong = self._binding_slot()
        bucket: cython.longlong = self.copy_key & (BUCKETS - 1)
        fetch4(self.buckets, bucket)
        fetch4(self.pair_slots, pair)
        fetch4(self.binding_slots, binding)
        i = self.pair_slots[pair]
        if i:
            fetch8(self.pairs, (i - 1) * PAIR8)
            fetch8(self.pairs, (i - 1) * PAIR8 + 7)
        i = self.binding_slots[binding]
        if i:
            fetch8(self.bindings, (i - 1) * BINDING8)
            fetch8(self.bindings, (i - 1) * BINDING8 + 8)
        fetch8(self.ring, (self.buckets[bucket] & (RING - 1)) * RING8)

    def _note_pair(self) -> cython.void:
        """Count the frame for its two link addresses."""
        i: cython.longlong
        self.pair = -1
        if self.smac == 0 and self.dmac == 0:
            return
        i = self._find_pair()
        if i < 0:
            self.left_pairs += 1
            return
        self.pair = i
        self.pairs[i + 3] += 1
        self.pairs[i + 5] = self.ns
        self.pairs[i + 7] = self.frame

    def _mark_lost(self) -> cython.void:
        """Note with the frame's link addresses that a bound kept out what it says."""
        if self.pair >= 0:
            self.pairs[self.pair + 9] = 1

    def _pair_slot(self) -> cython.ulonglong:
        """Where to look first for the pair."""
        return mix(mix(self.seed ^ self.smac) + self.dmac + self.vlan * 0x1000193) & self.pair_mask

    def _find_pair(self) -> cython.longlong:
        """Give where the pair's entry lies, made anew if need be; -1 when the table is full."""
        slot: cython.ulonglong
        i: cython.longlong
        if cython.compiled:
            slot = self._pair_slot()
            while self.pair_slots[slot]:
                i = (self.pair_slots[slot] - 1) * PAIR8
                if self.pairs[i] == self.smac and self.pairs[i + 1] == self.dmac and self.pairs[i + 2] == self.vlan:
                    return i
                slot = (slot + 1) & self.pair_mask
            if self.n_pairs >= self.max_pairs:
                return -1
            self.pair_slots[slot] = self.n_pairs + 1
        else:
            key = (self.smac, self.dmac, self.vlan)
            known = self.pair_of.get(key)
            if known is not None:
                return known
            if self.n_pairs >= self.max_pairs:
                return -1
            self.pair_of[key] = self.n_pairs * PAIR8
        i = self.n_pairs * PAIR8
        self.n_pairs += 1
        self.pairs[i] = self.smac
        self.pairs[i + 1] = self.dmac
        self.pairs[i + 2] = self.vlan
        self.pairs[i + 4] = self.ns
        self.pairs[i + 6] = self.frame
        return i

    def _note_binding(self) -> cython.void:
        """Count the packet for its source address behind its source MAC."""
        i: cython.longlong = self._find_binding()
        if i < 0:
            self.left_bindings += 1
            return
        ttl: cython.longlong = self.ttl
        self.bindings[i + 4] += 1
        self.bindings[i + 6] = self.ns
        self.bindings[i + 8] = self.frame
        if ttl < self.bindings[i + 9]:
            self.bindings[i + 9] = ttl
        if ttl > self.bindings[i + 10]:
            self.bindings[i + 10] = ttl
        if self.bindings[i + 11] & 0xFFFF < SUMS and self.ip_end - self.ip_at == self.ip_len and not self.fragment:
            self._check_sum(i + 11)

    def _check_sum(self, entry: cython.longlong) -> cython.void:
        """Verify the TCP or UDP checksum (RFC 9293, section 3.1; RFC 768; RFC 8200, section 8.1).

        The word at ``entry`` counts those verified, 16 bits further up the wrong ones, and above them the wrong ones
        that hold the sum of the pseudo-header alone: what a driver writes when the card is to do the rest.
        """
        p = self.data
        tcp: cython.int = self.proto == 6
        at: cython.longlong = self.l4
        size: cython.longlong = self.payload_len + 8
        if tcp:
            size = self.ip_end - at
        if (self.proto != 17 and not self.has_seq) or size < (20 if tcp else 8) or self.is_tso or size > SUM_BYTES:
            return
        if at + size > self.ip_end:
            return
        stated: cython.longlong = u16(p, at + (16 if tcp else 6))
        if not tcp and stated == 0:
            return
        ends: cython.longlong = sum16(
            p, self.ip_at + (12 if self.family == 4 else 8), self.ip_at + (20 if self.family == 4 else 40)
        )
        pseudo: cython.longlong = ends + self.proto + size
        self.bindings[entry] += 1
        if (pseudo + sum16(p, at, at + size)) % 0xFFFF:
            is_partial: cython.longlong = (pseudo - stated) % 0xFFFF == 0
            self.bindings[entry] += (1 << 16) | (is_partial << 32)

    def _binding_slot(self) -> cython.ulonglong:
        """Where to look first for the binding."""
        return mix(mix(mix(self.seed ^ self.smac) + self.src_lo) ^ self.src_hi) & self.binding_mask

    def _find_binding(self) -> cython.longlong:
        """Give where the binding's entry lies, made anew if need be; -1 when the table is full."""
        slot: cython.ulonglong
        i: cython.longlong
        if cython.compiled:
            slot = self._binding_slot()
            while self.binding_slots[slot]:
                i = (self.binding_slots[slot] - 1) * BINDING8
                if (
                    self.bindings[i] == self.smac
                    and self.bindings[i + 3] == self.src_lo
                    and self.bindings[i + 2] == self.src_hi
                    and self.bindings[i + 1] == self.family
                ):
                    return i
                slot = (slot + 1) & self.binding_mask
            if self.n_bindings >= self.max_bindings:
                return -1
            self.binding_slots[slot] = self.n_bindings + 1
        else:
            key = (self.smac, self.src_lo, self.src_hi, self.family)
            known = self.binding_of.get(key)
            if known is not None:
                return known
            if self.n_bindings >= self.max_bindings:
                return -1
            self.binding_of[key] = self.n_bindings * BINDING8
        i = self.n_bindings * BINDING8
        self.n_bindings += 1
        self.bindings[i] = self.smac
        self.bindings[i + 1] = self.family
        self.bindings[i + 2] = self.src_hi
        self.bindings[i + 3] = self.src_lo
        self.bindings[i + 5] = self.ns
        self.bindings[i + 7] = self.frame
        self.bindings[i + 9] = self.ttl
        self.bindings[i + 10] = self.ttl
        return i

    def _take_arp(self) -> cython.void:
        """RFC 826, for Ethernet and IPv4; other kinds are counted only."""
        p = self.data
        at: cython.longlong = self.at
        i: cython.longlong
        self.c_arp += 1
        self._note_tunnels()
        self._note_pair()
        if u16(p, at + 2) != IPV4 or p[at + 4] != 6 or p[at + 5] != 4:
            return
        if self.end - at < 28:
            self._spoil(ARP_FORM)
            return
        self.family = 0
        self.ttl = 0
        self.copy_key = self._hash(self.start, self.end)
        self._find_copy()
        if self.n_arps >= self.max_arps:
            self.left_arps += 1
            self._mark_lost()
            return
        i = self.n_arps * ARP8
        self.n_arps += 1
        self.arps[i] = self.ns
        self.arps[i + 1] = self.frame
        self.arps[i + 2] = u16(p, at + 6) | (self.vlan << 16)
        self.arps[i + 3] = self.smac
        self.arps[i + 4] = self.dmac
        self.arps[i + 5] = u48(p, at + 8)
        self.arps[i + 6] = u48(p, at + 18)
        self.arps[i + 7] = u32(p, at + 14)
        self.arps[i + 8] = u32(p, at + 24)
        self.arps[i + 9] = self.dup_of

    def _hash(self, at: cython.longlong, end: cython.longlong) -> cython.longlong:
        """Hash a datagram without hop limit and header checksum (family 0: a whole frame)."""
        stop: cython.longlong = end if end < at + HASHED_BYTES else at + HASHED_BYTES
        return self._hash_words(at, stop) if cython.compiled else self._hash_slices(at, stop)

    def _hash_slices(self, at: int, stop: int) -> int:
        p = self.data
        if self.family == 4:
            return hash((p[at : at + 8], p[at + 9], p[at + 12 : stop]))
        if self.family == 6:
            return hash((p[at : at + 7], p[at + 8 : stop]))
        return hash(p[at:stop])

    def _hash_words(self, at: cython.longlong, stop: cython.longlong) -> cython.longlong:
        p = self.data
        x: cython.ulonglong = self.seed
        word: cython.ulonglong
        if self.family:
            word = raw64(p, at)
            if self.family == 4:
                x = mix(x ^ word) ^ p[at + 9]
                at += 12
            else:
                x = mix(x ^ (word << 8))
                at += 8
        # Four sums side by side: each step waits for the one before it in its own sum alone.
        a: cython.ulonglong = x
        b: cython.ulonglong = x
        c: cython.ulonglong = x
        while at + 32 <= stop:
            a = stir(a ^ raw64(p, at))
            b = stir(b ^ raw64(p, at + 8))
            c = stir(c ^ raw64(p, at + 16))
            x = stir(x ^ raw64(p, at + 24))
            at += 32
        x = stir(stir(stir(x ^ a) ^ b) ^ c)
        while at + 8 <= stop:
            x = stir(x ^ raw64(p, at))
            at += 8
        word = stop - at
        while at < stop:
            word = (word << 8) | p[at]
            at += 1
        digest: cython.longlong = cython.cast(cython.longlong, mix(x ^ word))
        return digest

    def _find_copy(self) -> cython.void:
        """Say whether this packet was seen a moment ago, and remember it for the next one.

        Sets ``dup_of`` and ``dup_kind``. Source: catalogue rules CAP-DUP, CAP-DUP-ID0, CAP-DUP-ROUTED.
        """
        size: cython.longlong = self.ip_len if self.family else self.end - self.start
        self.dup_of = 0
        self.dup_kind = 0
        self.n_ring += 1
        origin: cython.longlong = self._search_ring(size) if cython.compiled else self._search_recent(size)
        if self.dup_kind:
            self.dup_of = origin
            self._note_copy(origin)

    def _search_ring(self, size: cython.longlong) -> cython.longlong:
        """Look for the packet in its bucket's chain and append it; gives the first copy's frame.

        Compiled form. An entry's place is its number modulo the ring, so an entry is gone once
        the numbers lie a whole ring apart.
        """
        key: cython.longlong = self.copy_key
        number: cython.longlong = self.n_ring
        newest: cython.longlong = self.buckets[key & (BUCKETS - 1)]
        entry: cython.longlong = newest
        origin: cython.longlong = self.frame
        place: cython.longlong
        kind: cython.longlong
        equal: cython.int = 0
        while entry and number - entry < RING and equal < COPY_STEPS:
            place = (entry & (RING - 1)) * RING8
            if self.ring[place] == key and self.ring[place + 4] == size:
                equal += 1
                kind = self._judge_copy(
                    self.ring[place + 1],
                    self.ring[place + 2],
                    self.ring[place + 3],
                    self.ring[place + 7],
                    self.ring[place + 8],
                )
                if kind:
                    self.dup_kind = kind
                    origin = self.ring[place + 6]
                    if kind != ROUTED_COPY:
                        break
            entry = self.ring[place + 5]
        if self.dup_kind and not self._settle_copy():
            origin = self.frame
        self.buckets[key & (BUCKETS - 1)] = number
        place = (number & (RING - 1)) * RING8
        self.ring[place] = key
        self.ring[place + 1] = self.ns
        self.ring[place + 2] = self.smac
        self.ring[place + 3] = self.dmac
        self.ring[place + 4] = size
        self.ring[place + 5] = newest
        self.ring[place + 6] = origin
        self.ring[place + 7] = self.ttl
        self.ring[place + 8] = self.vlan
        return origin

    def _search_recent(self, size: int) -> int:
        """Do what ``_search_ring`` does, interpreted: two generations of a dict, each up to a ring long."""
        key, number, origin = self.copy_key, self.n_ring, self.frame
        if len(self.recent) >= RING:
            self.recent, self.older = {}, self.recent
        entries = self.recent.get((key, size)) or self.older.get((key, size), ())
        for entry in entries:
            if number - entry[0] >= RING:
                break
            kind = self._judge_copy(entry[2], entry[3], entry[4], entry[5], entry[6])
            if kind:
                self.dup_kind, origin = kind, int(entry[1])
                if kind != ROUTED_COPY:
                    break
        if self.dup_kind and not self._settle_copy():
            origin = self.frame
        entry = (number, origin, self.ns, self.smac, self.dmac, self.ttl, self.vlan)
        self.recent[key, size] = (entry, *entries[: COPY_STEPS - 1]) if entries else (entry,)
        return origin

    def _judge_copy(
        self,
        ns: cython.longlong,
        smac: cython.longlong,
        dmac: cython.longlong,
        ttl: cython.longlong,
        vlan: cython.longlong,
    ) -> cython.longlong:
        """Compare time, link and hop limit with those of an earlier packet of the same bytes."""
        wait: cython.longlong = gap(self.ns, ns)
        if wait < 0:
            wait = -wait
        if wait > COPY_WINDOW_NS:
            return 0
        if ttl != self.ttl:
            return ROUTED_COPY if smac != self.smac or dmac != self.dmac or vlan != self.vlan else 0
        if smac != self.smac or dmac != self.dmac:
            return 0
        if self.family and self.ip_id == 0:
            return ATOMIC_COPY if wait < ATOMIC_WINDOW_NS else 0
        return SAME_COPY

    def _settle_copy(self) -> cython.longlong:
        """Decide about a packet without identification: two equal ones may both have been sent.

        IPv6 never has one. There a TCP segment that carries data cannot be sent again so soon,
        hence it counts as proof like a repeated identification does in IPv4.
        """
        if self.dup_kind == SAME_COPY and self.family:
            self.copy_proofs += 1
        if self.dup_kind == ATOMIC_COPY:
            if self.family == 6 and self.has_seq and self.payload_len:
                self.copy_proofs += 1
            self.dup_kind = SAME_COPY if self.copy_proofs >= COPY_PROOFS else 0
        return self.dup_kind

    def _note_copy(self, origin: cython.longlong) -> cython.void:
        at: cython.longlong = self.dup_kind * COPY8
        count: cython.longlong = self.copies[at] + 1
        self.copies[at] = count
        if count <= 5:
            self.copies[at + count * 2 - 1] = origin
            self.copies[at + count * 2] = self.frame
