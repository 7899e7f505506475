"""One flow seen as a story: who opened it, how far it got, who said what, how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from pcapaudit.flows.streams import distance
from pcapaudit.model.events import Packet

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TCP, UDP = 6, 17
EPHEMERAL = 32768
"""Ports from here up are taken for a client's when nothing better tells the sides apart."""
PATIENCE_NS = 3_000_000_000
"""Who closes this long after asking has waited for an answer: the first repeat of old stacks comes by then, too."""

COPY_NS = 5_000_000
"""Equal segments nearer to each other than this are copies: no stack repeats so soon (catalogue: CAP-DUP-ID0)."""

Endpoint = tuple[bytes, int]
_BULKY = ("packets", "sent", "received", "sent_data", "received_data", "unacked_data")
"""What of a flow grows with its packets."""


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


@dataclass(eq=False)
class Flow:
    """Both directions of one 5-tuple (for TCP: of one connection), from originator to responder.

    The packets are read with ``load`` when they are first asked for, and again after ``release``.
    """

    index: int
    proto: int
    orig: Endpoint
    resp: Endpoint
    load: Callable[[Flow], Sequence[Packet]]
    orig_side: Side
    resp_side: Side
    first_ns: int
    last_ns: int
    first_frame: int
    last_frame: int
    left_out: int
    vlan: int | None

    # --- the packets of each side -----------------------------------------------------------

    @cached_property
    def packets(self) -> Sequence[Packet]:
        """The logged packets in frame order without marked duplicates.

        Whole for all but very long flows (``left_out`` > 0).
        """
        return self.load(self)

    def release(self) -> None:
        """Forget the packets, so that a large capture does not fill the memory; what follows from them stays."""
        for name in _BULKY:
            self.__dict__.pop(name, None)

    def is_from_orig(self, packet: Packet) -> bool:
        """Whether the originator sent this packet."""
        return (packet.src, packet.sport) == self.orig

    @cached_property
    def sent(self) -> list[Packet]:
        """Packets of the originator."""
        return [p for p in self.packets if self.is_from_orig(p)]

    @cached_property
    def received(self) -> list[Packet]:
        """Packets of the responder."""
        return [p for p in self.packets if not self.is_from_orig(p)]

    # --- TCP: opening -----------------------------------------------------------------------

    @cached_property
    def syns(self) -> list[Packet]:
        """SYN segments of the originator, retransmissions included."""
        return [p for p in self.sent if p.flags & SYN and not p.flags & ACK]

    @cached_property
    def syn_acks(self) -> list[Packet]:
        """SYN-ACK segments of the responder."""
        return [p for p in self.received if p.flags & SYN and p.flags & ACK]

    @cached_property
    def orig_isn(self) -> int | None:
        """Initial sequence number of the originator; None when no SYN was seen."""
        return self.syns[0].seq if self.syns else None

    @cached_property
    def resp_isn(self) -> int | None:
        """Initial sequence number of the responder.

        From its SYN-ACK; else, when a one-sided capture holds the whole opening of the
        originator, from the first acknowledgment (which confirms exactly the unseen SYN). Also where
        the SYN-ACK alone is missing: the responder's first data follow right upon that acknowledgment.
        """
        if self.syn_acks:
            return self.syn_acks[0].seq
        first = next((p for p in self.sent if p.flags & ACK and not p.flags & (SYN | RST)), None)
        if not self.syns or first is None:
            return None
        if self.received:
            is_bare = not first.payload_len and first.seq == (self.syns[0].seq + 1) % (1 << 32)
            follows = self.received_data[:1] and self.received_data[0].seq == first.ack
            if not (is_bare and follows and first.frame < self.received[0].frame):
                return None
        return (first.ack - 1) % (1 << 32)

    @cached_property
    def has_opening(self) -> bool:
        """Whether the capture holds the flow's first packet (TCP: its SYN)."""
        return bool(self.syns) if self.proto == TCP else True

    @cached_property
    def is_established(self) -> bool:
        """Whether the originator completed the handshake, or must have done so.

        Seen: it acknowledges the SYN-ACK, or goes on with data. Without a visible SYN-ACK its own
        later segments prove it, because a stack in SYN-SENT sends nothing but SYNs (RFC 9293,
        section 3.10.7.3). A flow caught in the middle counts when either side sends data.
        """
        later = [p for p in self.sent if p.flags & ACK and not p.flags & (SYN | RST)]
        if self.syn_acks:
            expected = (self.syn_acks[0].seq + 1) % (1 << 32)
            return any(p.payload_len or distance(p.ack, expected) >= 0 for p in later)
        if self.syns:
            return bool(later)
        return any(p.payload_len or not p.flags & (SYN | RST) for p in self.packets)

    @cached_property
    def established_at(self) -> Packet | None:
        """The packet that completes the handshake; None when not established or not seen."""
        if not self.is_established or not self.syns:
            return None
        return next((p for p in self.sent if p.flags & ACK and not p.flags & (SYN | RST)), None)

    @cached_property
    def refusal(self) -> Packet | None:
        """The responder's RST that answers a SYN before any SYN-ACK or data (RFC 9293, 3.10.7.1)."""
        if not self.syns or self.is_established:
            return None
        first = next((p for p in self.received if p.flags & (RST | SYN) or p.payload_len), None)
        return first if first is not None and first.flags & RST else None

    # --- data ---------------------------------------------------------------------------------

    @cached_property
    def sent_data(self) -> list[Packet]:
        """The originator's segments (or datagrams) with payload, keep-alive probes left out."""
        return self._data(self.sent)

    @cached_property
    def received_data(self) -> list[Packet]:
        """The responder's segments (or datagrams) with payload, keep-alive probes left out."""
        return self._data(self.received)

    @cached_property
    def answered_bytes(self) -> int:
        """Bytes of the responder that reached the originator, judged by the originator's ACKs.

        Holds in a one-sided capture, too: an acknowledgment is the device's own word. Where the
        opening was not seen it counts from the first byte or acknowledgment that was.
        """
        if self.proto != TCP:
            return sum(p.payload_len for p in self.received)
        acks = [p.ack for p in self.sent if p.flags & ACK and not p.flags & SYN and self._is_honest(p)]
        if not acks:
            return 0
        base = self._first_awaited(acks[0])
        end = max((distance(a, base) for a in acks), default=0)
        # The last number confirmed may be the responder's FIN; unseen, one lone number is taken for it.
        fins = [distance(p.seq + p.payload_len, base) + 1 for p in self.received if p.flags & FIN]
        is_fin = end in fins or (end == 1 and not self.received_data)
        return max(0, end - 1 if is_fin else end)

    def _is_honest(self, packet: Packet) -> bool:
        """Whether an acknowledgment may be believed: that of a reset only where it covers what was seen to come.

        A program that closes with a reset lets its stack acknowledge the last data by it; a forged reset
        acknowledges anything.
        """
        if not packet.flags & RST:
            return True
        return any(distance(packet.ack, (p.seq + p.payload_len) % (1 << 32)) == 0 for p in self.received_data[-2:])

    def _first_awaited(self, first_ack: int) -> int:
        """Sequence number of the responder's first byte that could be counted."""
        if self.resp_isn is not None:
            return (self.resp_isn + 1) % (1 << 32)
        data = self.received_data
        return data[0].seq if data and distance(data[0].seq, first_ack) < 0 else first_ack

    @cached_property
    def first_answer(self) -> Packet | None:
        """The first payload of the responder, or the originator's first ACK of an unseen one."""
        if self.received_data:
            return self.received_data[0]
        if not self.answered_bytes:
            return None
        base = next(p.ack for p in self.sent if p.flags & ACK and not p.flags & (SYN | RST))
        return next((p for p in self.sent if distance(p.ack, base) > 0), None)

    @cached_property
    def last_answer(self) -> Packet | None:
        """The last payload of the responder; for an unseen responder the last ACK that advanced."""
        if self.received_data:
            return self.received_data[-1]
        return self._last_advance if self.answered_bytes else None

    @cached_property
    def _last_advance(self) -> Packet | None:
        best: Packet | None = None
        for p in self.sent:
            if p.flags & ACK and not p.flags & (SYN | RST) and (best is None or distance(p.ack, best.ack) > 0):
                best = p
        return best

    @cached_property
    def acked_sent(self) -> int | None:
        """Highest acknowledgment of the responder; None when it acknowledged nothing."""
        acks = [p.ack for p in self.received if p.flags & ACK and not p.flags & RST]
        if not acks:
            return None
        best = acks[0]
        for ack in acks:
            if distance(ack, best) > 0:
                best = ack
        return best

    @cached_property
    def unacked_data(self) -> list[Packet]:
        """The originator's data segments that no later acknowledgment covers (TCP)."""
        acked = self.acked_sent
        return [p for p in self.sent_data if acked is None or distance((p.seq + p.payload_len) % (1 << 32), acked) > 0]

    @cached_property
    def has_two_way_data(self) -> bool:
        """Whether both sides sent payload and the originator got the other's."""
        return bool(self.sent_data) and self.answered_bytes > 0

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
    def first_fin(self) -> Packet | None:
        """The first FIN of either side."""
        return next((p for p in self.packets if p.flags & FIN), None)

    @cached_property
    def first_rst(self) -> Packet | None:
        """The first RST of either side."""
        return next((p for p in self.packets if p.flags & RST), None)

    @cached_property
    def closed_at(self) -> Packet | None:
        """The first FIN or RST: from here on no new data is expected."""
        ends = [p for p in (self.first_fin, self.first_rst) if p is not None]
        return min(ends, key=lambda p: p.frame) if ends else None

    @cached_property
    def gave_up(self) -> Packet | None:
        """The originator's FIN or RST after it waited in vain for an answer; what comes later comes too late.

        A FIN right behind the request is none: it only says that there is no more to come, the originator reads on.
        """
        end = next((p for p in self.sent if p.flags & (FIN | RST)), None)
        asked = [p for p in self.sent_data if end is None or p.frame < end.frame]
        if self.proto != TCP or end is None or not asked or not self.received:
            return None
        is_told = any(p.frame < end.frame for p in self.received_data) or any(
            distance(p.ack, self._first_awaited(p.ack)) > 0 for p in (*asked, end) if p.flags & ACK
        )
        return end if not is_told and end.time_ns - asked[-1].time_ns >= PATIENCE_NS else None

    def _data(self, own: Sequence[Packet]) -> list[Packet]:
        """Packets with payload; a keep-alive probe (RFC 9293, 3.8.4) repeats one old byte and is none."""
        data: list[Packet] = []
        end: int | None = None
        for p in own:
            if p.flags & SYN:
                end = (p.seq + 1) % (1 << 32)
            if not p.payload_len:
                continue
            if self.proto == TCP and p.payload_len == 1 and end is not None and distance(p.seq, end) == -1:
                continue
            data.append(p)
            reach = (p.seq + p.payload_len + (1 if p.flags & SYN else 0)) % (1 << 32)
            end = reach if end is None or distance(reach, end) > 0 else end
        return data

    def seen_from(self, address: bytes) -> Flow:
        """The same flow with ``address`` as originator: for flows caught in the middle, where
        nothing in the capture tells who opened them.
        """
        if self.orig[0] == address or self.resp[0] != address:
            return self
        return replace(self, orig=self.resp, resp=self.orig, orig_side=self.resp_side, resp_side=self.orig_side)


