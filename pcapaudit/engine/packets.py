"""Every packet of a capture as columns: read again from the files, kept where a condition holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from pcapaudit.capture import read_ring
from pcapaudit.engine.tables.declare import Column, Kind
from pcapaudit.flows.packets import packed_address, packed_mac
from pcapaudit.model.addresses import ip_text, mac_text
from pcapaudit.model.frames import CaptureNotes, FrameBatch
from pcapaudit.model.records import dataclass
from pcapaudit.scan import Scanner
from pcapaudit.scan.columns import NO_FLOW, NO_VLAN
from pcapaudit.scan.result import ScanResult

Values = npt.NDArray[np.generic]
Keep = Callable[["Packets"], npt.NDArray[np.bool_]]

COLUMNS: Mapping[str, Column] = {
    column.name: column
    for column in (
        Column("ts", Kind.TIME, "time of the frame", "UTC", "ts"),
        Column("frame", Kind.FRAME, "number of the frame"),
        Column("src", Kind.TEXT, "address of the sender"),
        Column("sport", Kind.INTEGER, "its port; ICMP: none"),
        Column("dst", Kind.TEXT, "address of the receiver"),
        Column("dport", Kind.INTEGER, "its port"),
        Column("proto", Kind.CATEGORY, "tcp, udp, icmp, or the number of the IP protocol"),
        Column("ip_len", Kind.INTEGER, "length of the IP packet", "bytes"),
        Column("payload_len", Kind.INTEGER, "what TCP or UDP carries", "bytes"),
        Column("tcp_flags", Kind.CATEGORY, "S SYN, A ACK, F FIN, R RST, P PSH, U URG; empty for other packets"),
        Column("seq", Kind.INTEGER, "TCP sequence number"),
        Column("ack", Kind.INTEGER, "TCP acknowledgement number"),
        Column("window", Kind.INTEGER, "TCP window as sent, not scaled", "bytes"),
        Column("ttl", Kind.INTEGER, "TTL or hop limit", "hops"),
        Column("ip_id", Kind.INTEGER, "IPv4 identification"),
        Column("smac", Kind.TEXT, "source MAC address"),
        Column("dmac", Kind.TEXT, "destination MAC address"),
        Column("vlan", Kind.INTEGER, "innermost VLAN tag"),
    )
}
"""Name -> column of the table of packets, in their order."""

_SLICE = 300
"""Frames that are scanned at a time: of so many no packet of any flow is left out of the log (``FLOW_FIRST_ROWS``)."""
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp"}
_LETTERS = ((2, "S"), (16, "A"), (1, "F"), (4, "R"), (8, "P"), (32, "U"))


@dataclass(frozen=True, slots=True)
class Packets:
    """Packets as columns of equal length; text is object, -1 stands for an unknown number."""

    ts: npt.NDArray[np.int64]
    frame: npt.NDArray[np.int64]
    src: Values
    sport: npt.NDArray[np.int64]
    dst: Values
    dport: npt.NDArray[np.int64]
    proto: Values
    ip_len: npt.NDArray[np.int64]
    payload_len: npt.NDArray[np.int64]
    flags: npt.NDArray[np.int64]
    seq: npt.NDArray[np.int64]
    ack: npt.NDArray[np.int64]
    window: npt.NDArray[np.int64]
    ttl: npt.NDArray[np.int64]
    ip_id: npt.NDArray[np.int64]
    smac: Values
    dmac: Values
    vlan: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.frame)

    def taken(self, mask: npt.NDArray[np.bool_]) -> Packets:
        """Those for which the mask is true."""
        return Packets(*(getattr(self, f.name)[mask] for f in fields(self)))


def read_packets(
    files: Sequence[str], keep: Keep | None = None, limit: int | None = None, *, until: int | None = None
) -> Packets:
    """The packets of one capture.

    Args:
        files: Its files.
        keep: Which to keep; None keeps all.
        limit: Keep the first so many.
        until: Number of the last frame that is looked at.

    Raises:
        CaptureError: The capture cannot be read.
    """
    parts: list[Packets] = []
    count = 0
    for part in _read(files, until):
        kept = part if keep is None else part.taken(keep(part))
        if limit is not None and count + len(kept) > limit:
            kept = kept.taken(np.arange(len(kept)) < limit - count)
        parts.append(kept)
        count += len(kept)
        if limit is not None and count >= limit:
            break
    return join(parts)


def scan_packets(batch: FrameBatch) -> Packets:
    """The packets of a few frames, at most 300; frames without an IP packet are left out."""
    scanner = Scanner()
    scanner.feed(batch)
    return _packets(scanner.result())


def join(parts: Sequence[Packets]) -> Packets:
    """One after the other."""
    whole = parts or [scan_packets(FrameBatch(memoryview(b""), 1, *(memoryview(b"") for _ in range(5))))]
    return Packets(*(np.concatenate([getattr(part, f.name) for part in whole]) for f in fields(Packets)))


def _read(files: Sequence[str], until: int | None) -> Iterator[Packets]:
    for batch in read_ring(list(files), CaptureNotes()):
        length = len(batch) if until is None else min(len(batch), until - batch.first_frame + 1)
        for start in range(0, length, _SLICE):
            yield scan_packets(batch.part(start, min(start + _SLICE, length)))
        if length < len(batch):
            break


def _packets(result: ScanResult) -> Packets:
    rows = result.rows
    is_packet = np.asarray(rows["flow"]) != NO_FLOW
    rows = rows[is_packet]
    flow, side = rows["flow"], rows["side"].astype(bool)
    ends = _Ends(result)
    number = {
        name: rows[name].astype(np.int64) for name in ("ip_len", "payload_len", "flags", "window", "ttl", "ip_id")
    }
    proto = ends.number[flow] if len(rows) else np.zeros(0, np.int64)
    is_tcp = proto == 6
    return Packets(
        ts=rows["time_ns"].astype(np.int64),
        frame=rows["frame"].astype(np.int64),
        src=np.where(side, ends.host_b[flow], ends.host_a[flow]),
        sport=np.where(side, ends.port_b[flow], ends.port_a[flow]),
        dst=np.where(side, ends.host_a[flow], ends.host_b[flow]),
        dport=np.where(side, ends.port_a[flow], ends.port_b[flow]),
        proto=ends.proto[flow],
        ip_len=number["ip_len"],
        payload_len=number["payload_len"],
        flags=np.where(is_tcp, number["flags"], -1),
        seq=np.where(is_tcp, rows["seq"].astype(np.int64), -1),
        ack=np.where(is_tcp, rows["ack"].astype(np.int64), -1),
        window=np.where(is_tcp, number["window"], -1),
        ttl=number["ttl"],
        ip_id=number["ip_id"],
        smac=_macs(rows["smac"]),
        dmac=_macs(rows["dmac"]),
        vlan=np.where(rows["vlan"] == NO_VLAN, -1, rows["vlan"].astype(np.int64)),
    )


class _Ends:
    """What the flows of a scan say of their packets, an element a flow."""

    def __init__(self, result: ScanResult) -> None:
        flows = result.flows
        self.number = flows["proto"].astype(np.int64)
        self.proto = _texts(_PROTOCOLS.get(int(n), str(int(n))) for n in self.number)
        self.host_a, self.host_b = (
            _texts(
                ip_text(packed_address(int(family), int(high), int(low)))
                for family, high, low in zip(flows["family"], flows[f"{end}_hi"], flows[f"{end}_lo"], strict=True)
            )
            for end in "ab"
        )
        self.port_a, self.port_b = flows["a_port"].astype(np.int64), flows["b_port"].astype(np.int64)


def _macs(values: npt.NDArray[np.uint64]) -> Values:
    """MAC addresses as text; None for none."""
    known, place = np.unique(values, return_inverse=True)
    packed = (packed_mac(int(value)) for value in known)
    return _texts(None if mac is None else mac_text(mac) for mac in packed)[place]


def _texts(values: Iterator[str | None] | Iterator[str]) -> Values:
    listed = list(values)
    texts: npt.NDArray[Any] = np.empty(len(listed), dtype=object)
    texts[:] = listed
    return texts


def say_flags(flags: int) -> str:
    """TCP flags as letters, ``SA`` for a SYN-ACK; empty for a packet that is no TCP (-1)."""
    return "" if flags < 0 else "".join(letter for bit, letter in _LETTERS if flags & bit)
