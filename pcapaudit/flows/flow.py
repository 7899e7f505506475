"""One flow seen as a story: who opened it, how far it got, who said what, how it ended."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pcapaudit.flows import layout
from pcapaudit.flows.packets import PacketLog, Run, packed_mac
from pcapaudit.model.events import Packet

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TCP, UDP = 6, 17

COPY_NS = 5_000_000
"""Equal segments nearer to each other than this are copies: no stack repeats so soon (catalogue: CAP-DUP-ID0)."""

Endpoint = tuple[bytes, int]


@dataclass(frozen=True, slots=True)
class Side:
    """Counters of one direction, marked duplicates included (as the scan counts)."""

    packets: int
    ip_bytes: int
    payload: int
    flags: int
    data_segments: int
    retransmissions: int
    unseen_acks: int
    last_ns: int
    last_frame: int
    highest_ack: int
    mac: bytes | None


class Flow:
    """Both directions of one 5-tuple (for TCP: of one connection), from originator to responder.

    What can be said in numbers comes from the flow's digest; packets are made when one is looked at.

    Args:
        log: The packet log.
        index: Row of the flow table.
        is_turned: The side that did not open the flow is to be the originator.

    Attributes:
        index: Row of the flow table.
        proto: IP protocol number.
        orig: Address and port of the originator.
        resp: Address and port of the responder.
    """

    def __init__(self, log: PacketLog, index: int, *, is_turned: bool = False) -> None:
        self.index = index
        self._log = log
        self._is_turned = is_turned
        words = log.digests.turned(index) if is_turned else log.digests.of(index)
        self._words: Sequence[int] = words
        self._state = words[layout.STATE]
        a, a_port, b, b_port, self.proto = log.ends(index)
        self._orig_side = self._state & layout.FROM_B
        self.orig: Endpoint = (a, a_port)
        self.resp: Endpoint = (b, b_port)
        if self._orig_side:
            self.orig, self.resp = self.resp, self.orig
        self._span = log.span(index)

    def __eq__(self, other: object) -> bool:
        """Whether this is the same flow, seen from the same end."""
        if not isinstance(other, Flow):
            return NotImplemented
        return (self.index, self._is_turned, self._log) == (other.index, other._is_turned, other._log)

    def __hash__(self) -> int:
        return hash((self.index, self._is_turned))

    # --- the flow table ---------------------------------------------------------------------

    @cached_property
    def _row(self) -> Any:
        return self._log.flow_row(self.index)

    @property
    def first_ns(self) -> int:
        """Time of the first packet."""
        return self._span[0]

    @property
    def last_ns(self) -> int:
        """Time of the last packet."""
        return self._span[1]

    @property
    def first_frame(self) -> int:
        """Frame number of the first packet."""
        return self._span[2]

    @property
    def last_frame(self) -> int:
        """Frame number of the last packet."""
        return self._span[3]

    @property
    def left_out(self) -> int:
        """Packets that are not in the packet log."""
        return int(self._row["rows_left_out"])

    @property
    def vlan(self) -> int | None:
        """Innermost VLAN tag of the first packet."""
        return None if int(self._row["vlan"]) == 65535 else int(self._row["vlan"])

    @cached_property
    def orig_side(self) -> Side:
        """What the originator sent."""
        return _side(self._row, "ab"[self._orig_side])

    @cached_property
    def resp_side(self) -> Side:
        """What the responder sent."""
        return _side(self._row, "ba"[self._orig_side])

    # --- the packets of each side -----------------------------------------------------------

    @cached_property
    def packets(self) -> Sequence[Packet]:
        """The logged packets in frame order without marked duplicates.

        Whole for all but long flows (``left_out`` > 0). Of these the first packets are there and those that open, end,
        repeat or end a pause, and of each side the last packet, the last that carried data and the last that
        acknowledged more.
        """
        count = self._words[layout.PACKETS] + self._words[layout.SIDE + layout.PACKETS]
        return Run(self._log, self.index, range(count))

    @cached_property
    def pauses(self) -> Sequence[int]:
        """Before each of ``packets``: the time since the flow's packet before it, logged or not (ns)."""
        return self._log.pauses(self.index)

    def pause_before(self, packet: Packet) -> int:
        """The time since the flow's packet before one of ``packets``, logged or not (ns)."""
        return self.pauses[bisect_left(self.packets, packet.frame, key=lambda p: p.frame)]

    def is_from_orig(self, packet: Packet) -> bool:
        """Whether the originator sent this packet."""
        return (packet.src, packet.sport) == self.orig

    @cached_property
    def sent(self) -> Sequence[Packet]:
        """Packets of the originator."""
        return self._run(self._words[layout.PACKETS], self._orig_side, layout.ALL)

    @cached_property
    def received(self) -> Sequence[Packet]:
        """Packets of the responder."""
        return self._run(self._words[layout.SIDE + layout.PACKETS], 1 - self._orig_side, layout.ALL)

    @cached_property
    def unheard(self) -> Sequence[Packet]:
        """What the originator sent behind the last packet of the responder."""
        sent, received = (
            self._log.digests.places(self.index, side, layout.ALL) for side in (self._orig_side, 1 - self._orig_side)
        )
        return Run(self._log, self.index, sent[bisect_right(sent, received[-1]) :] if received else sent)

    def _run(self, count: int, side: int, kind: int, first: int = 0) -> Sequence[Packet]:
        """Packets of one side; ``first`` is the place of the first one plus 1, where it is known."""
        places: Sequence[int] = ()
        if count == 1 and first:
            places = (first - 1,)
        elif count:
            places = self._log.digests.places(self.index, side, kind)
        return Run(self._log, self.index, places)

    def _packet(self, place: int) -> Packet | None:
        """The packet at a place that the digest tells: counted from 1, 0 for none."""
        return self._log.packet_of(self.index, place - 1) if place else None

    # --- TCP: opening -----------------------------------------------------------------------

    @cached_property
    def syns(self) -> Sequence[Packet]:
        """SYN segments of the originator, retransmissions included."""
        words = self._words
        return self._run(words[layout.SYNS], self._orig_side, layout.ONLY_SYN, words[layout.SYN_AT])

    @cached_property
    def syn_acks(self) -> Sequence[Packet]:
        """SYN-ACK segments of the responder."""
        first = self._words[layout.SIDE + layout.SYN_ACK_AT]
        return self._run(first, 1 - self._orig_side, layout.ONLY_SYN_ACK)

    @property
    def orig_isn(self) -> int | None:
        """Initial sequence number of the originator; None when no SYN was seen."""
        return self._words[layout.ISN] if self._words[layout.SYNS] else None

    @property
    def resp_isn(self) -> int | None:
        """Initial sequence number of the responder.

        From its SYN-ACK; else, when a one-sided capture holds the whole opening of the
        originator, from the first acknowledgment (which confirms exactly the unseen SYN). Also where
        the SYN-ACK alone is missing: the responder's first data follow right upon that acknowledgment.
        """
        return self._words[layout.RESP_ISN] if self._state & layout.HAS_RESP_ISN else None

    @property
    def has_opening(self) -> bool:
        """Whether the capture holds the flow's first packet (TCP: its SYN)."""
        return self._words[layout.SYNS] > 0 if self.proto == TCP else True

    @property
    def is_established(self) -> bool:
        """Whether the originator completed the handshake, or must have done so.

        Seen: it acknowledges the SYN-ACK, or goes on with data. Without a visible SYN-ACK its own
        later segments prove it, because a stack in SYN-SENT sends nothing but SYNs (RFC 9293,
        section 3.10.7.3). A flow caught in the middle counts when either side sends data.
        """
        return bool(self._state & layout.ESTABLISHED)

    @cached_property
    def established_at(self) -> Packet | None:
        """The packet that completes the handshake; None when not established or not seen."""
        if not self.is_established or not self._words[layout.SYNS]:
            return None
        return self._packet(self._words[layout.ACK_AT])

    @cached_property
    def refusal(self) -> Packet | None:
        """The responder's RST that answers a SYN before any SYN-ACK or data (RFC 9293, 3.10.7.1)."""
        return self._packet(self._words[layout.REFUSAL])

    # --- data ---------------------------------------------------------------------------------

    @cached_property
    def sent_data(self) -> Sequence[Packet]:
        """The originator's segments (or datagrams) with payload, keep-alive probes left out."""
        words = self._words
        return self._run(words[layout.DATA], self._orig_side, layout.ONLY_DATA, words[layout.DATA_AT])

    @cached_property
    def received_data(self) -> Sequence[Packet]:
        """The responder's segments (or datagrams) with payload, keep-alive probes left out."""
        words, at = self._words, layout.SIDE
        return self._run(words[at + layout.DATA], 1 - self._orig_side, layout.ONLY_DATA, words[at + layout.DATA_AT])

    @property
    def answered_bytes(self) -> int:
        """Bytes of the responder that reached the originator, judged by the originator's ACKs.

        Holds in a one-sided capture, too: an acknowledgment is the device's own word. Where the
        opening was not seen it counts from the first byte or acknowledgment that was.
        """
        return self._words[layout.ANSWERED]

    @cached_property
    def first_answer(self) -> Packet | None:
        """The first payload of the responder, or the originator's first ACK of an unseen one."""
        return self._packet(self._words[layout.ANSWER_AT])

    @cached_property
    def last_answer(self) -> Packet | None:
        """The last payload of the responder; for an unseen responder the last ACK that advanced."""
        return self._packet(self._words[layout.ANSWER_END])

    @property
    def acked_sent(self) -> int | None:
        """Highest acknowledgment of the responder; None when it acknowledged nothing."""
        return self._words[layout.ACKED] if self._state & layout.IS_ACKED else None

    @cached_property
    def unacked_data(self) -> Sequence[Packet]:
        """The originator's data segments that no later acknowledgment covers (TCP)."""
        acked = self.acked_sent
        if acked is None or not self._words[layout.DATA]:
            return self.sent_data
        places = self._log.digests.places(self.index, self._orig_side, layout.ONLY_UNACKED, acked)
        return Run(self._log, self.index, places)

    @property
    def has_two_way_data(self) -> bool:
        """Whether both sides sent payload and the originator got the other's."""
        return self._words[layout.DATA] > 0 and self.answered_bytes > 0

    def retransmissions(self, packets: Iterable[Packet]) -> list[Packet]:
        """Those of the packets that repeat a payload or a SYN sent before (same sequence number).

        One within 5 ms of the other is a mirror's copy that nothing marks: IPv6 has no identification.
        """
        seen: dict[tuple[int, int], int] = {}
        repeats = []
        for p in packets:
            key = (p.seq, p.payload_len)
            if (p.payload_len or p.flags & SYN) and p.time_ns - seen.get(key, p.time_ns) >= COPY_NS:
                repeats.append(p)
            seen[key] = p.time_ns
        return repeats

    # --- the end --------------------------------------------------------------------------------

    @cached_property
    def first_rst(self) -> Packet | None:
        """The first RST of either side."""
        return self._packet(self._words[layout.RST_AT])

    @cached_property
    def closed_at(self) -> Packet | None:
        """The first FIN or RST: from here on no new data is expected."""
        fin, rst = self._words[layout.FIN_AT], self._words[layout.RST_AT]
        return self._packet(min(fin, rst) if fin and rst else fin or rst)

    @cached_property
    def gave_up(self) -> Packet | None:
        """The originator's FIN or RST after it waited in vain for an answer; what comes later comes too late.

        A FIN right behind the request is none: it only says that there is no more to come, the originator reads on.
        """
        return self._packet(self._words[layout.GAVE_UP])

    def seen_from(self, address: bytes) -> Flow:
        """The same flow with ``address`` as originator: for flows caught in the middle, where
        nothing in the capture tells who opened them.
        """
        if self.orig[0] == address or self.resp[0] != address:
            return self
        return Flow(self._log, self.index, is_turned=not self._is_turned)


def _side(row: Any, name: str) -> Side:
    return Side(
        packets=int(row[f"{name}_pkts"]),
        ip_bytes=int(row[f"{name}_bytes"]),
        payload=int(row[f"{name}_payload"]),
        flags=int(row[f"{name}_flags"]),
        data_segments=int(row[f"{name}_data"]),
        retransmissions=int(row[f"{name}_retrans"]),
        unseen_acks=int(row[f"{name}_unseen_acks"]),
        last_ns=int(row[f"{name}_last_ns"]),
        last_frame=int(row[f"{name}_last_frame"]),
        highest_ack=int(row[f"{name}_ack"]),
        mac=packed_mac(int(row[f"{name}_mac"])),
    )
