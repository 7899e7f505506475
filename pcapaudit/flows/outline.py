"""Flows in a few numbers, for questions to all of them: who opened it, who sent how much, how large.

Made from the columns of the packet log without making packets: a capture has hundreds of thousands
of flows, and only those that concern a device are worth reading packet by packet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pcapaudit.flows.flow import ACK, EPHEMERAL, SYN, TCP, Endpoint
from pcapaudit.flows.packets import Ends
from pcapaudit.scan.columns import NO_FLOW
from pcapaudit.scan.result import ScanResult

_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Half:
    """What one side of a flow sent, as far as it is logged, marked duplicates left out.

    ``syns`` count SYN without ACK; ``isn`` and ``answer_isn`` are the sequence numbers of the first SYN without and
    with ACK, None without one; the payload sizes (bytes) bound the packets that carry any, 0 when none does.
    """

    packets: int = 0
    syns: int = 0
    payload_low: int = 0
    payload_high: int = 0
    isn: int | None = None
    answer_isn: int | None = None


@dataclass(frozen=True, slots=True)
class Outline:
    """One flow from originator to responder; as ``Flow``, without its packets."""

    index: int
    proto: int
    orig: Endpoint
    resp: Endpoint
    sent: Half
    received: Half
    first_frame: int

    @property
    def has_opening(self) -> bool:
        """Whether the capture holds the flow's first packet (TCP: its SYN)."""
        return self.sent.syns > 0 if self.proto == TCP else True

    def seen_from(self, address: bytes) -> Outline:
        """The same flow with ``address`` as originator (as ``Flow.seen_from``)."""
        if self.orig[0] == address or self.resp[0] != address:
            return self
        return replace(self, orig=self.resp, resp=self.orig, sent=self.received, received=self.sent)


class Outlines:
    """The outlines of one capture's flows.

    Args:
        result: The scan's tables.
        ends: Both ends of every flow.
    """

    def __init__(self, result: ScanResult, ends: list[Ends]) -> None:
        self._result = result
        self._ends = ends

    def outline(self, index: int) -> Outline:
        """One flow."""
        a, a_port, b, b_port, proto = self._ends[index]
        from_a, from_b = self._half(2 * index), self._half(2 * index + 1)
        first = self._first_frames[index]
        if self.opener(index) == "a":
            return Outline(index, proto, (a, a_port), (b, b_port), from_a, from_b, first)
        return Outline(index, proto, (b, b_port), (a, a_port), from_b, from_a, first)

    def opener(self, index: int) -> Literal["a", "b"]:
        """The side that opened the flow: usually a, the sender of the first packet seen."""
        return "b" if self._is_from_b(index) else "a"

    def _is_from_b(self, index: int) -> bool:
        a, a_port, b, b_port, proto = self._ends[index]
        if (a, a_port) == (b, b_port):
            return False
        if proto == TCP:
            opening = self._openings.get(index)
            if opening is not None:
                return opening
        elif self._has_both[index]:
            return False
        # No opening in the capture: the low port is the service (both low or both high: first sender opened).
        return a_port < EPHEMERAL <= b_port and a_port != 0

    def _half(self, key: int) -> Half:
        packets, syns, low, high = self._counts
        return Half(packets[key], syns[key], low[key], high[key], self._isns.get(key), self._answer_isns.get(key))

    @cached_property
    def _first_frames(self) -> list[int]:
        frames: list[int] = self._result.flows["first_frame"].tolist()
        return frames

    @cached_property
    def _has_both(self) -> list[bool]:
        flows = self._result.flows
        both: list[bool] = ((flows["a_pkts"] > 0) & (flows["b_pkts"] > 0)).tolist()
        return both

    @cached_property
    def _places(self) -> _Numbers:
        """Rows of the log that belong to flows and are no marked duplicates."""
        rows = self._result.rows
        return np.flatnonzero((rows["dup_of"] == 0) & (rows["flow"] != NO_FLOW))

    def _keys(self, places: _Numbers) -> _Numbers:
        """Twice the flow's number, one more for side b, of each of these rows."""
        rows = self._result.rows
        keys: _Numbers = rows["flow"][places].astype(np.int64) * 2 + rows["side"][places]
        return keys

    @cached_property
    def _counts(self) -> tuple[list[int], list[int], list[int], list[int]]:
        """By key: packets, SYNs, smallest and largest payload."""
        rows, size = self._result.rows, 2 * len(self._result.flows)
        keys = self._keys(self._places)
        payload = rows["payload_len"][self._places].astype(np.int64)
        filled = payload > 0
        low = np.full(size, np.iinfo(np.int64).max)
        high = np.zeros(size, np.int64)
        np.minimum.at(low, keys[filled], payload[filled])
        np.maximum.at(high, keys[filled], payload[filled])
        low[high == 0] = 0
        syns = np.bincount(self._keys(self._places_with(SYN)), minlength=size)
        packets = np.bincount(keys, minlength=size)
        return packets.tolist(), syns.tolist(), low.tolist(), high.tolist()

    def _places_with(self, flags: int) -> _Numbers:
        """Rows of TCP packets whose SYN and ACK flags are these."""
        rows = self._result.rows
        found: _Numbers = self._places[rows["flags"][self._places] & (SYN | ACK) == flags]
        return found

    @cached_property
    def _isns(self) -> dict[int, int]:
        return self._first_numbers(SYN)

    @cached_property
    def _answer_isns(self) -> dict[int, int]:
        return self._first_numbers(SYN | ACK)

    def _first_numbers(self, flags: int) -> dict[int, int]:
        """Key -> sequence number of its first packet with these of the flags SYN and ACK."""
        places = self._places_with(flags)
        keys, firsts = np.unique(self._keys(places), return_index=True)
        return dict(zip(keys.tolist(), self._result.rows["seq"][places[firsts]].tolist(), strict=True))

    @cached_property
    def _openings(self) -> dict[int, bool]:
        """TCP flow -> whether its first packet with a SYN shows b as the opener (RFC 9293, section 3.5)."""
        places = np.sort(np.concatenate([self._places_with(SYN), self._places_with(SYN | ACK)]))
        found: Any = self._result.rows[places]
        flows, firsts = np.unique(found["flow"], return_index=True)
        is_from_a = found["side"][firsts] == 0
        is_answer = (found["flags"][firsts] & ACK) > 0
        return dict(zip(flows.tolist(), (is_from_a == is_answer).tolist(), strict=True))