def build_flow(
    index: int,
    row: Any,
    ends: tuple[bytes, int, bytes, int, int],
    opener: Literal["a", "b"],
    load: Callable[[Flow], Sequence[Packet]],
) -> Flow:
    """Orient one scan row (a numpy record) from originator to responder.

    Args:
        index: Row number in the flow table.
        row: The record, columns as in ``scan.columns``.
        ends: Address and port of side a and of side b, and the protocol.
        opener: The side that is the originator.
        load: Gives the flow's logged packets.
    """
    a, a_port, b, b_port, proto = ends
    first, second = ((a, a_port), (b, b_port)) if opener == "a" else ((b, b_port), (a, a_port))
    return Flow(
        index=index,
        proto=proto,
        orig=first,
        resp=second,
        load=load,
        orig_side=_side(row, opener),
        resp_side=_side(row, "b" if opener == "a" else "a"),
        first_ns=int(row["first_ns"]),
        last_ns=int(row["last_ns"]),
        first_frame=int(row["first_frame"]),
        last_frame=int(row["last_frame"]),
        left_out=int(row["rows_left_out"]),
        vlan=None if int(row["vlan"]) == 65535 else int(row["vlan"]),
    )


def _side(row: Any, name: str) -> Side:
    mac = int(row[f"{name}_mac"])
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
        mac=mac.to_bytes(6, "big") if mac else None,
    )
