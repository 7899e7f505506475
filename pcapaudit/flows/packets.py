"""The scan's packet log, read as packets: one packet, or a flow's."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from pcapaudit.model.events import Packet
from pcapaudit.scan.columns import NO_FLOW, NO_VLAN, Table
from pcapaudit.scan.loading import choose
from pcapaudit.scan.result import ScanResult

if TYPE_CHECKING:
    from pcapaudit.flows.digest import Digests
else:
    Digests = choose(("pcapaudit.flows.logged", "pcapaudit.flows.digest")).Digests

Ends = tuple[bytes, int, bytes, int, int]
"""Address and port of side a, address and port of side b, IP protocol."""
NOWHERE: Ends = (b"", 0, b"", 0, 0)
"""Ends of a link-layer frame."""
_READ = (
    "time_ns", "frame", "flow", "smac", "dmac", "seq", "ack", "ip_len", "payload_len", "ip_id", "dup_of",
    "flags", "window", "vlan", "ttl", "side", "dont_fragment",
)  # fmt: skip
"""Columns of the log that make a packet, in the order in which ``PacketLog.packet`` takes them."""

_ENDS = ("family", "proto", "a_hi", "a_lo", "b_hi", "b_lo", "a_port", "b_port")
"""Columns of the flow table that tell a flow's ends, in its order."""
_LETTERS = {"i8": "q", "u8": "Q", "u4": "I", "u2": "H", "u1": "B"}
"""What ``struct`` calls the types of the columns."""
FEW = 4
"""So few packets are made one by one; for more, all of the flow are."""
MAX_HELD = 50_000
"""Packets that are kept at one time (about 400 bytes each); those of the flow read longest ago are given up first."""
_SPAN = ("first_ns", "last_ns", "first_frame", "last_frame")
"""Columns of the flow table that tell a flow's first and last packet, in its order."""
MAX_ENDS = 4_000
"""Flows of which the ends are kept at one time (about 200 bytes each); all are given up together."""


@lru_cache(maxsize=65_536)
def packed_address(family: int, high: int, low: int) -> bytes:
    """Address bytes from the two halves that the scan keeps; empty when there is no address."""
    if family == 4:
        return int(low).to_bytes(4, "big")
    if family == 6:
        return int(high).to_bytes(8, "big") + int(low).to_bytes(8, "big")
    return b""


@lru_cache(maxsize=65_536)
def packed_mac(value: int) -> bytes | None:
    """MAC bytes from the scan's integer; None for zero, which the scan uses for "not there"."""
    return int(value).to_bytes(6, "big") if value else None


