# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, infer_types=True
# ruff: noqa: PLR1730 - min() and max() are calls when interpreted, and this runs for every packet
"""The packet log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pcapaudit.scan.handing import Handing

if TYPE_CHECKING:
    from pcapaudit.model import cython_stub as cython
else:
    try:
        import cython
    except ImportError:
        from pcapaudit.model import cython_stub as cython

if not cython.compiled:
    from pcapaudit.scan.layout import (
        DHCP6,
        FIN,
        FLAGS4,
        FLOW4,
        FLOW8,
        FLOW_END_ROWS,
        FLOW_FIRST_ROWS,
        FLOW_LAST_ROWS,
        FLOW_LEAST_FIRST,
        FLOW_LEAST_LAST,
        FLOW_MAX_ROWS,
        FRAGMENT,
        HANDED8,
        HEARD4,
        IS_AWAITED,
        IS_SHUT,
        KEPT8,
        KEY8,
        LEFT4,
        LINK_MAX_ROWS,
        LIVE4,
        ROW8,
        ROWS4,
        RST,
        SAID4,
        SIDE4,
        SIDES4,
        SILENCE_S,
        STATE4,
        SYN,
        TAIL4,
        TAIL8,
        TAIL_HEARD,
        TAIL_ROWS,
        TAIL_SAID,
        TAIL_SIDE8,
        TCP,
        THIN_PAUSES,
        THINNEST,
    )
    from pcapaudit.scan.octets import low32


class Journal(Handing):
    """Log packets, inside bounds.

    Of each flow the log has the first packets, and of the later ones those that say something. When it is full, it is
    thinned: then fewer of the first stay, a few of the last, and still all that say something. How
    much is left of a flow depends on the frames alone, never on how they come in batches.
    """

    def __init__(self) -> None:
        super().__init__()
        if not cython.compiled:
            self.rows = self.marks = self.tails = memoryview(b"")
        self.max_rows = self.room = self.max_tails = 0
        self.n_link_rows = self.n_tails = 0
        self.pause = self.is_again = 0
        self.left_rows = self.is_dense = 0

    def _take_link_frame(self) -> cython.void:
        """Log and hand over a frame that speaks of the link itself."""
        self._note_pair()
        if not self.link_kind:
            return
        if self.n_link_rows >= LINK_MAX_ROWS or (self.n_rows >= self.room and not self._make_room()):
            self.left_rows += 1
            self._mark_lost()
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
        self.pause = 0
        lost: cython.longlong = self.left_handed
        self._hand(self.link_kind, self.at, self.payload_len, 0)
        if self.left_handed > lost:
            self._mark_lost()
        self._write_row(low32(-1), 0, 2)

    def _log(self, found: cython.longlong, f4: cython.longlong, mine: cython.longlong) -> cython.void:
        """Keep the packet's row if it is among the first, is handed over, or says something."""
        kind: cython.longlong = self._kind_of()
        at: cython.longlong = self.l4 if kind == FRAGMENT else self.payload_at
        taken: cython.longlong = self.ip_end - at
        if kind == 0:
            taken = 0
        elif taken > self.payload_len and kind != FRAGMENT:
            taken = self.payload_len
        if kind == TCP:
            taken = self._tcp_share(f4, mine, taken)
        says: cython.int = self._says_something(mine)
        if self.flow4[f4 + ROWS4] >= FLOW_FIRST_ROWS and not self._is_worth_a_row(found & 1, f4, kind, taken, says):
            self._leave_out(found, f4, mine)
            return
        if says and self.flow4[f4 + TAIL4]:
            self._recall(found & 1, f4)
        if self.n_rows >= self.room and not self._make_room():
            self._leave_out(found, f4, mine)
            self.left_rows += 1
            return
        if taken > 0:
            self._hand(kind, at, taken, kind == TCP and self._is_unread(f4, mine, at, taken))
        self.flow4[f4 + ROWS4] += 1
        self._write_row(found >> 1, found & 1, says)

    def _leave_out(self, found: cython.longlong, f4: cython.longlong, mine: cython.longlong) -> cython.void:
        """Count a packet that the log does not take, and keep it in its flow's tail until later ones come."""
        at: cython.longlong
        slot: cython.longlong
        frame: cython.longlong
        self.flow4[f4 + LEFT4] += 1
        if self.dup_kind:
            return
        if not self.flow4[f4 + TAIL4]:
            if self.n_tails >= self.max_tails:
                return
            self.n_tails += 1
            self.flow4[f4 + TAIL4] = self.n_tails
        at = (self.flow4[f4 + TAIL4] - 1) * TAIL8 + (found & 1) * TAIL_SIDE8
        slot = at + 1 + (self.tails[at] % TAIL_ROWS) * ROW8
        frame = low32(self.tails[slot + 1])
        if frame:
            if frame == self.flow4[mine + SAID4]:
                self._move_tail(slot, at + TAIL_SAID)
            if frame == self.flow4[mine + HEARD4]:
                self._move_tail(slot, at + TAIL_HEARD)
        self.tails[at] += 1
        self._write_words(self.tails, slot, found >> 1, found & 1)

    def _recall(self, side: cython.longlong, f4: cython.longlong) -> cython.void:
        """Log what came before a packet that says something, and see to it that what answers it is logged.

        That is the last packet of the other side and of its own; of its own the one that it repeats, if it does.
        """
        at: cython.longlong = (self.flow4[f4 + TAIL4] - 1) * TAIL8
        self._bring_back(f4, at + side * TAIL_SIDE8, self.is_again)
        self._bring_back(f4, at + (1 - side) * TAIL_SIDE8, 0)
        self.flow4[f4 + STATE4] |= IS_AWAITED << (1 - side)

    def _bring_back(self, f4: cython.longlong, at: cython.longlong, is_repeated: cython.longlong) -> cython.void:
        """Move a row from the ring of a side into the log: the newest, or the newest that the packet repeats."""
        k: cython.longlong
        slot: cython.longlong
        count: cython.longlong = self.tails[at]
        for k in range(TAIL_ROWS):
            slot = at + 1 + ((count + TAIL_ROWS - 1 - k) % TAIL_ROWS) * ROW8
            if is_repeated and low32(self.tails[slot + 4]) != self.seq:
                continue
            if self.tails[slot + 1] and (self.n_rows < self.room or self._make_room()):
                self._move_back(f4, slot)
            return

    def _move_back(self, f4: cython.longlong, slot: cython.longlong) -> cython.void:
        k: cython.longlong
        for k in range(ROW8):
            self.rows[self.n_rows * ROW8 + k] = self.tails[slot + k]
            self.tails[slot + k] = 0
        self.marks[self.n_rows] = 1
        self.n_rows += 1
        self.flow4[f4 + ROWS4] += 1
        self.flow4[f4 + LEFT4] -= 1

    def _move_tail(self, slot: cython.longlong, to: cython.longlong) -> cython.void:
        k: cython.longlong
        for k in range(ROW8):
            self.tails[to + k] = self.tails[slot + k]

    def _says_something(self, mine: cython.longlong) -> cython.int:
        """Judge the packet: 2 if it opens, ends, repeats, is a first word, or (un)shuts a window; 1 after a pause."""
        is_shut: cython.longlong = self.flow4[mine + FLAGS4] & IS_SHUT
        is_closed: cython.int = self.has_seq and self.window == 0 and self.ip_end - self.l4 >= 16
        if is_shut and not is_closed:
            self.flow4[mine + FLAGS4] ^= IS_SHUT
        if self.is_again or self.is_first or self.flags & (FIN | SYN | RST):
            return 2
        if is_closed:
            self.flow4[mine + FLAGS4] |= IS_SHUT
        if is_closed or is_shut:
            return 2
        return self.pause // 1_000_000_000 >= SILENCE_S

    def _is_worth_a_row(
        self,
        side: cython.longlong,
        f4: cython.longlong,
        kind: cython.longlong,
        taken: cython.longlong,
        says: cython.int,
    ) -> cython.int:
        """Judge a packet of a flow that has its first rows already."""
        # DNS and DHCP are counted from what is handed over, so their flows are logged in full.
        if taken > 0 and kind <= DHCP6:
            return 1
        most: cython.longlong = FLOW_MAX_ROWS
        if not self.flags & (FIN | SYN | RST):
            most -= FLOW_END_ROWS
        is_awaited: cython.longlong = self.flow4[f4 + STATE4] & (IS_AWAITED << side)
        if is_awaited and not self.dup_kind:
            self.flow4[f4 + STATE4] ^= is_awaited
        return self.flow4[f4 + ROWS4] < most and (says or taken > 0 or is_awaited > 0)

    def _write_row(self, flow: cython.longlong, side: cython.longlong, says: cython.int) -> cython.void:
        """Append the packet to the log."""
        self._write_words(self.rows, self.n_rows * ROW8, flow, side)
        self.marks[self.n_rows] = says
        self.n_rows += 1

    def _write_words(
        self, to: cython.p_ulonglong, i: cython.longlong, flow: cython.longlong, side: cython.longlong
    ) -> cython.void:
        """Write the packet's row, word by word as ``columns.ROW_COLUMNS`` lays them out."""
        word: cython.longlong
        if cython.compiled:
            to[i] = self.ns
        else:
            to[i] = self.ns & 0xFFFFFFFFFFFFFFFF
        to[i + 1] = self.frame | (flow << 32)
        to[i + 2] = self.smac
        to[i + 3] = self.dmac
        to[i + 4] = self.seq | (self.ack << 32)
        to[i + 5] = self.ip_len | (self.payload_len << 32)
        to[i + 6] = self.ip_id | (self.dup_of << 32)
        word = self.flags | (self.window << 16) | (self.vlan << 32) | (self.ttl << 48)
        to[i + 7] = word | (side << 56)
        word = self.dup_kind | (self.dont_fragment << 8) | (self.tunnel << 24) | (self.is_cut << 56)
        if self.fragment:
            word |= (self.fragment << 16) | (self.fragment_offset << 32) | (self.more << 48)
        to[i + 8] = word
        if cython.compiled:
            to[i + 9] = self.pause
        else:
            to[i + 9] = self.pause & 0xFFFFFFFFFFFFFFFF

    def _make_room(self) -> cython.int:
        """Thin the full log until a quarter of it is free, else let it grow; False when it may do neither."""
        if self.is_dense:
            return 0
        self._thin()
        while self._is_crowded() and self.thinned < THINNEST:
            self.thinned += 1
            self._thin()
        if self._is_crowded():
            self.is_dense = self.room == self.max_rows
            self.room = min(2 * self.room, self.max_rows)
        return self.n_rows < self.room

    def _is_crowded(self) -> cython.bint:
        """Say whether less than a quarter of the log is free."""
        return self.n_rows > self.room - (self.room >> 2)

    def _thin(self) -> cython.void:
        """Go through the log once and close up what stays; the order stays, too."""
        flow: cython.longlong
        row: cython.longlong
        entry: cython.longlong = 0
        entries: cython.longlong = 0
        kept: cython.longlong = 0
        is_handed: cython.int
        for flow in range(self.n_flows):
            self.flow8[flow * FLOW8 + KEPT8] = 0
        for row in range(self.n_rows):
            flow = self.rows[row * ROW8 + 1] >> 32
            is_handed = 0
            if entry < self.n_handed and self.handed[entry * HANDED8] >> 32 == row:
                is_handed = self._keeps_entry(flow, row, entry)
                if is_handed:
                    self._move_entry(entry, entries, kept)
                    entries += 1
                entry += 1
            if self._keeps_row(flow, row, is_handed):
                self._move_row(row, kept)
                kept += 1
        self.n_rows = kept
        self.n_handed = entries

    def _keeps_entry(self, flow: cython.longlong, row: cython.longlong, entry: cython.longlong) -> cython.int:
        """Say whether the bytes handed over with a row stay: messages do, and the start of a stream."""
        kind: cython.longlong = (self.handed[entry * HANDED8 + 1] >> 32) & 0xFF
        if kind != TCP:
            return 1
        ports: cython.longlong = self.flow8[flow * FLOW8 + KEY8]
        shift: cython.longlong = 48 if (self.rows[row * ROW8 + 7] >> 56) & 1 else 32
        counts: cython.longlong = self.flow8[flow * FLOW8 + KEPT8]
        if (counts >> shift) & 0xFFFF >= self._most_segments(flow * FLOW4, (ports >> 16) & 0xFFFF, ports & 0xFFFF):
            return 0
        one: cython.longlong = 1
        self.flow8[flow * FLOW8 + KEPT8] = counts + (one << shift)
        return 1

    def _keeps_row(self, flow: cython.longlong, row: cython.longlong, is_handed: cython.int) -> cython.int:
        """Say whether a row stays, and count it for its flow."""
        if flow == low32(-1):
            return 1
        first: cython.longlong = FLOW_FIRST_ROWS >> self.thinned
        last: cython.longlong = FLOW_LAST_ROWS >> self.thinned
        if first < FLOW_LEAST_FIRST:
            first = FLOW_LEAST_FIRST
        if last < FLOW_LEAST_LAST:
            last = FLOW_LEAST_LAST
        kept: cython.longlong = low32(self.flow8[flow * FLOW8 + KEPT8])
        f4: cython.longlong = flow * FLOW4
        says: cython.int = self.marks[row] > (self.thinned >= THIN_PAUSES)
        # What has to be looked up in the flow comes last.
        if is_handed or says or kept < first or kept + last >= self.flow4[f4 + ROWS4] or self._is_last_word(f4, row):
            self.flow8[flow * FLOW8 + KEPT8] += 1
            return 1
        self.flow4[f4 + ROWS4] -= 1
        self.flow4[f4 + LEFT4] += 1
        return 0

    def _is_last_word(self, f4: cython.longlong, row: cython.longlong) -> cython.int:
        """Say whether this is its side's last packet, its last that said something, or its last that confirmed more.

        On them hangs whether a service still answers, however long ago that was.
        """
        frame: cython.longlong = low32(self.rows[row * ROW8 + 1])
        mine: cython.longlong = f4 + SIDES4 + ((self.rows[row * ROW8 + 7] >> 56) & 1) * SIDE4
        is_last: cython.bint = self.flow4[mine + SAID4] == frame or self.flow4[mine + HEARD4] == frame
        return is_last or self.flow4[mine + LIVE4] == frame

    def _move_entry(self, entry: cython.longlong, to: cython.longlong, row: cython.longlong) -> cython.void:
        i: cython.longlong = entry * HANDED8
        j: cython.longlong = to * HANDED8
        self.handed[j] = low32(self.handed[i]) | (row << 32)
        self.handed[j + 1] = self.handed[i + 1]
        self.handed[j + 2] = self.handed[i + 2]

    def _move_row(self, row: cython.longlong, to: cython.longlong) -> cython.void:
        k: cython.longlong
        self.marks[to] = self.marks[row]
        for k in range(ROW8):
            self.rows[to * ROW8 + k] = self.rows[row * ROW8 + k]
