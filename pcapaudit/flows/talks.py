"""What the two sides of TCP flows said: read when asked for, kept for a while.

A message takes a few hundred bytes, its packets three times as many. What the host that is looked at said is kept as it
is; of the others' messages the packets' rows are kept, and the packets made again when somebody asks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from typing import Any, TypeAlias

from pcapaudit.dissect import conversation
from pcapaudit.flows.packets import PacketLog
from pcapaudit.flows.streams import Streams
from pcapaudit.model.events import Event, Malformed, TlsClientHello, TlsRecords

MAX_EVENTS = 50_000
"""Messages that are kept without their packets; those of the flow put away longest ago are given up first."""
MAX_OPEN = 10_000
"""Messages that are kept with their packets; then they are put away, though the host is still looked at."""

_Packed: TypeAlias = list[tuple[type[Event], tuple[Any, ...]]]
_PACKETS: dict[type[Event], tuple[str, ...]] = {
    TlsClientHello: ("at", "first"),
    TlsRecords: ("at", "last_application"),
}
"""Which fields of a message are packets, or None, where it is not ``at`` alone."""
_PLACES = {kind: tuple(map(kind._fields.index, names)) for kind, names in _PACKETS.items()}
_AT = (0,)


class Talks:
    """The conversations of one capture.

    Args:
        streams: The byte streams of its flows.
        log: Its packets.
    """

    def __init__(self, streams: Streams, log: PacketLog) -> None:
        self._streams = streams
        self._log = log
        self._open: dict[int, list[Event]] = {}
        self._open_count = 0
        self._packed: OrderedDict[int, _Packed] = OrderedDict()
        self._packed_count = 0

    def of(self, flow: int) -> list[Event]:
        """What was said in a flow of which the streams are there."""
        known = self._open.get(flow)
        if known is None:
            if self._open_count >= MAX_OPEN:
                self.put_away()
            packed = self._packed.get(flow)
            known = self._open[flow] = self._read(flow) if packed is None else self._unpack(packed)
            self._open_count += len(known)
        return known

    def put_away(self) -> None:
        """Keep of the messages' packets the rows alone."""
        for flow, events in self._open.items():
            if flow not in self._packed:
                self._packed[flow] = self._pack(flow, events)
                self._packed_count += len(events)
        self._open.clear()
        self._open_count = 0
        while self._packed_count > MAX_EVENTS and len(self._packed) > 1:
            self._packed_count -= len(self._packed.popitem(last=False)[1])

    def forget(self, flows: Collection[int]) -> None:
        """Give up what was said in some flows."""
        for flow in self._open.keys() & flows:
            self._open_count -= len(self._open.pop(flow))
        for flow in self._packed.keys() & flows:
            self._packed_count -= len(self._packed.pop(flow))

    def _read(self, flow: int) -> list[Event]:
        orig, resp, port = self._streams.of(flow)
        return [event for event in conversation.read(orig, resp, port=port) if not isinstance(event, Malformed)]

    def _pack(self, flow: int, events: list[Event]) -> _Packed:
        rows = self._streams.rows_of(flow) if events else {}
        packed: _Packed = []
        for event in events:
            values: list[Any] = list(event)
            for place in _PLACES.get(type(event), _AT):
                if values[place] is not None:
                    values[place] = rows[values[place].frame]
            packed.append((type(event), tuple(values)))
        return packed

    def _unpack(self, packed: _Packed) -> list[Event]:
        made: dict[int, Any] = {}
        events: list[Event] = []
        for kind, kept in packed:
            values = list(kept)
            for place in _PLACES.get(kind, _AT):
                row = values[place]
                if row is not None:
                    values[place] = made.get(row) or made.setdefault(row, self._log.packet(row))
            events.append(tuple.__new__(kind, values))
        return events
