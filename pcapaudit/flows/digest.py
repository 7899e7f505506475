# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, infer_types=True
# ruff: noqa: PLR1730 - min() and max() are calls when interpreted, and this runs for every packet
"""What the logged packets of a flow add up to: a few words a flow, worked out in one pass over the packet log.

A capture has hundreds of thousands of flows and millions of packets, and most questions to a flow need one packet of
it, or none: who opened it, was it established, when came the last answer. Here they are answered for all flows at
once, without an object a packet. Like the scan, this is Cython in plain Python syntax: compiled, the annotated names
are C variables and ``p_...`` ones raw pointers; interpreted, the same lines run on memoryviews.

``layout`` tells what the words of a flow are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pcapaudit.flows.logged import Logged
from pcapaudit.scan import columns

if TYPE_CHECKING:
    from pcapaudit.model import cython_stub as cython
else:
    try:
        import cython
    except ImportError:
        from pcapaudit.model import cython_stub as cython

if not cython.compiled:
    from pcapaudit.flows.layout import (
        ACK_AT,
        ACKED,
        ANSWER_AT,
        ANSWER_END,
        ANSWER_ISN,
        ANSWERED,
        DATA,
        DATA_AT,
        DATA_END,
        EPHEMERAL,
        ESTABLISHED,
        FIN_AT,
        FROM_B,
        GAVE_UP,
        HAS_RESP_ISN,
        HIGH,
        IS_ACKED,
        ISN,
        LOW,
        PACKETS,
        PATIENCE_S,
        REFUSAL,
        RESP_ISN,
        RST_AT,
        SIDE,
        STATE,
        SYN_ACK_AT,
        SYN_AT,
        SYNS,
        TCP,
        WIDTH,
    )
    from pcapaudit.flows.logged import ints, octets
    from pcapaudit.flows.streams import distance


def is_compiled() -> bool:
    """Tell whether this file runs as C."""
    return bool(cython.compiled)


class Digests(Logged):
    """The digests of all flows of a capture.

    Args:
        rows: The packet log, columns as in ``scan.columns``.
        flows: The flow table.
    """

    def __init__(self, rows: columns.Table, flows: columns.Table) -> None:
        super().__init__(rows, len(flows))
        self.table = np.zeros((len(flows), WIDTH), np.uint32)
        """One row a flow."""
        self.spare = np.zeros(WIDTH, np.uint32)
        self.protocols = np.ascontiguousarray(flows["proto"])
        self.hints = _hints_of(flows)
        self.flat = self.table.reshape(-1).data
        self.words = ints(self.table.reshape(-1))
        self.protocol, self.hint = octets(self.protocols), octets(self.hints)
        for flow in range(len(flows)):
            self._read(flow, flow * WIDTH, -1)

    def of(self, flow: int) -> Sequence[int]:
        """The digest of a flow, as plain numbers."""
        words: memoryview[int] = self.flat[flow * WIDTH : (flow + 1) * WIDTH]
        return words

    def turned(self, flow: int) -> list[int]:
        """The digest of a flow with its other side as originator: where nothing tells who opened it."""
        words: cython.p_uint = self.words
        is_from_b: cython.longlong = self.table[flow, STATE] & FROM_B
        self.words = ints(self.spare)
        self.spare[:] = 0
        self._read(flow, 0, 1 - is_from_b)
        self.words = words
        found: list[int] = self.spare.tolist()
        return found

    # --- one flow -----------------------------------------------------------------------------

    def _read(self, flow: cython.longlong, at: cython.longlong, is_from_b: cython.longlong) -> cython.void:
        """Digest a flow into the words at ``at``; ``is_from_b`` is -1 where the packets shall tell."""
        self.at = at
        self.low = self.begin[flow]
        self.high = self.begin[flow + 1]
        self.is_tcp = self.protocol[flow] == TCP
        if is_from_b < 0:
            is_from_b = self._who_opened(self.hint[flow])
        self.me = is_from_b
        self.words[at + STATE] = is_from_b
        self.before_last = 0
        self._tally()
        self._open()
        self._answer()
        self._give_up()

    def _who_opened(self, hint: cython.longlong) -> cython.longlong:
        """The side of the originator: whose SYN, or whose SYN was answered, comes first (RFC 9293, section 3.5)."""
        if self.is_tcp and not hint & 2:
            for i in range(self.low, self.high):
                row = self.by_flow[i]
                bits = self.flags[row * self.w2]
                if bits & 2:
                    is_from_b: cython.longlong = (self.side[row * self.w1] == 0) == (bits & 16 > 0)
                    return is_from_b
        guess: cython.longlong = hint & 1
        return guess

    def _tally(self) -> cython.void:
        """Count what each side sent, and note the first of each kind."""
        words: cython.p_uint = self.words
        self.end_a = self.end_b = -1
        for i in range(self.low, self.high):
            row = self.by_flow[i]
            place = i - self.low + 1
            bits = self.flags[row * self.w2]
            at = self.at + (0 if self.side[row * self.w1] == self.me else SIDE)
            words[at + PACKETS] += 1
            if bits & 7:
                self._note_flags(at, bits, place)
            size = self.payload[row * self.w4]
            if size:
                if size > words[at + HIGH]:
                    words[at + HIGH] = size
                if words[at + LOW] == 0 or size < words[at + LOW]:
                    words[at + LOW] = size
            if size or bits & 2:
                self._note_data(at, row, bits, place)

    def _note_flags(self, at: cython.longlong, bits: cython.longlong, place: cython.longlong) -> cython.void:
        """Note a FIN, SYN or RST."""
        words = self.words
        if bits & 2:
            if bits & 16:
                if not words[at + SYN_ACK_AT]:
                    words[at + SYN_ACK_AT] = place
                    words[at + ANSWER_ISN] = self.seq[self._row(place) * self.w4]
            else:
                words[at + SYNS] += 1
                if not words[at + SYN_AT]:
                    words[at + SYN_AT] = place
                    words[at + ISN] = self.seq[self._row(place) * self.w4]
        if bits & 1 and not words[self.at + FIN_AT]:
            words[self.at + FIN_AT] = place
        if bits & 4 and not words[self.at + RST_AT]:
            words[self.at + RST_AT] = place

    def _note_data(
        self, at: cython.longlong, row: cython.longlong, bits: cython.longlong, place: cython.longlong
    ) -> cython.void:
        """Note a packet with payload, unless it is a keep-alive probe: one old byte (RFC 9293, section 3.8.4)."""
        words = self.words
        seq: cython.longlong = self.seq[row * self.w4]
        size: cython.longlong = self.payload[row * self.w4]
        end: cython.longlong = self.end_a if at == self.at else self.end_b
        if bits & 2:
            end = (seq + 1) & 0xFFFFFFFF
        if size and not (self.is_tcp and size == 1 and end >= 0 and distance(seq, end) == -1):
            self.data[row] = 1
            words[at + DATA] += 1
            if not words[at + DATA_AT]:
                words[at + DATA_AT] = place
            if at != self.at:
                self.before_last = words[at + DATA_END]
            words[at + DATA_END] = place
            reach = (seq + size + ((bits >> 1) & 1)) & 0xFFFFFFFF
            if end < 0 or distance(reach, end) > 0:
                end = reach
        if at == self.at:
            self.end_a = end
        else:
            self.end_b = end

    def _row(self, place: cython.longlong) -> cython.longlong:
        """The row of the log that stands at a place."""
        row: cython.longlong = self.by_flow[self.low + place - 1]
        return row

    # --- the opening --------------------------------------------------------------------------

    def _open(self) -> cython.void:
        """Say whether the flow was established, from which packet on, or who refused it."""
        words = self.words
        at: cython.longlong = self.at
        syn_ack: cython.longlong = words[at + SIDE + SYN_ACK_AT]
        expected: cython.longlong = words[at + SIDE + ANSWER_ISN] + 1
        is_open: cython.int = 0
        refusal: cython.longlong = 0
        is_heard: cython.int = 0
        for i in range(self.low, self.high):
            row = self.by_flow[i]
            bits = self.flags[row * self.w2]
            if self.side[row * self.w1] != self.me:
                if not is_heard and (bits & 6 or self.payload[row * self.w4]):
                    is_heard = 1
                    refusal = i - self.low + 1 if bits & 4 else 0
            elif bits & 16 and not bits & 6:
                if not words[at + ACK_AT]:
                    words[at + ACK_AT] = i - self.low + 1
                if not syn_ack or self.payload[row * self.w4] or distance(self.ack[row * self.w4], expected) >= 0:
                    is_open = 1
            if not syn_ack and not words[at + SYN_AT] and (self.payload[row * self.w4] or not bits & 6):
                is_open = 1
        if is_open:
            words[at + STATE] |= ESTABLISHED
        elif words[at + SYN_AT]:
            words[at + REFUSAL] = refusal
        self._find_resp_isn(syn_ack)

    def _find_resp_isn(self, syn_ack: cython.longlong) -> cython.void:
        """The responder's first number, from its SYN-ACK, or from the first acknowledgment of one that was not seen.

        When a one-sided capture holds the whole opening of the originator, its first acknowledgment confirms exactly
        the unseen SYN. Also where the SYN-ACK alone is missing: the responder's data follow right upon it.
        """
        words = self.words
        at: cython.longlong = self.at
        first: cython.longlong = words[at + ACK_AT]
        isn: cython.longlong
        if syn_ack:
            isn = words[at + SIDE + ANSWER_ISN]
        elif first and words[at + SYN_AT] and (not words[at + SIDE + PACKETS] or self._is_bare_ack(first)):
            isn = (self.ack[self._row(first) * self.w4] - 1) & 0xFFFFFFFF
        else:
            return
        words[at + RESP_ISN] = isn
        words[at + STATE] |= HAS_RESP_ISN

    def _is_bare_ack(self, first: cython.longlong) -> cython.int:
        """Whether the originator's first ACK ends a handshake, and the responder's data go on from it."""
        words = self.words
        at: cython.longlong = self.at
        row: cython.longlong = self._row(first)
        data: cython.longlong = words[at + SIDE + DATA_AT]
        if self.payload[row * self.w4] or self.seq[row * self.w4] != ((words[at + ISN] + 1) & 0xFFFFFFFF):
            return 0
        if not data or self.seq[self._row(data) * self.w4] != self.ack[row * self.w4]:
            return 0
        for i in range(self.low, self.low + first - 1):
            if self.side[self.by_flow[i] * self.w1] != self.me:
                return 0
        return 1

    # --- answers ------------------------------------------------------------------------------

    def _answer(self) -> cython.void:
        """Add up what the responder sent, and what of it the originator says that it got."""
        words = self.words
        at: cython.longlong = self.at
        theirs: cython.longlong = at + SIDE
        if self.is_tcp:
            self._follow_acks()
        else:
            self._add_payload()
        if words[theirs + DATA]:
            words[at + ANSWER_AT] = words[theirs + DATA_AT]
            words[at + ANSWER_END] = words[theirs + DATA_END]
        elif words[at + ANSWERED]:
            self._find_advance()
        self._find_acked()

    def _add_payload(self) -> cython.void:
        total: cython.longlong = 0
        for i in range(self.low, self.high):
            row = self.by_flow[i]
            if self.side[row * self.w1] != self.me:
                total += self.payload[row * self.w4]
        self.words[self.at + ANSWERED] = min(0xFFFFFFFF, total)

    def _follow_acks(self) -> cython.void:
        """Count the answered bytes by the originator's ACKs, which hold in a one-sided capture, too."""
        words = self.words
        base: cython.longlong = -1
        end: cython.longlong = 0
        for i in range(self.low, self.high):
            row = self.by_flow[i]
            if self.side[row * self.w1] != self.me or not self._is_honest_ack(row):
                continue
            if base < 0:
                base = self._first_awaited(self.ack[row * self.w4])
                end = distance(self.ack[row * self.w4], base)
            reach = distance(self.ack[row * self.w4], base)
            if reach > end:
                end = reach
        if base < 0:
            return
        if self._is_fin(base, end):
            end -= 1
        words[self.at + ANSWERED] = max(0, end)

    def _is_honest_ack(self, row: cython.longlong) -> cython.int:
        """Whether an acknowledgment may be believed: that of a reset only where it covers what was seen to come.

        A program that closes with a reset lets its stack acknowledge the last data by it; a forged reset
        acknowledges anything.
        """
        bits: cython.longlong = self.flags[row * self.w2]
        last: cython.longlong = self.words[self.at + SIDE + DATA_END]
        if not bits & 16 or bits & 2:
            return 0
        if not bits & 4:
            return 1
        return self._ends_at(last, self.ack[row * self.w4]) or self._ends_at(self.before_last, self.ack[row * self.w4])

    def _ends_at(self, place: cython.longlong, number: cython.longlong) -> cython.int:
        """Whether the data of the packet at a place end before a sequence number."""
        if not place:
            return 0
        row = self._row(place)
        return distance(number, self.seq[row * self.w4] + self.payload[row * self.w4]) == 0

    def _first_awaited(self, first_ack: cython.longlong) -> cython.longlong:
        """Sequence number of the responder's first byte that could be counted."""
        words = self.words
        data: cython.longlong = words[self.at + SIDE + DATA_AT]
        if words[self.at + STATE] & HAS_RESP_ISN:
            following: cython.longlong = words[self.at + RESP_ISN] + 1
            return following & 0xFFFFFFFF
        if data:
            seq: cython.longlong = self.seq[self._row(data) * self.w4]
            if distance(seq, first_ack) < 0:
                return seq
        return first_ack

    def _is_fin(self, base: cython.longlong, end: cython.longlong) -> cython.int:
        """Whether the last number confirmed is the responder's FIN; unseen, one lone number is taken for it."""
        if end == 1 and not self.words[self.at + SIDE + DATA]:
            return 1
        if not self.words[self.at + FIN_AT]:
            return 0
        for i in range(self.low, self.high):
            row = self.by_flow[i]
            if self.side[row * self.w1] == self.me or not self.flags[row * self.w2] & 1:
                continue
            if distance(self.seq[row * self.w4] + self.payload[row * self.w4], base) + 1 == end:
                return 1
        return 0

    def _find_advance(self) -> cython.void:
        """The ACKs that stand for the first and the last answer of a responder that is not seen to send data."""
        words = self.words
        best: cython.longlong = words[self.at + ACK_AT]
        if not best:
            return
        base: cython.longlong = self.ack[self._row(best) * self.w4]
        highest: cython.longlong = base
        for i in range(self.low, self.high):
            row = self.by_flow[i]
            if self.side[row * self.w1] != self.me:
                continue
            bits = self.flags[row * self.w2]
            if not words[self.at + ANSWER_AT] and distance(self.ack[row * self.w4], base) > 0:
                words[self.at + ANSWER_AT] = i - self.low + 1
            if bits & 16 and not bits & 6 and distance(self.ack[row * self.w4], highest) > 0:
                highest = self.ack[row * self.w4]
                best = i - self.low + 1
        words[self.at + ANSWER_END] = best

    def _find_acked(self) -> cython.void:
        """The responder's highest acknowledgment; those of resets do not count."""
        words = self.words
        best: cython.longlong = -1
        for i in range(self.low, self.high):
            row = self.by_flow[i]
            bits = self.flags[row * self.w2]
            if self.side[row * self.w1] == self.me or bits & 20 != 16:
                continue
            if best < 0 or distance(self.ack[row * self.w4], best) > 0:
                best = self.ack[row * self.w4]
        if best >= 0:
            words[self.at + ACKED] = best
            words[self.at + STATE] |= IS_ACKED

    # --- the end ------------------------------------------------------------------------------

    def _give_up(self) -> cython.void:
        """The originator's FIN or RST after it waited in vain for an answer; what comes later comes too late.

        A FIN right behind the request is none: it only says that there is no more to come, the originator reads on.
        """
        words = self.words
        at: cython.longlong = self.at
        asked: cython.longlong = -1
        if not self.is_tcp or not words[at + SIDE + PACKETS] or not words[at + DATA]:
            return
        if not words[at + FIN_AT] and not words[at + RST_AT]:
            return
        for i in range(self.low, self.high):
            row = self.by_flow[i]
            if self.side[row * self.w1] != self.me:
                if self.data[row]:
                    return
                continue
            if self.flags[row * self.w2] & 5:
                self._close(i, row, asked)
                return
            if self.data[row]:
                asked = row
                if self._says_answered(row):
                    return

    def _close(self, i: cython.longlong, end: cython.longlong, asked: cython.longlong) -> cython.void:
        """Judge the originator's FIN or RST, before which no answer came."""
        if asked < 0 or self._says_answered(end):
            return
        if (self.time[end * self.w8] - self.time[asked * self.w8]) // 1_000_000_000 >= PATIENCE_S:
            self.words[self.at + GAVE_UP] = i - self.low + 1

    def _says_answered(self, row: cython.longlong) -> cython.int:
        """Whether the originator acknowledges data here, seen or not."""
        ack: cython.longlong = self.ack[row * self.w4]
        says: cython.bint = (self.flags[row * self.w2] & 16) != 0 and distance(ack, self._first_awaited(ack)) > 0
        return says


def _hints_of(flows: columns.Table) -> npt.NDArray[np.uint8]:
    """Per flow: 1 where the ports say that b is the client, 2 where both ends are one, so that no packet can tell."""
    a_port, b_port = flows["a_port"], flows["b_port"]
    is_one_way = (flows["a_pkts"] == 0) | (flows["b_pkts"] == 0)
    is_guessed = (flows["proto"] == TCP) | is_one_way
    # No opening in the capture: the low port is the service (both low or both high: first sender opened).
    is_from_b = is_guessed & (a_port < EPHEMERAL) & (b_port >= EPHEMERAL) & (a_port != 0)
    is_same = (flows["a_hi"] == flows["b_hi"]) & (flows["a_lo"] == flows["b_lo"]) & (a_port == b_port)
    hints: npt.NDArray[np.uint8] = np.where(is_same, 2, is_from_b).astype(np.uint8)
    return hints
