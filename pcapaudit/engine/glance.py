"""One frame told in one line, by the scan alone: who sent what to whom."""

from __future__ import annotations

from array import array

from pcapaudit.flows.packets import packed_address
from pcapaudit.model.addresses import ip_text, mac_text
from pcapaudit.model.frames import FrameBatch
from pcapaudit.model.linktypes import name_of
from pcapaudit.model.records import dataclass
from pcapaudit.scan import Bounds, Scanner, ScanResult
from pcapaudit.scan.columns import Table

TCP, UDP = 6, 17
_PROTOCOLS = {1: "ICMP", 2: "IGMP", TCP: "TCP", UDP: "UDP", 47: "GRE", 50: "ESP", 58: "ICMPv6", 89: "OSPF", 132: "SCTP"}
_FLAGS = ((2, "SYN"), (1, "FIN"), (4, "RST"), (8, "PSH"), (16, "ACK"), (32, "URG"))
_FEW = Bounds(max_flows=4, max_rows=16, max_pairs=4, max_bindings=4, max_arps=4)


@dataclass(frozen=True, slots=True)
class RawFrame:
    """One frame as captured: its number, ns since the epoch, bytes, bytes on the wire, link type number."""

    number: int
    time_ns: int
    data: bytes
    wire: int
    link: int


@dataclass(frozen=True, slots=True)
class Ends:
    """The ends of the innermost packet, sender first: packed addresses; ports are 0 where there are none."""

    source: bytes
    source_port: int
    target: bytes
    target_port: int
    proto: int
    """IP protocol number."""


@dataclass(frozen=True, slots=True)
class Glance:
    """One frame in the columns in which Wireshark lists it; a part is empty when the frame does not tell it."""

    source: str
    target: str
    protocol: str
    info: str


def find_ends(frame: RawFrame) -> Ends | None:
    """The ends of a frame's innermost packet; None without an IP packet."""
    return _ends(_scan(frame))


def find_tunnels(frame: RawFrame) -> list[tuple[bytes, bytes]]:
    """Sender and receiver of the packet around the innermost one, where a tunnel was taken off; packed addresses."""
    return [(pair.source, pair.target) for pair in _scan(frame).outer_pairs]


def glance(frame: RawFrame) -> Glance:
    """What a frame is, at one look."""
    found = _scan(frame)
    ends = _ends(found)
    if ends is None:
        return _glance_at_link(frame, found)
    name = _PROTOCOLS.get(ends.proto, f"IP protocol {ends.proto}")
    return Glance(ip_text(ends.source), ip_text(ends.target), name, _say_packet(ends, found.rows[:1]))


def _scan(frame: RawFrame) -> ScanResult:
    scanner = Scanner(bounds=_FEW)
    scanner.feed(make_batch(frame))
    result: ScanResult = scanner.result()
    return result


def make_batch(frame: RawFrame) -> FrameBatch:
    """The frame as a batch of one."""
    return FrameBatch(
        data=memoryview(frame.data),
        first_frame=frame.number,
        offset=memoryview(array("q", [0])),
        captured=memoryview(array("I", [len(frame.data)])),
        wire=memoryview(array("I", [min(frame.wire, 0xFFFFFFFF)])),
        time_ns=memoryview(array("q", [frame.time_ns])),
        link=memoryview(array("H", [frame.link])),
    )


def _ends(found: ScanResult) -> Ends | None:
    if not len(found.flows):
        return None
    flow = found.flows[0]
    family = int(flow["family"])
    return Ends(
        packed_address(family, int(flow["a_hi"]), int(flow["a_lo"])),
        int(flow["a_port"]),
        packed_address(family, int(flow["b_hi"]), int(flow["b_lo"])),
        int(flow["b_port"]),
        int(flow["proto"]),
    )


def _say_packet(ends: Ends, rows: Table) -> str:
    ports = f"port {ends.source_port} to port {ends.target_port}" if ends.source_port or ends.target_port else ""
    if not len(rows):
        return ports
    row = rows[0]
    flags = " ".join(name for bit, name in _FLAGS if int(row["flags"]) & bit) if ends.proto == TCP else ""
    part = "part of a datagram in fragments" if int(row["fragment"]) else ""
    return ", ".join(words for words in (ports, flags, part, f"{int(row['payload_len'])} bytes of payload") if words)


def _glance_at_link(frame: RawFrame, found: ScanResult) -> Glance:
    """A frame without an IP packet: ARP, or what the link layer shows."""
    if len(found.arps):
        arp = found.arps[0]
        sender, target = (ip_text(int(arp[name]).to_bytes(4, "big")) for name in ("sender_ip", "target_ip"))
        said = (
            f"who has {target}? tell {sender}" if int(arp["op"]) == 1 else f"{sender} is at {_mac(arp['sender_mac'])}"
        )
        return Glance(_mac(arp["smac"]), _mac(arp["dmac"]), "ARP", said)
    macs = [_mac(found.pairs[0][name]) for name in ("smac", "dmac")] if len(found.pairs) else ["", ""]
    return Glance(macs[0], macs[1], name_of(frame.link), f"{len(frame.data)} bytes without an IP packet")


def _mac(value: int) -> str:
    return mac_text(int(value).to_bytes(8, "big")[2:]) if int(value) else ""
