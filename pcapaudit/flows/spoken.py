"""Which TCP connections may speak a protocol that is read here, seen by the first bytes of all payloads at once.

Most connections of a large capture speak something that no dissector knows. To learn that from each one's two
streams would cost more than all the rest, so this asks the columns first. It errs on the side of reading: what
it lets through is read in full, what it keeps back has no events.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from pcapaudit.dissect.conversation import ALWAYS_READ, HTTP_BEGINNINGS, OTHER_BEGINNINGS, READ_ONE_SIDED
from pcapaudit.flows.flow import SYN, TCP
from pcapaudit.scan.columns import NOT_KEPT, Kind, Table
from pcapaudit.scan.result import ScanResult
from pcapaudit.scan.wanted import ALL, beginning_with

WANTED: Final = beginning_with((*HTTP_BEGINNINGS, *OTHER_BEGINNINGS), (*ALWAYS_READ, *READ_ONE_SIDED))
"""What the scan shall keep of TCP streams: where both begin otherwise, nothing is ever read of them."""
_HTTP: Final = (1 << len(HTTP_BEGINNINGS)) - 1
"""Which bits of ``WANTED`` stand for HTTP."""
_Flags = npt.NDArray[np.bool_]
_Numbers = npt.NDArray[np.int64]


class Spoken:
    """What the flows of one capture may say.

    Attributes:
        known: Per flow: a dissector may know what it speaks.
        http: Per flow: it may hold an HTTP message in the clear.
        read: Per flow: it is known so far, and its bytes are there; else it is sure that nothing is to be read.

    Args:
        result: The scan's tables.
    """

    def __init__(self, result: ScanResult) -> None:
        flows = result.flows
        places = np.flatnonzero(result.handed["kind"] == Kind.TCP)
        rows = result.handed["row"][places]
        begins = _beginnings(result.handed["head"][places], result.handed["length"][places])
        speakers = result.rows["flow"][rows]
        has_words = _marked(len(flows), speakers)
        unclear = has_words & _begins_within_a_segment(result)
        self.http = unclear | _marked(len(flows), speakers[begins & _HTTP > 0])
        others = _marked(len(flows), speakers[begins > _HTTP])
        may_be_half = _is_on(flows, READ_ONE_SIDED)
        is_half = may_be_half & ~_has_both_beginnings(result, rows[may_be_half[speakers]])
        self.known = self.http | others | (has_words & (is_half | _is_on(flows, ALWAYS_READ)))
        self.read = self.known & ~_marked(len(flows), speakers[result.handed["start"][places] == NOT_KEPT])


def _is_on(flows: Table, ports: Sequence[int]) -> _Flags:
    found: _Flags = np.isin(flows["a_port"], ports) | np.isin(flows["b_port"], ports)
    return found


def _has_both_beginnings(result: ScanResult, rows: npt.NDArray[np.uint32]) -> _Flags:
    """Flows of which the first payload of either side is among these rows, as far as anybody can tell from numbers."""
    flows = result.flows
    both = np.ones(len(flows), np.bool_)
    for side, name in enumerate("ab"):
        logged = rows[(result.rows["side"][rows] == side) & (result.rows["dup_of"][rows] == 0)]
        speakers = result.rows["flow"][logged]
        # A SYN takes a number of its own (RFC 9293, section 3.4).
        first = result.rows["seq"][logged] + (result.rows["flags"][logged] & SYN > 0).astype(np.uint32)
        has_syn = flows[f"{name}_flags"][speakers] & SYN > 0
        both &= _marked(len(flows), speakers[~has_syn | (first == flows[f"{name}_isn"][speakers] + np.uint32(1))])
    return both


def _marked(count: int, flows: npt.NDArray[np.uint32]) -> _Flags:
    marked = np.zeros(count, np.bool_)
    marked[flows] = True
    return marked


def _begins_within_a_segment(result: ScanResult) -> _Flags:
    """Flows in which a stream, or a part of one, may begin in the middle of a segment: where segments overlap.

    A side whose SYN was not seen may have its beginning told by the other's acknowledgment.
    """
    flows = result.flows
    overlaps = (flows["a_retrans"] > 0) | (flows["b_retrans"] > 0)
    has_syn = [(flows[f"{side}_flags"] & SYN) > 0 for side in "ab"]
    has_data = [flows[f"{side}_data"] > 0 for side in "ab"]
    is_told = (has_syn[0] & ~has_syn[1] & has_data[1]) | (has_syn[1] & ~has_syn[0] & has_data[0])
    unclear: _Flags = (flows["proto"] == TCP) & (overlaps | is_told)
    return unclear


def _beginnings(heads: npt.NDArray[np.uint64], lengths: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """In which ways payloads begin, a bit each, as far as they go; their first octets, the first of them lowest."""
    found = np.zeros(len(heads), np.uint32)
    places = np.flatnonzero(lengths)
    left = np.full(len(places), ALL, np.uint32)
    for offset, known in enumerate(WANTED.octets):
        octets = (heads[places] >> np.uint64(8 * offset)).astype(np.uint8)
        left &= np.where(lengths[places] > offset, known[octets], np.uint32(ALL))
        is_left = left > 0
        places, left = places[is_left], left[is_left]
    found[places] = left
    return found