class PacketLog:
    """The packets of one capture, made when they are asked for.

    Args:
        result: The scan's tables.
    """

    def __init__(self, result: ScanResult) -> None:
        self._result = result
        self._row = row_reader(result.rows, _READ)
        self._flow_ends = row_reader(result.flows, _ENDS)
        self.span: Callable[[int], tuple[int, int, int, int]] = row_reader(result.flows, _SPAN)
        """Gives a flow's first and last time (ns), then its first and last frame."""
        self._ends: dict[int, Ends] = {}
        self._held: OrderedDict[int, list[Packet]] = OrderedDict()
        self._count = 0

    @cached_property
    def digests(self) -> Digests:
        """What the packets of each flow add up to."""
        return Digests(self._result.rows, self._result.flows)

    def ends(self, flow: int) -> Ends:
        """Both ends of a flow."""
        known = self._ends.get(flow)
        if known is None:
            family, proto, a_high, a_low, b_high, b_low, a_port, b_port = self._flow_ends(flow)
            a, b = packed_address(family, a_high, a_low), packed_address(family, b_high, b_low)
            if len(self._ends) >= MAX_ENDS:
                self._ends.clear()
            known = self._ends[flow] = a, a_port, b, b_port, proto
        return known

    def flow_row(self, flow: int) -> Any:
        """The flow table's record of a flow."""
        return self._result.flows[flow]

    def packet(self, row: int) -> Packet:
        """The packet of one row."""
        (
            time_ns, frame, flow, smac, dmac, seq, ack, ip_len, payload_len, ip_id, dup_of,
            flags, window, vlan, ttl, side, dont_fragment,
        ) = self._row(row)  # fmt: skip
        a, a_port, b, b_port, proto = NOWHERE if flow == NO_FLOW else self._ends.get(flow) or self.ends(flow)
        src, sport, dst, dport = (b, b_port, a, a_port) if side else (a, a_port, b, b_port)
        # What a call of Packet does, without the function before it: packets are made by the hundred thousand.
        return tuple.__new__(Packet, (
            frame, time_ns, src, sport, dst, dport, proto, packed_mac(smac), packed_mac(dmac),
            None if vlan == NO_VLAN else vlan, ttl, ip_id & 0xFFFF, ip_len, payload_len, flags & 0xFF,
            seq, ack, window, dup_of, bool(dont_fragment),
        ))  # fmt: skip

    def packets_at(self, rows: npt.NDArray[Any]) -> list[Packet]:
        """The packets of these rows."""
        return [self.packet(row) for row in rows.tolist()]

    def packets(self, flow: int) -> list[Packet]:
        """Packets of a flow in frame order, marked duplicates left out."""
        known = self._held.get(flow)
        if known is None:
            start, stop = self.digests.bounds[flow : flow + 2].tolist()
            known = self.packets_at(self.digests.order[start:stop])
            self._hold(flow, known)
        return known

    def pauses(self, flow: int) -> list[int]:
        """Before each packet of a flow: the time since the flow's packet before it, logged or not (ns)."""
        start, stop = self.digests.bounds[flow : flow + 2].tolist()
        found: list[int] = self._result.rows["pause_ns"][self.digests.order[start:stop]].tolist()
        return found

    def _hold(self, flow: int, packets: list[Packet]) -> None:
        self._held[flow] = packets
        self._count += len(packets)
        while self._count > MAX_HELD and len(self._held) > 1:
            self._count -= len(self._held.popitem(last=False)[1])

    def forget(self, flow: int) -> None:
        """Give up the packets that were made of a flow."""
        self._count -= len(self._held.pop(flow, ()))

    def packet_of(self, flow: int, place: int) -> Packet:
        """One packet of a flow, counted from 0; the flow's others are not made for it."""
        known = self._held.get(flow)
        return known[place] if known is not None else self.packet(self.digests.order[self.digests.bounds[flow] + place])


def row_reader(table: Table, names: Sequence[str]) -> Callable[[int], tuple[Any, ...]]:
    """What gives some columns of a table's row as plain numbers, in a third of the time that numpy takes for a row."""
    fields = {name: (kind, offset) for name, (kind, offset, *_) in (table.dtype.fields or {}).items()}
    by_place = sorted(names, key=lambda name: fields[name][1])
    layout, end = "=", 0
    for kind, offset in map(fields.__getitem__, by_place):
        layout += f"{offset - end}x{_LETTERS[kind.str[1:]]}"
        end = offset + kind.itemsize
    data, size, unpack = table.view(np.uint8).data, table.itemsize, Struct(layout).unpack_from
    if by_place == list(names):
        return lambda row: unpack(data, row * size)
    # With the high byte first the fields of a word lie in it the other way round.
    arranged = itemgetter(*map(by_place.index, names))
    return lambda row: arranged(unpack(data, row * size))


class Run(Sequence[Packet]):
    """Some packets of a flow, made when one is looked at: how many there are costs nothing.

    Args:
        log: The packet log.
        flow: Row of the flow table.
        places: Which of the flow's packets, counted from 0.
    """

    __slots__ = ("_flow", "_log", "_places")

    def __init__(self, log: PacketLog, flow: int, places: Sequence[int]) -> None:
        self._log = log
        self._flow = flow
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Packet: ...
    @overload
    def __getitem__(self, index: slice) -> Run: ...
    def __getitem__(self, index: int | slice) -> Packet | Run:
        if isinstance(index, slice):
            return Run(self._log, self._flow, self._places[index])
        return self._log.packet_of(self._flow, self._places[index])

    def __eq__(self, other: object) -> bool:
        """Whether the packets are the same, one by one."""
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[Packet]:
        if len(self._places) < FEW:
            return (self._log.packet_of(self._flow, place) for place in self._places)
        return map(self._log.packets(self._flow).__getitem__, self._places)
