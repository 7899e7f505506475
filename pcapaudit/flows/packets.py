"""The scan's packet log, read as packets: one row, one flow, or the payloads that a flow handed over."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pcapaudit.flows.streams import Segment
from pcapaudit.model.events import Packet
from pcapaudit.scan.columns import NO_FLOW, NO_VLAN, Kind
from pcapaudit.scan.result import ScanResult

Ends = tuple[bytes, int, bytes, int, int]
"""Address and port of side a, address and port of side b, IP protocol."""
NOWHERE: Ends = (b"", 0, b"", 0, 0)
"""Ends of a link-layer frame."""
_READ = (
    "frame", "time_ns", "flow", "side", "smac", "dmac", "vlan", "ttl", "ip_id", "ip_len", "payload_len",
    "flags", "seq", "ack", "window", "dup_of", "dont_fragment",
)  # fmt: skip
"""Columns of the log that make a packet, in the order in which ``PacketLog._read`` takes them."""

_Indices = npt.NDArray[np.int64]


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
    """The packets of one capture, made when they are asked for and not kept.

    Args:
        result: The scan's tables.
    """

    def __init__(self, result: ScanResult) -> None:
        self._result = result
        self._rows = result.rows[list(_READ)]

    @cached_property
    def ends(self) -> list[Ends]:
        """Both ends of every flow."""
        f = self._result.flows
        columns = (f[n].tolist() for n in ("family", "a_hi", "a_lo", "a_port", "b_hi", "b_lo", "b_port", "proto"))
        return [
            (packed_address(fam, ah, al), ap, packed_address(fam, bh, bl), bp, proto)
            for fam, ah, al, ap, bh, bl, bp, proto in zip(*columns, strict=True)
        ]

    def packet(self, row: int) -> Packet:
        """The packet of one row."""
        return self._read(self._rows[row].item())

    def packets(self, flow: int) -> list[Packet]:
        """Packets of a flow in frame order, marked duplicates left out."""
        order, bounds = self._by_flow
        found = map(self._read, self._rows[order[bounds[flow] : bounds[flow + 1]]].tolist())
        return [p for p in found if not p.dup_of]

    def segments(self, flow: int) -> list[Segment]:
        """TCP payloads of a flow in frame order, marked duplicates left out."""
        order, bounds = self._segments_by_flow
        entries = self._result.handed[order[bounds[flow] : bounds[flow + 1]]]
        packets = map(self._read, self._rows[entries["row"]].tolist())
        places = zip(packets, entries["start"].tolist(), entries["length"].tolist(), strict=True)
        blob = self._result.blob
        return [Segment(at, bytes(blob[start : start + length])) for at, start, length in places if not at.dup_of]

    @cached_property
    def _by_flow(self) -> tuple[_Indices, _Indices]:
        return _grouped(self._result.rows["flow"], len(self._result.flows))

    @cached_property
    def _segments_by_flow(self) -> tuple[_Indices, _Indices]:
        handed = self._result.handed
        places = np.flatnonzero(handed["kind"] == Kind.TCP)
        order, bounds = _grouped(self._result.rows["flow"][handed["row"][places]], len(self._result.flows))
        return places[order], bounds

    def _read(self, record: Iterable[Any]) -> Packet:
        (
            frame, time_ns, flow, side, smac, dmac, vlan, ttl, ip_id, ip_len, payload_len,
            flags, seq, ack, window, dup_of, dont_fragment,
        ) = record  # fmt: skip
        a, a_port, b, b_port, proto = NOWHERE if flow == NO_FLOW else self.ends[flow]
        src, sport, dst, dport = (b, b_port, a, a_port) if side else (a, a_port, b, b_port)
        return Packet(
            frame, time_ns, src, sport, dst, dport, proto, packed_mac(smac), packed_mac(dmac),
            None if vlan == NO_VLAN else vlan, ttl, ip_id & 0xFFFF, ip_len, payload_len, flags & 0xFF,
            seq, ack, window, dup_of, bool(dont_fragment),
        )  # fmt: skip


def _grouped(flows: npt.NDArray[Any], count: int) -> tuple[_Indices, _Indices]:
    """Positions sorted by flow, and where in them each flow begins; the last bound ends the last flow."""
    order = np.argsort(flows, kind="stable")
    return order, np.searchsorted(flows[order], np.arange(count + 1))
