# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, infer_types=True
"""The packet log in order of the flows, and picks from it, without an object a packet.

Like the scan, this is Cython in plain Python syntax: compiled, the annotated names are C variables and ``p_...`` ones
raw pointers; interpreted, the same lines run on memoryviews.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pcapaudit.scan import columns
from pcapaudit.scan.memory import address

if TYPE_CHECKING:
    from pcapaudit.model import cython_stub as cython
else:
    try:
        import cython
    except ImportError:
        from pcapaudit.model import cython_stub as cython

if not cython.compiled:
    from pcapaudit.flows.layout import (
        ALL,
        BOTH_SIDES,
        ONLY_DATA,
        ONLY_SYN,
        ONLY_SYN_ACK,
    )
    from pcapaudit.flows.streams import distance

_Numbers = npt.NDArray[Any]


def longs(column: _Numbers) -> cython.p_longlong:
    """Where a column of 8-byte numbers lies: an address when compiled, else a view that gives plain ones."""
    return (
        cython.cast(cython.p_longlong, cython.cast(cython.size_t, address(column))) if cython.compiled else column.data
    )


def ints(column: _Numbers) -> cython.p_uint:
    """Where a column of 4-byte numbers lies: an address when compiled, else a view that gives plain ones."""
    return cython.cast(cython.p_uint, cython.cast(cython.size_t, address(column))) if cython.compiled else column.data


def shorts(column: _Numbers) -> cython.p_ushort:
    """Where a column of 2-byte numbers lies: an address when compiled, else a view that gives plain ones."""
    return cython.cast(cython.p_ushort, cython.cast(cython.size_t, address(column))) if cython.compiled else column.data


def octets(column: _Numbers) -> cython.p_uchar:
    """Where a column of 1-byte numbers lies: an address when compiled, else a view that gives plain ones."""
    return cython.cast(cython.p_uchar, cython.cast(cython.size_t, address(column))) if cython.compiled else column.data


class Logged:
    """The packets of each flow, one behind the other.

    Args:
        rows: The packet log, columns as in ``scan.columns``.
        count: How many flows there are.
    """

    def __init__(self, rows: columns.Table, count: int) -> None:
        self.kept = rows
        """The log itself: the pointers below point into it."""
        self.bounds = _bounds_of(rows, count)
        """Where in ``order`` each flow begins; the last one ends the last flow."""
        self.order = np.zeros(int(self.bounds[count]), np.int64)
        """Rows of the log by flow, in each in frame order; marked duplicates and link-layer frames left out."""
        self.is_data = np.zeros(max(1, len(rows)), np.uint8)
        """Which rows carry payload, keep-alive probes left out; set by the digests."""
        self._point()
        self._sort()

    def places(self, flow: cython.longlong, side: cython.longlong, kind: cython.longlong, acked: int = 0) -> list[int]:
        """Places, among a flow's packets, of those that one side sent.

        Args:
            flow: Row of the flow table.
            side: 0 sent by a, 1 by b, or ``BOTH_SIDES``.
            kind: ``ALL`` or one of the ``ONLY_...``.
            acked: For ``ONLY_UNACKED``: the highest acknowledgment of the data.
        """
        found: list[int] = []
        start: cython.longlong = self.begin[flow]
        highest: cython.longlong = acked
        for i in range(start, self.begin[flow + 1]):
            row = self.by_flow[i]
            if (side == BOTH_SIDES or self.side[row * self.w1] == side) and self._is_wanted(row, kind, highest):
                found.append(i - start)
        return found

    def _is_wanted(self, row: cython.longlong, kind: cython.longlong, acked: cython.longlong) -> cython.int:
        bits: cython.longlong = self.flags[row * self.w2]
        if kind == ALL:
            return 1
        if kind == ONLY_SYN:
            return bits & 18 == 2
        if kind == ONLY_SYN_ACK:
            return bits & 18 == 18
        if not self.data[row]:
            return 0
        return kind == ONLY_DATA or distance(self.seq[row * self.w4] + self.payload[row * self.w4], acked) > 0

    def _point(self) -> None:
        rows, size = self.kept, self.kept.dtype.itemsize
        self.time = longs(rows["time_ns"])
        self.seq, self.ack, self.payload = ints(rows["seq"]), ints(rows["ack"]), ints(rows["payload_len"])
        self.flags, self.side = shorts(rows["flags"]), octets(rows["side"])
        self.flow, self.copy = ints(rows["flow"]), ints(rows["dup_of"])
        self.data = octets(self.is_data)
        self.by_flow, self.begin = longs(self.order), longs(self.bounds)
        # Fields of a row are aligned, so the step from row to row is a whole number of each field's size.
        steps = (size // 8, size // 4, size // 2, size) if cython.compiled else (1, 1, 1, 1)
        self.w8, self.w4, self.w2, self.w1 = steps

    def _sort(self) -> None:
        """Put the rows of the log in order by flow: each goes to the next free place of its flow."""
        places = self.bounds.copy()
        free: cython.p_longlong = longs(places)
        for row in range(len(self.kept)):
            if not self.copy[row * self.w4] and self.flow[row * self.w4] != 0xFFFFFFFF:
                flow = self.flow[row * self.w4]
                place = free[flow]
                self.by_flow[place] = row
                free[flow] = place + 1


def _bounds_of(rows: columns.Table, count: int) -> npt.NDArray[np.int64]:
    """Where each of so many flows begins when the rows that count are put in order, and where the last one ends."""
    flows = rows["flow"]
    is_counted = (rows["dup_of"] == 0) & (flows != columns.NO_FLOW)
    bounds = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(flows[is_counted], minlength=count), out=bounds[1:])
    return bounds
