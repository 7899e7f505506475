"""What a flow's properties mean, said packet by packet: the slow twin that the digest is held against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from pcapaudit.flows.streams import distance
from pcapaudit.model.events import Packet

FIN, SYN, RST, ACK = 1, 2, 4, 16
TCP = 6
WRAP = 1 << 32


@dataclass
class PlainFlow:
    """A flow as lists of packets; ``is_own`` says which the originator sent."""

    packets: Sequence[Packet]
    is_own: Callable[[Packet], bool]
    is_tcp: bool

    @cached_property
    def sent(self) -> list[Packet]:
        return [p for p in self.packets if self.is_own(p)]

    @cached_property
    def received(self) -> list[Packet]:
        return [p for p in self.packets if not self.is_own(p)]

    @cached_property
    def sent_data(self) -> list[Packet]:
        return self._data(self.sent)

    @cached_property
    def received_data(self) -> list[Packet]:
        return self._data(self.received)

    @cached_property
    def syns(self) -> list[Packet]:
        return [p for p in self.sent if p.flags & (SYN | ACK) == SYN]

    @cached_property
    def syn_acks(self) -> list[Packet]:
        return [p for p in self.received if p.flags & (SYN | ACK) == SYN | ACK]

    @cached_property
    def plain_acks(self) -> list[Packet]:
        return [p for p in self.sent if p.flags & ACK and not p.flags & (SYN | RST)]

    @cached_property
    def resp_isn(self) -> int | None:
        if self.syn_acks:
            return self.syn_acks[0].seq
        if not self.syns or not self.plain_acks:
            return None
        first = self.plain_acks[0]
        if self.received:
            is_bare = not first.payload_len and first.seq == (self.syns[0].seq + 1) % WRAP
            follows = self.received_data and self.received_data[0].seq == first.ack
            if not (is_bare and follows and first.frame < self.received[0].frame):
                return None
        return (first.ack - 1) % WRAP

    @cached_property
    def is_established(self) -> bool:
        if self.syn_acks:
            expected = (self.syn_acks[0].seq + 1) % WRAP
            return any(p.payload_len or distance(p.ack, expected) >= 0 for p in self.plain_acks)
        if self.syns:
            return bool(self.plain_acks)
        return any(p.payload_len or not p.flags & (SYN | RST) for p in self.packets)

    @property
    def established_at(self) -> Packet | None:
        return self.plain_acks[0] if self.is_established and self.syns and self.plain_acks else None

    @property
    def refusal(self) -> Packet | None:
        telling = [p for p in self.received if p.flags & (RST | SYN) or p.payload_len]
        is_refused = self.syns and not self.is_established and telling and telling[0].flags & RST
        return telling[0] if is_refused else None

    @cached_property
    def answered_bytes(self) -> int:
        if not self.is_tcp:
            return sum(p.payload_len for p in self.received)
        acks = [p.ack for p in self.sent if p.flags & ACK and not p.flags & SYN and self._is_honest(p)]
        if not acks:
            return 0
        base = self._awaited(acks[0])
        end = max(distance(ack, base) for ack in acks)
        fins = [distance(p.seq + p.payload_len, base) + 1 for p in self.received if p.flags & FIN]
        return max(0, end - 1 if end in fins or (end == 1 and not self.received_data) else end)

    @property
    def first_answer(self) -> Packet | None:
        if self.received_data or not self.answered_bytes:
            return self.received_data[0] if self.received_data else None
        return next((p for p in self.sent if distance(p.ack, self.plain_acks[0].ack) > 0), None)

    @property
    def last_answer(self) -> Packet | None:
        if self.received_data:
            return self.received_data[-1]
        best = self.plain_acks[0] if self.answered_bytes else None
        for p in self.plain_acks:
            best = p if best is not None and distance(p.ack, best.ack) > 0 else best
        return best

    @cached_property
    def acked_sent(self) -> int | None:
        best: int | None = None
        for p in self.received:
            if p.flags & (ACK | RST) == ACK and (best is None or distance(p.ack, best) > 0):
                best = p.ack
        return best

    @property
    def unacked_data(self) -> list[Packet]:
        acked = self.acked_sent
        return [p for p in self.sent_data if acked is None or distance((p.seq + p.payload_len) % WRAP, acked) > 0]

    @property
    def first_rst(self) -> Packet | None:
        return next((p for p in self.packets if p.flags & RST), None)

    @property
    def closed_at(self) -> Packet | None:
        return next((p for p in self.packets if p.flags & (FIN | RST)), None)

    @property
    def gave_up(self) -> Packet | None:
        end = next((p for p in self.sent if p.flags & (FIN | RST)), None)
        asked = [p for p in self.sent_data if end is not None and p.frame < end.frame]
        if not self.is_tcp or end is None or not asked or not self.received:
            return None
        is_answered = any(p.frame < end.frame for p in self.received_data)
        is_told = any(distance(p.ack, self._awaited(p.ack)) > 0 for p in (*asked, end) if p.flags & ACK)
        waited_ns = end.time_ns - asked[-1].time_ns
        return end if not is_answered and not is_told and waited_ns >= 3_000_000_000 else None

    def _is_honest(self, packet: Packet) -> bool:
        ends = [(p.seq + p.payload_len) % WRAP for p in self.received_data[-2:]]
        return not packet.flags & RST or packet.ack in ends

    def _awaited(self, first_ack: int) -> int:
        if self.resp_isn is not None:
            return (self.resp_isn + 1) % WRAP
        data = self.received_data
        return data[0].seq if data and distance(data[0].seq, first_ack) < 0 else first_ack

    def _data(self, own: Sequence[Packet]) -> list[Packet]:
        data: list[Packet] = []
        end: int | None = None
        for p in own:
            has_syn = bool(p.flags & SYN)
            if has_syn:
                end = (p.seq + 1) % WRAP
            is_probe = self.is_tcp and p.payload_len == 1 and end is not None and distance(p.seq, end) == -1
            if p.payload_len and not is_probe:
                data.append(p)
                reach = (p.seq + p.payload_len + has_syn) % WRAP
                end = reach if end is None or distance(reach, end) > 0 else end
        return data
