"""Which TCP connections may speak a protocol that is read here, seen by the first bytes of all payloads at once.

Most connections of a large capture speak something that no dissector knows. To learn that from each one's two
streams would cost more than all the rest, so this asks the columns first. It errs on the side of reading: what
it lets through is read in full, what it keeps back has no events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from pcapaudit.dissect.conversation import HTTP_BEGINNINGS, OTHER_BEGINNINGS, PORTS, Beginning
from pcapaudit.flows.flow import SYN, TCP
from pcapaudit.scan.columns import Kind
from pcapaudit.scan.result import ScanResult

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
        heads = _Heads(result, places)
        speakers = result.rows["flow"][result.handed["row"][places]]
        has_words = np.zeros(len(flows), np.bool_)
        has_words[speakers] = True
        unclear = has_words & _begins_within_a_segment(result)
        self.http = unclear | _marked(len(flows), speakers[heads.begin_like(HTTP_BEGINNINGS)])
        on_port = np.isin(flows["a_port"], PORTS) | np.isin(flows["b_port"], PORTS)
        others = _marked(len(flows), speakers[heads.begin_like(OTHER_BEGINNINGS)])
        self.known = self.http | others | (has_words & on_port)


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
    """The first bytes of payloads."""

    def __init__(self, result: ScanResult, places: _Numbers) -> None:
        self._octets = np.frombuffer(result.blob, np.uint8)
        self._starts = result.handed["start"][places].astype(np.int64)
        self._lengths = result.handed["length"][places].astype(np.int64)

    def begin_like(self, beginnings: Iterable[Beginning]) -> _Flags:
        """Which payloads begin in one of these ways, as far as they go."""
        found = np.zeros(len(self._starts), np.bool_)
        for places in self._sift(np.flatnonzero(self._lengths > 0), tuple(beginnings), 0):
            found[places] = True
        return found

    def _sift(self, places: _Numbers, beginnings: tuple[Beginning, ...], offset: int) -> Iterator[_Numbers]:
        """Of payloads that are alike so far those that go on so, octet by octet: what begins alike is asked once."""
        if any(len(b) == offset for b in beginnings):
            yield places
            return
        at = np.minimum(self._starts[places] + offset, len(self._octets) - 1)
        octets, is_short = self._octets[at], self._lengths[places] <= offset
        for wanted in {b[offset]: None for b in beginnings}:
            fits = np.zeros(256, np.bool_)
            fits[list(wanted)] = True
            following = tuple(b for b in beginnings if b[offset] == wanted)
            yield from self._sift(places[fits[octets] | is_short], following, offset + 1)
