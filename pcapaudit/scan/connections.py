# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, infer_types=True
# ruff: noqa: PLR1730 - min() and max() are calls when interpreted, and this runs for every packet
"""The flow table: which connection a packet belongs to, and what it adds to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pcapaudit.scan.ledger import Ledger

if TYPE_CHECKING:
    from pcapaudit.model import cython_stub as cython
else:
    try:
        import cython
    except ImportError:
        from pcapaudit.model import cython_stub as cython

if not cython.compiled:
    from pcapaudit.scan.layout import (
        ACK4,
        ACK_KNOWN,
        DATA4,
        FIRST8,
        FLAGS4,
        FLOW4,
        FLOW8,
        HEARD4,
        ISN4,
        KEY8,
        KEY_FLOW4,
        LAST8,
        LIVE4,
        MIDSTREAM,
        MOVES4,
        NEXT4,
        NEXT_KNOWN,
        OUT_OF_ORDER_NS,
        OUT_OF_ORDER_OCTETS,
        RETRANS4,
        SAID4,
        SEEN4,
        SIDE4,
        SIDES4,
        STATE4,
        TTL_MAX4,
        TTL_MIN4,
        UNSEEN4,
    )
    from pcapaudit.scan.octets import fetch4, fetch8, gap, is_after, low32, mix


class Connections(Ledger):
    """Keep one row per connection and follow the sequence numbers of its two sides."""

    def __init__(self) -> None:
        super().__init__()
        self.flow_of: dict[tuple[int, ...], int] = {}
        if not cython.compiled:
            self.flow8 = self.flow4 = self.flow_slots = memoryview(b"")
        self.flow_mask = self.flow_slot = self.is_first = 0
        self.max_flows = self.n_flows = self.left_flows = 0
        self.c_tcp_pairs = self.c_udp_pairs = 0

    def _take_side(self, s8: cython.longlong, s4: cython.longlong) -> cython.void:
        """Count the packet for the side that sent it."""
        count: cython.longlong = self.flow4[s4]
        ttl: cython.longlong = self.ttl
        self.flow4[s4] = count + 1
        self.flow8[s8] += self.ip_len
        self.flow8[s8 + 1] += self.payload_len
        self.flow8[s8 + 4] = self.ns
        self.flow4[s4 + SEEN4] = self.frame
        self.is_first = count == 0
        if not self.dup_kind:
            self.flow4[s4 + LIVE4] = self.frame
            if self.payload_len and not self._is_probe(s4):
                self.is_first |= self.flow4[s4 + SAID4] == 0
                self.flow4[s4 + SAID4] = self.frame
        if count == 0:
            self.flow8[s8 + 2] = self.smac
            self.flow8[s8 + 3] = self.smac
            self.flow4[s4 + TTL_MIN4] = ttl
            self.flow4[s4 + TTL_MAX4] = ttl
            return
        if self.flow8[s8 + 3] != self.smac and not self.dup_kind:
            self.flow8[s8 + 3] = self.smac
            if self.flow4[s4 + MOVES4] < 0xFFFF:
                self.flow4[s4 + MOVES4] += 1
        if ttl < self.flow4[s4 + TTL_MIN4]:
            self.flow4[s4 + TTL_MIN4] = ttl
        if ttl > self.flow4[s4 + TTL_MAX4]:
            self.flow4[s4 + TTL_MAX4] = ttl

    def _is_probe(self, mine: cython.longlong) -> cython.int:
        """Say whether a packet with payload only repeats its side's last byte (keep-alive, RFC 9293, section 3.8.4)."""
        if not self.has_seq or self.payload_len != 1 or not self.flow4[mine + FLAGS4] & NEXT_KNOWN:
            return 0
        return low32(self.flow4[mine + NEXT4] - self.seq) == 1

    def _follow(self, mine: cython.longlong, theirs: cython.longlong) -> cython.int:
        """Follow the sequence numbers of one TCP segment; True for a retransmission.

        Numbers are compared modulo 2**32 (RFC 9293, section 3.4). A probe that repeats the last
        acknowledged byte (keep-alive, RFC 9293, section 3.8.4) is none.
        """
        flags: cython.longlong = self.flags
        known: cython.longlong = self.flow4[mine + FLAGS4]
        stop: cython.longlong = self.seq + self.payload_len + ((flags >> 1) & 1) + (flags & 1)
        again: cython.int = 0
        stop = low32(stop)
        if self.payload_len:
            self.flow4[mine + DATA4] += 1
        known |= flags & 0xFF
        if flags & 2:
            self.flow4[mine + ISN4] = self.seq
        if not flags & 4:
            if not known & NEXT_KNOWN:
                known |= NEXT_KNOWN
                self.flow4[mine + NEXT4] = stop
            else:
                # The first SYN of a side repeats nothing, though later packets may have been seen before it.
                again = self._is_again(mine, theirs) if self.payload_len or self.flow4[mine + FLAGS4] & 2 else 0
                if is_after(stop, self.flow4[mine + NEXT4]):
                    self.flow4[mine + NEXT4] = stop
        if again and not self.dup_kind:
            self.flow4[mine + RETRANS4] += 1
        if flags & 16:
            known = self._follow_ack(mine, theirs, known)
        self.flow4[mine + FLAGS4] = known
        return again and not self.dup_kind

    def _is_again(self, mine: cython.longlong, theirs: cython.longlong) -> cython.int:
        """Say whether data or a SYN begins below the highest sequence number sent."""
        following: cython.longlong = self.flow4[mine + NEXT4]
        if not self.payload_len and not self.flags & 2:
            return 0
        if not is_after(following, self.seq):
            return 0
        if self.payload_len != 1 or low32(following - self.seq) != 1:
            return 1
        return self.flow4[theirs + FLAGS4] & ACK_KNOWN == 0 or self.flow4[theirs + ACK4] != following

    def _follow_ack(self, mine: cython.longlong, theirs: cython.longlong, known: cython.longlong) -> cython.longlong:
        """Keep the highest acknowledgement; count one that first confirms bytes never seen."""
        if known & ACK_KNOWN and not is_after(self.ack, self.flow4[mine + ACK4]):
            return known
        is_known: cython.longlong = self.flow4[theirs + FLAGS4] & NEXT_KNOWN
        if is_known and not self.dup_kind and is_after(self.ack, self.flow4[theirs + NEXT4]):
            self.flow4[mine + UNSEEN4] += 1
        self.flow4[mine + ACK4] = self.ack
        if not self.dup_kind:
            self.flow4[mine + HEARD4] = self.frame
        return known | ACK_KNOWN

    def _find_flow(self) -> cython.longlong:
        """Give the packet's flow times 2 plus its side, made anew if need be; -1 when the table is full."""
        base: cython.longlong = (self.portless << 48) | (self.family << 40) | (self.proto << 32)
        key: cython.longlong = base | (self.sport << 16) | self.dport
        back: cython.longlong = base | (self.dport << 16) | self.sport
        slot: cython.ulonglong = 0
        found: cython.longlong = -1
        if cython.compiled:
            slot = self._find_slot(key, back)
            if self.flow_slots[slot]:
                found = (self.flow_slots[slot] - 1) * 2
                i: cython.longlong = (found >> 1) * FLOW8
                if (
                    self.flow8[i + KEY8] != key
                    or self.flow8[i + 1] != self.src_lo
                    or self.flow8[i] != self.src_hi
                    or self.flow8[i + 3] != self.dst_lo
                ):
                    found += 1
        else:
            found = self.flow_of.get((self.src_lo, self.dst_lo, key, self.src_hi, self.dst_hi), -1)
        if found >= 0 and not self._starts_anew(found):
            return found
        if self.n_flows >= self.max_flows:
            return -1
        if cython.compiled:
            self.flow_slots[slot] = self.n_flows + 1
        else:
            self.flow_of[(self.dst_lo, self.src_lo, back, self.dst_hi, self.src_hi)] = self.n_flows * 2 + 1
            self.flow_of[(self.src_lo, self.dst_lo, key, self.src_hi, self.dst_hi)] = self.n_flows * 2
        self._open_flow(key, found)
        return (self.n_flows - 1) * 2

    def _slot_of(
        self,
        a_hi: cython.longlong,
        a_lo: cython.longlong,
        b_hi: cython.longlong,
        b_lo: cython.longlong,
        key: cython.longlong,
    ) -> cython.ulonglong:
        """Where to look first: equal for both directions, so the two ends are mixed and then added."""
        a: cython.ulonglong = mix(mix(self.seed ^ a_lo) + a_hi + ((key >> 16) & 0xFFFF))
        b: cython.ulonglong = mix(mix(self.seed ^ b_lo) + b_hi + (key & 0xFFFF))
        return mix(a + b + (key >> 32)) & self.flow_mask

    def _find_slot(self, key: cython.longlong, back: cython.longlong) -> cython.ulonglong:
        """Give the slot that holds the 5-tuple in either direction, or the free one where it belongs."""
        i: cython.longlong
        slot: cython.ulonglong = self.flow_slot
        while self.flow_slots[slot]:
            i = (self.flow_slots[slot] - 1) * FLOW8
            if (
                self.flow8[i + KEY8] == key
                and self.flow8[i + 1] == self.src_lo
                and self.flow8[i + 3] == self.dst_lo
                and self.flow8[i] == self.src_hi
                and self.flow8[i + 2] == self.dst_hi
            ) or (
                self.flow8[i + KEY8] == back
                and self.flow8[i + 1] == self.dst_lo
                and self.flow8[i + 3] == self.src_lo
                and self.flow8[i] == self.dst_hi
                and self.flow8[i + 2] == self.src_hi
            ):
                return slot
            slot = (slot + 1) & self.flow_mask
        return slot

    def _fetch_flow(self) -> cython.void:
        """Work out where to look first, and ask memory for what lies there, see ``_fetch_entries``."""
        base: cython.longlong = (self.portless << 48) | (self.family << 40) | (self.proto << 32)
        key: cython.longlong = base | (self.sport << 16) | self.dport
        self.flow_slot = self._slot_of(self.src_hi, self.src_lo, self.dst_hi, self.dst_lo, key)
        i: cython.longlong = self.flow_slots[self.flow_slot]
        if i:
            i -= 1
            fetch8(self.flow8, i * FLOW8)
            fetch8(self.flow8, i * FLOW8 + 8)
            fetch8(self.flow8, i * FLOW8 + 16)
            fetch4(self.flow4, i * FLOW4)
            fetch4(self.flow4, i * FLOW4 + 16)
            fetch4(self.flow4, i * FLOW4 + 32)

    def _place_flows(self) -> cython.void:
        """Fill a wider slot table; a later row of the same 5-tuple takes the earlier one's slot."""
        flow: cython.longlong
        i: cython.longlong
        j: cython.longlong
        slot: cython.ulonglong
        for flow in range(self.n_flows):
            i = flow * FLOW8
            slot = self._slot_of(
                self.flow8[i], self.flow8[i + 1], self.flow8[i + 2], self.flow8[i + 3], self.flow8[i + KEY8]
            )
            while self.flow_slots[slot]:
                j = self.flow_slots[slot] - 1
                if self.flow4[j * FLOW4 + KEY_FLOW4] == self.flow4[flow * FLOW4 + KEY_FLOW4]:
                    break
                slot = (slot + 1) & self.flow_mask
            self.flow_slots[slot] = flow + 1

    def _starts_anew(self, found: cython.longlong) -> cython.int:
        """Say whether this SYN opens another connection between the same two ports."""
        if self.proto != 6 or self.flags & 0x12 != 2 or self.dup_kind:
            return 0
        sides: cython.longlong = (found >> 1) * FLOW4 + SIDES4
        mine: cython.longlong = sides + (found & 1) * SIDE4
        if self.flow4[mine + FLAGS4] & 2:
            return self.flow4[mine + ISN4] != self.seq
        state: cython.longlong = sides - SIDES4 + STATE4
        is_closed = (self.flow4[sides + FLAGS4] | self.flow4[sides + SIDE4 + FLAGS4]) & 5
        if not is_closed and not self.flow4[state] & MIDSTREAM:
            return 0
        if not self._is_late_opening(found, mine, sides + (1 - (found & 1)) * SIDE4):
            return 1
        self.flow4[state] &= ~MIDSTREAM
        return 0

    def _is_late_opening(self, found: cython.longlong, mine: cython.longlong, theirs: cython.longlong) -> cython.int:
        """Say whether this SYN belongs to the flow of which later packets were seen a moment ago."""
        wait: cython.longlong = gap(self.ns, self.flow8[(found >> 1) * FLOW8 + FIRST8])
        following: cython.longlong
        if wait > OUT_OF_ORDER_NS or wait < -OUT_OF_ORDER_NS:
            return 0
        if self.flow4[mine + FLAGS4] & NEXT_KNOWN:
            following = self.flow4[mine + NEXT4]
        elif self.flow4[theirs + FLAGS4] & ACK_KNOWN:
            following = self.flow4[theirs + ACK4]
        else:
            return 0
        return low32(following - self.seq - 1) < OUT_OF_ORDER_OCTETS

    def _open_flow(self, key: cython.longlong, earlier: cython.longlong) -> cython.void:
        """Append a flow; ``earlier`` is the row (times 2) that held the 5-tuple so far, or -1."""
        flow: cython.longlong = self.n_flows
        i: cython.longlong = flow * FLOW8
        j: cython.longlong = flow * FLOW4
        self.n_flows += 1
        self.flow8[i] = self.src_hi
        self.flow8[i + 1] = self.src_lo
        self.flow8[i + 2] = self.dst_hi
        self.flow8[i + 3] = self.dst_lo
        self.flow8[i + KEY8] = key
        self.flow8[i + FIRST8] = self.ns
        self.flow8[i + LAST8] = self.ns
        self.flow4[j] = self.frame
        self.flow4[j + STATE4] = self.vlan | (self.tunnel << 16)
        if self.proto == 6 and not self.portless and not self.flags & 2:
            self.flow4[j + STATE4] |= MIDSTREAM
        if earlier >= 0:
            self.flow4[j + KEY_FLOW4] = self.flow4[(earlier >> 1) * FLOW4 + KEY_FLOW4]
            return
        self.flow4[j + KEY_FLOW4] = flow
        if not self.portless:
            if self.proto == 6:
                self.c_tcp_pairs += 1
            elif self.proto == 17:
                self.c_udp_pairs += 1
