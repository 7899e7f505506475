"""What mirrors and switches wrap around a frame: tags, tunnels to the collector, cooked headers."""

from __future__ import annotations

import struct
from collections.abc import Callable

from tests.lab.artefacts.tape import SLL2, Frame, Mac, Tape

Wrap = Callable[[Frame], Frame]

_SWITCH, _COLLECTOR = bytes.fromhex("021f77aa0001"), bytes.fromhex("021f77aa0002")
_SWITCH_IP, _COLLECTOR_IP = bytes((192, 0, 2, 11)), bytes((192, 0, 2, 12))
_GRE, _UDP = 47, 17


def inserted(tag: bytes, frame: Frame) -> Frame:
    """Put tags behind the hardware addresses of a frame."""
    return Frame(frame.time_ns, frame.data[:12] + tag + frame.data[12:], frame.wire + len(tag))


def tagged(vlan: int) -> Wrap:
    """Give what adds one 802.1Q tag."""
    return lambda frame: inserted(struct.pack(">HH", 0x8100, vlan), frame)


def double_tagged(frame: Frame) -> Frame:
    """Add an 802.1ad service tag and a customer tag."""
    return inserted(struct.pack(">HHHH", 0x88A8, 200, 0x8100, 36), frame)


def _behind_ip(protocol: int, number: int, payload: bytes, frame: Frame) -> Frame:
    """Carry a payload in an IPv4 packet from the switch to the collector."""
    length = 20 + len(payload)
    head = struct.pack(">BBHHHBBH", 0x45, 0, length, number & 0xFFFF, 0, 255, protocol, 0) + _SWITCH_IP + _COLLECTOR_IP
    head = head[:10] + struct.pack(">H", _checksum(head)) + head[12:]
    data = _COLLECTOR + _SWITCH + b"\x08\x00" + head + payload
    return Frame(frame.time_ns, data, frame.wire + len(data) - len(frame.data))


def _checksum(head: bytes) -> int:
    total: int = sum(struct.unpack(f">{len(head) // 2}H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def erspan(kind: int) -> Wrap:
    """Give what mirrors a frame by ERSPAN of type 1, 2 or 3 (draft-foschiano-erspan, section 4)."""
    count = iter(range(1, 1 << 30))

    def wrap(frame: Frame) -> Frame:
        number = next(count)
        if kind == 1:
            head = struct.pack(">HH", 0, 0x88BE)
        elif kind == 2:
            head = struct.pack(">HHI", 0x1000, 0x88BE, number) + struct.pack(">HHI", 0x1000 | 36, 99, 0)
        else:
            # Time stamps count 100 µs (Gra 0); the frame type is Ethernet (0), an optional subheader is absent.
            ticks = frame.time_ns // 100_000 & 0xFFFFFFFF
            head = struct.pack(">HHI", 0x1000, 0x22EB, number) + struct.pack(">HHIHH", 0x2000 | 36, 99, ticks, 0, 0)
        return _behind_ip(_GRE, number, head + frame.data, frame)

    return wrap


def gre(frame: Frame) -> Frame:
    """Carry a frame as transparent Ethernet over GRE (RFC 1701, protocol 0x6558)."""
    return _behind_ip(_GRE, 7, struct.pack(">HH", 0, 0x6558) + frame.data, frame)


def vxlan(frame: Frame) -> Frame:
    """Carry a frame in VXLAN network 36 (RFC 7348); IPv4 lets the UDP checksum be 0."""
    body = struct.pack(">II", 0x08000000, 36 << 8) + frame.data
    source_port = 49152 + sum(frame.data[:12]) % 16384
    return _behind_ip(_UDP, 7, struct.pack(">HHHH", source_port, 4789, 8 + len(body), 0) + body, frame)


def geneve(frame: Frame) -> Frame:
    """Carry a frame in Geneve network 36 (RFC 8926)."""
    body = struct.pack(">BBHI", 0, 0, 0x6558, 36 << 8) + frame.data
    source_port = 49152 + sum(frame.data[:12]) % 16384
    return _behind_ip(_UDP, 7, struct.pack(">HHHH", source_port, 6081, 8 + len(body), 0) + body, frame)


def cooked(router: Mac) -> Callable[[Tape], Tape]:
    """Give what turns a capture into that of ``tcpdump -i any`` on the router: Linux cooked, version 2.

    The destination's hardware address is not in it.
    """

    def cook(frame: Frame) -> Frame:
        source = frame.data[6:12]
        kind = _direction(frame.data[:6], source, router)
        head = frame.data[12:14] + struct.pack(">HIHBB", 0, 3, 1, kind, 6) + source + b"\0\0"
        return Frame(frame.time_ns, head + frame.data[14:], frame.wire + 6)

    return lambda tape: Tape(tape.each(cook).frames, SLL2)


def _direction(target: Mac, source: Mac, router: Mac) -> int:
    """Packet type as Linux counts: 0 to us, 1 broadcast, 2 multicast, 3 to others, 4 sent by us."""
    if source == router:
        return 4
    if target[0] & 1:
        return 1 if target == b"\xff" * 6 else 2
    return 0 if target == router else 3
