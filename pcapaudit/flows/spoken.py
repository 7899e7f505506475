"""Which TCP connections may speak a protocol that is read here, seen by the first bytes of all payloads at once.

Most connections of a large capture speak something that no dissector knows. To learn that from each one's two
streams would cost more than all the rest, so this asks the columns first. It errs on the side of reading: what
it lets through is read in full, what it keeps back has no events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from pcapaudit.dissect.conversation import ALWAYS_READ, HTTP_BEGINNINGS, OTHER_BEGINNINGS, READ_ONE_SIDED, Beginning
from pcapaudit.flows.flow import SYN, TCP
from pcapaudit.scan.columns import Kind, Table
from pcapaudit.scan.result import ScanResult

HEAD = max(map(len, (*HTTP_BEGINNINGS, *OTHER_BEGINNINGS)))
"""Octets of a payload that are looked at."""
WINDOW = 1 << 20
"""Bytes of the payloads that are looked at in one go."""
_Flags = npt.NDArray[np.bool_]
_Numbers = npt.NDArray[np.int64]


class Spoken:
    """What the flows of one capture may say.

    Attributes:
        known: Per flow: a dissector may know what it speaks.
        http: Per flow: it may hold an HTTP message in the clear.

    Args:
        result: The scan's tables.
    """

    def __init__(self, result: ScanResult) -> None:
        flows = result.flows
        places = np.flatnonzero(result.handed["kind"] == Kind.TCP)
        places = places[np.argsort(result.handed["start"][places], kind="stable")]
        rows = result.handed["row"][places]
        heads = _Heads(result, places)
        speakers = result.rows["flow"][rows]
        has_words = _marked(len(flows), speakers)
        unclear = has_words & _begins_within_a_segment(result)
        self.http = unclear | _marked(len(flows), speakers[heads.begin_like(HTTP_BEGINNINGS)])
        others = _marked(len(flows), speakers[heads.begin_like(OTHER_BEGINNINGS)])
        may_be_half = _is_on(flows, READ_ONE_SIDED)
        is_half = may_be_half & ~_has_both_beginnings(result, rows[may_be_half[speakers]])
        self.known = self.http | others | (has_words & (is_half | _is_on(flows, ALWAYS_READ)))


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


class _Heads:
    """The first octets of payloads."""

    def __init__(self, result: ScanResult, places: _Numbers) -> None:
        self._lengths = result.handed["length"][places]
        self._octets = np.zeros((len(places), HEAD), np.uint8)
        """One line a payload; behind its end stands anything. The payloads come in the order of their bytes."""
        starts = result.handed["start"][places].astype(np.int64)
        low = 0
        while low < len(starts):
            begin = int(starts[low])
            high = int(np.searchsorted(starts, begin + WINDOW, side="right"))
            window = np.frombuffer(result.blob[begin : begin + WINDOW + HEAD], np.uint8)
            at = (starts[low:high] - begin)[:, np.newaxis] + np.arange(HEAD)
            self._octets[low:high] = window[np.minimum(at, len(window) - 1)] if len(window) else 0
            low = high

    def begin_like(self, beginnings: Iterable[Beginning]) -> _Flags:
        """Which payloads begin in one of these ways, as far as they go."""
        found = np.zeros(len(self._lengths), np.bool_)
        for places in self._sift(np.flatnonzero(self._lengths > 0), tuple(beginnings), 0):
            found[places] = True
        return found

    def _sift(self, places: _Numbers, beginnings: tuple[Beginning, ...], offset: int) -> Iterator[_Numbers]:
        """Of payloads that are alike so far those that go on so, octet by octet: what begins alike is asked once."""
        if any(len(b) == offset for b in beginnings):
            yield places
            return
        octets, is_short = self._octets[places, offset], self._lengths[places] <= offset
        for wanted in {b[offset]: None for b in beginnings}:
            fits = np.zeros(256, np.bool_)
            fits[list(wanted)] = True
            following = tuple(b for b in beginnings if b[offset] == wanted)
            yield from self._sift(places[fits[octets] | is_short], following, offset + 1)
