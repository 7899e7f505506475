"""Which flows are worth reading packet by packet for a question: True or False for each, found for all at once.

They come from the flow table, the digests and the columns of the packet log. Where these cannot tell, a flow is
marked: what is not marked needs no closer look.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from pcapaudit.flows import layout
from pcapaudit.flows.digest import Digests
from pcapaudit.flows.flow import ACK, RST, SYN, TCP
from pcapaudit.scan.result import ScanResult

LARGE = 1000
"""Bytes: less is no full segment of any usual path."""
LAST = 4
"""A packet and three repeats of it."""

Flags = npt.NDArray[np.bool_]


class Marks:
    """The marks of one capture's flows, each an array with an entry a flow.

    Args:
        result: The scan's tables.
        digests: The flows' digests.
    """

    def __init__(self, result: ScanResult, digests: Digests) -> None:
        self._flows = result.flows
        self._rows = result.rows
        self._digests = digests
        self._words = digests.table

    @cached_property
    def moving(self) -> Flags:
        """The MAC behind a side changes."""
        return self._is_any("a_mac_changes", "b_mac_changes")

    @cached_property
    def repeating(self) -> Flags:
        """A side sent something again, or acknowledged what the capture does not hold."""
        return self._is_any("a_retrans", "b_retrans", "a_unseen_acks", "b_unseen_acks")

    @cached_property
    def shut(self) -> Flags:
        """A side says that it takes no data (RFC 9293, section 3.8.6)."""
        rows = self._rows
        found = np.zeros(len(self._flows), np.bool_)
        found[rows["flow"][(rows["window"] == 0) & (rows["flags"] & (ACK | RST | SYN) == ACK)]] = True
        return found

    @cached_property
    def reset(self) -> Flags:
        """A side sent a reset."""
        found: Flags = ((self._flows["a_flags"] | self._flows["b_flags"]) & RST) > 0
        return found

    @cached_property
    def refusing(self) -> Flags:
        """The responder sent a reset."""
        found: Flags = (self._of_responder("flags") & RST) > 0
        return found

    @cached_property
    def insisting(self) -> Flags:
        """The originator sent its SYN more than once."""
        found: Flags = self._words[:, layout.SYNS] > 1
        return found

    @cached_property
    def outrun(self) -> Flags:
        """The responder of a TCP flow is a large segment ahead of what the originator acknowledged.

        A reset may bear any acknowledgment: where the originator sent one, the table does not tell.
        """
        is_ahead = (self._of_responder("next") - self._of_originator("ack")).view(np.int32) > LARGE
        is_unsure = self._of_originator("flags") & (ACK | RST) != ACK
        found: Flags = (self._flows["proto"] == TCP) & (is_ahead | is_unsure)
        return found

    @cached_property
    def reset_by_both(self) -> Flags:
        """Each of the two sides sent a reset."""
        found: Flags = (self._flows["a_flags"] & self._flows["b_flags"] & RST) > 0
        return found

    @cached_property
    def unheard(self) -> Flags:
        """The last four packets are of one side: what it repeats three times may stay without an answer."""
        order, bounds, found = self._digests.order, self._digests.bounds, np.zeros(len(self._flows), np.bool_)
        long = np.flatnonzero(np.diff(bounds) >= LAST)
        last = self._rows["side"][order[bounds[long + 1, np.newaxis] - np.arange(1, LAST + 1)]]
        found[long] = (last == last[:, :1]).all(axis=1)
        return found

    @cached_property
    def ill_ended(self) -> Flags:
        """The originator did not close it, or not for certain after its last data had been answered."""
        words = self._words
        fin, rst, asked = (words[:, at] for at in (layout.FIN_AT, layout.RST_AT, layout.DATA_END))
        end = np.where((fin > 0) & ((rst == 0) | (fin < rst)), fin, rst)
        is_asked = (asked > 0) & (asked < end) & (asked < words[:, layout.ANSWER_END]) & (words[:, layout.ANSWERED] > 0)
        is_opened = (words[:, layout.SYNS] > 0) | (words[:, layout.SIDE + layout.SYN_ACK_AT] > 0)
        found = np.ones(len(words), np.bool_)
        asking = np.flatnonzero(is_asked & is_opened)
        closer = self._rows["side"][self._digests.order[self._digests.bounds[asking] + end[asking] - 1]]
        found[asking] = closer != (words[asking, layout.STATE] & layout.FROM_B)
        return found

    def _is_any(self, *columns: str) -> Flags:
        found: Flags = np.any([self._flows[name] > 0 for name in columns], axis=0)
        return found

    @cached_property
    def _is_from_b(self) -> Flags:
        """Side b opened the flow."""
        found: Flags = (self._words[:, layout.STATE] & layout.FROM_B) > 0
        return found

    def _of_originator(self, column: str) -> npt.NDArray[np.unsignedinteger]:
        return np.where(self._is_from_b, self._flows[f"b_{column}"], self._flows[f"a_{column}"])

    def _of_responder(self, column: str) -> npt.NDArray[np.unsignedinteger]:
        return np.where(self._is_from_b, self._flows[f"a_{column}"], self._flows[f"b_{column}"])
