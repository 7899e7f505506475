"""Flows in a few numbers, for questions to all of them: who opened it, who sent how much, how large.

They come from the flow's digest: a capture has hundreds of thousands of flows, and only those that
concern a device are worth reading packet by packet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from pcapaudit.flows import layout
from pcapaudit.flows.flow import TCP, Endpoint
from pcapaudit.flows.packets import PacketLog
from pcapaudit.model.records import dataclass


class Half(NamedTuple):
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


@dataclass(slots=True)
class Outline:
    """One flow from originator to responder; as ``Flow``, without its packets."""

    # Not frozen: there are hundreds of thousands, and a frozen one takes three times as long to make.

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


def outline_of(log: PacketLog, index: int) -> Outline:
    """One flow of a capture, from the side that opened it."""
    a, a_port, b, b_port, proto = log.ends(index)
    words = log.digests.of(index)
    sent, received, first = _half(words, 0), _half(words, layout.SIDE), log.span(index)[2]
    if words[layout.STATE] & layout.FROM_B:
        return Outline(index, proto, (b, b_port), (a, a_port), sent, received, first)
    return Outline(index, proto, (a, a_port), (b, b_port), sent, received, first)


def _half(words: Sequence[int], at: int) -> Half:
    packets, syns, syn_at, isn, syn_ack_at, answer_isn, low, high = words[at : at + layout.DATA]
    return Half(packets, syns, low, high, isn if syn_at else None, answer_isn if syn_ack_at else None)
