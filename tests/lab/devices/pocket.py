"""A network stack for a microcontroller, in user space: one packet at a time, nothing that Linux does by habit.

No ARP announcement, no TCP options but the segment size, no "don't fragment", a counter as IP identification,
TTL 255, constant time-outs (lwIP does not back off in SYN_SENT), a new transaction id for each DISCOVER with
``secs`` left at 0, a new id and port for each DNS try.
"""

from __future__ import annotations

import itertools
import random
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.lab import dns_codec

_BROADCAST = b"\xff" * 6
_IP, _ARP = b"\x08\x00", b"\x08\x06"
_TCP, _UDP = 6, 17
_FIN, _SYN, _RST, _PSH, _ACK = 1, 2, 4, 8, 16
_COOKIE = bytes.fromhex("63825363")
_TTL = 255
_ARP_S, _DHCP_S, _DNS_S, _SYN_S, _DATA_S = 1.0, 4.0, 2.0, 3.0, 1.5

Datagram = tuple[bytes, int, int, bytes]
"""Source address, source port, own port, payload."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment for this box."""

    src: bytes
    sport: int
    dport: int
    seq: int
    ack: int
    flags: int
    data: bytes


@dataclass(slots=True)
class Pocket:
    """The stack on one interface; every method blocks until it is done or gives up."""

    mac: bytes
    interface: str = "eth0"
    address: bytes = bytes(4)
    mask: int = 0
    router: bytes = bytes(4)
    resolver: bytes = bytes(4)
    neighbours: dict[bytes, bytes] = field(default_factory=dict)
    wire: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0300))
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(random.randrange(1, 9000)))

    def __post_init__(self) -> None:
        self.wire.bind((self.interface, 3))

    def take_lease(self) -> None:
        """Ask for an address until one is given."""
        while not self._ask_for_lease():
            self.sleep(_DHCP_S)

    def resolve(self, name: str, *, tries: int = 4) -> bytes | None:
        """Give one address of a name; None when nobody tells."""
        for _ in range(tries):
            query_id, port = next(self.numbers) & 0xFFFF, random.randrange(49152, 65000)
            self._send_udp(self.resolver, port, 53, dns_codec.encode_query(query_id, name, dns_codec.A))
            answer = self._await_udp(lambda d, port=port: d[1] == 53 and d[2] == port, _DNS_S)  # type: ignore[misc]
            found = dns_codec.decode_addresses(answer[3], query_id) if answer else None
            if found is not None:
                return socket.inet_aton(found[0]) if found else None
        return None

    def exchange(self, server: bytes, port: int, own_port: int, message: bytes, wait_s: float) -> bytes | None:
        """Send a datagram and give the reply; None when none came in time."""
        self._send_udp(server, own_port, port, message)
        reply = self._await_udp(lambda d: (d[0], d[1], d[2]) == (server, port, own_port), wait_s)
        return reply[3] if reply else None

    def connect(self, server: bytes, port: int, *, tries: int) -> Connection | None:
        """Open a TCP connection with SYNs at even intervals; None when it is refused or not answered."""
        line = Connection(self, server, port, random.randrange(49152, 65000), random.randrange(1 << 32))
        return line if line.open(tries) else None

    def sleep(self, seconds: float) -> None:
        """Do nothing but answer the neighbours."""
        self.receive(lambda _: False, seconds)

    def receive(self, wanted: Callable[[bytes], bool], wait_s: float) -> bytes | None:
        """Give the first frame that is wanted, answering ARP meanwhile; None when the time is over."""
        end = time.monotonic() + wait_s
        while (left := end - time.monotonic()) > 0:
            if not select.select((self.wire,), (), (), left)[0]:
                return None
            frame, (_, _, kind, *_) = self.wire.recvfrom(2048)
            if kind == socket.PACKET_OUTGOING or frame[:6] not in (self.mac, _BROADCAST):
                continue
            self._mind_neighbours(frame)
            if wanted(frame):
                return frame
        return None

    def send_ip(self, proto: int, dst: bytes, payload: bytes) -> None:
        """Send one IPv4 packet to the next hop; lost without a word when that does not answer ARP."""
        near = int.from_bytes(dst) & self.mask == int.from_bytes(self.address) & self.mask
        if dst == b"\xff" * 4:
            hop: bytes | None = _BROADCAST
        else:
            hop = self._find(dst if near else self.router)
        if hop is None:
            return
        head = struct.pack(
            ">BBHHHBBH4s4s",
            0x45,
            0,
            20 + len(payload),
            next(self.numbers) & 0xFFFF,
            0,
            _TTL,
            proto,
            0,
            self.address,
            dst,
        )
        head = head[:10] + struct.pack(">H", _checksum(head)) + head[12:]
        self.wire.send((hop + self.mac + _IP + head + payload).ljust(60, b"\0"))

    def _find(self, address: bytes) -> bytes | None:
        for _ in range(3):
            if address in self.neighbours:
                return self.neighbours[address]
            self._send_arp(1, _BROADCAST, bytes(6), address)
            self.receive(lambda _: address in self.neighbours, _ARP_S)
        return self.neighbours.get(address)

    def _send_arp(self, op: int, to: bytes, target_mac: bytes, target: bytes) -> None:
        body = struct.pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, op, self.mac, self.address, target_mac, target)
        self.wire.send((to + self.mac + _ARP + body).ljust(60, b"\0"))

    def _mind_neighbours(self, frame: bytes) -> None:
        if frame[12:14] != _ARP or len(frame) < 42 or self.address == bytes(4):
            return
        op, sender_mac, sender, target = struct.unpack(">6xH6s4s6x4s", frame[14:42])
        if target == self.address:
            self.neighbours[sender] = sender_mac
            if op == 1:
                self._send_arp(2, sender_mac, sender_mac, sender)

    def _send_udp(self, dst: bytes, sport: int, dport: int, data: bytes) -> None:
        # A checksum of 0 says that there is none (RFC 768).
        self.send_ip(_UDP, dst, struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data)

    def _await_udp(self, wanted: Callable[[Datagram], bool], wait_s: float) -> Datagram | None:
        frame = self.receive(lambda frame: (d := _datagram(frame)) is not None and wanted(d), wait_s)
        return _datagram(frame) if frame else None

    def _ask_for_lease(self) -> bool:
        offer = self._dhcp(1, b"", {2})
        if offer is None:
            return False
        server = _options(offer).get(54, bytes(4))
        wish = bytes([50, 4]) + offer[16:20] + bytes([54, 4]) + server
        answer = self._dhcp(3, wish, {5, 6})
        if answer is None or _options(answer).get(53) != b"\x05":
            return False
        options = _options(answer)
        self.address, self.mask = answer[16:20], int.from_bytes(options.get(1, b"\xff" * 4))
        self.router, self.resolver = options.get(3, bytes(4))[:4], options.get(6, bytes(4))[:4]
        return True

    def _dhcp(self, kind: int, more: bytes, wanted: set[int]) -> bytes | None:
        number = random.randrange(1 << 32).to_bytes(4)
        fixed = b"\x01\x01\x06\x00" + number + bytes(20) + self.mac + bytes(10 + 192)
        options = _COOKIE + bytes([53, 1, kind]) + more + bytes([55, 3, 1, 3, 6, 255])
        self._send_udp(b"\xff" * 4, 68, 67, (fixed + options).ljust(300, b"\0"))

        def fits(d: Datagram) -> bool:
            return d[2] == 68 and d[3][4:8] == number and _options(d[3]).get(53, b"\0")[0] in wanted

        answer = self._await_udp(fits, _DHCP_S)
        return answer[3] if answer else None


@dataclass(slots=True)
class Connection:
    """One TCP connection: one segment on the way at a time."""

    stack: Pocket
    server: bytes
    port: int
    own_port: int
    seq: int
    ack: int = 0

    def open(self, tries: int) -> bool:
        """Send SYNs until one is answered; True when the connection stands."""
        for _ in range(tries):
            self._send(_SYN, b"", options=struct.pack(">BBH", 2, 4, 536))
            answer = self._await(lambda s: bool(s.flags & (_SYN | _RST)), _SYN_S)
            if answer is not None and answer.flags & _RST:
                return False
            if answer is not None:
                self.seq, self.ack = (self.seq + 1) % (1 << 32), (answer.seq + 1) % (1 << 32)
                self._send(_ACK, b"")
                return True
        return False

    def ask(self, data: bytes, *, wait_s: float, tries: int = 6) -> bytes | None:
        """Send data, again and again until it is acknowledged, and give the answer; None when the line is dead."""
        answer = self._push(data, tries)
        if answer is None:
            return None
        if not answer.data:
            answer = self._await(lambda s: bool(s.data or s.flags & (_FIN | _RST)), wait_s)
        if answer is None or answer.flags & (_FIN | _RST) or not answer.data:
            return None
        self.ack = (answer.seq + len(answer.data)) % (1 << 32)
        self._send(_ACK, b"")
        return answer.data

    def give_up(self) -> None:
        """Reset the connection."""
        self._send(_RST | _ACK, b"")

    def _push(self, data: bytes, tries: int) -> Segment | None:
        after = (self.seq + len(data)) % (1 << 32)
        for _ in range(tries):
            self._send(_PSH | _ACK, data)
            answer = self._await(lambda s: bool(s.flags & _RST) or s.ack == after, _DATA_S)
            if answer is not None:
                self.seq = after
                return None if answer.flags & _RST else answer
        return None

    def _send(self, flags: int, data: bytes, *, options: bytes = b"") -> None:
        length = (20 + len(options)) // 4 << 4
        head = struct.pack(
            ">HHIIBBHHH", self.own_port, self.port, self.seq, self.ack if flags & _ACK else 0, length, flags, 2144, 0, 0
        )
        body = head + options + data
        pseudo = self.stack.address + self.server + struct.pack(">HH", _TCP, len(body))
        body = body[:16] + struct.pack(">H", _checksum(pseudo + body)) + body[18:]
        self.stack.send_ip(_TCP, self.server, body)

    def _await(self, wanted: Callable[[Segment], bool], wait_s: float) -> Segment | None:
        def fits(frame: bytes) -> bool:
            s = _segment(frame)
            is_mine = s is not None and (s.src, s.sport, s.dport) == (self.server, self.port, self.own_port)
            return is_mine and s is not None and wanted(s)

        frame = self.stack.receive(fits, wait_s)
        return _segment(frame) if frame else None


def _payload(frame: bytes, proto: int) -> tuple[bytes, bytes] | None:
    """Source address and payload of an IPv4 packet of this protocol."""
    if len(frame) < 34 or frame[12:14] != _IP or frame[23] != proto:
        return None
    begin, end = 14 + (frame[14] & 15) * 4, 14 + int.from_bytes(frame[16:18])
    return frame[26:30], frame[begin:end]


def _datagram(frame: bytes) -> Datagram | None:
    found = _payload(frame, _UDP)
    if found is None or len(found[1]) < 8:
        return None
    sport, dport = struct.unpack_from(">HH", found[1])
    return found[0], sport, dport, found[1][8:]


def _segment(frame: bytes) -> Segment | None:
    found = _payload(frame, _TCP)
    if found is None or len(found[1]) < 20:
        return None
    sport, dport, seq, ack, length, flags = struct.unpack_from(">HHIIBB", found[1])
    return Segment(found[0], sport, dport, seq, ack, flags, found[1][(length >> 4) * 4 :])


def _options(message: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 240
    while at + 1 < len(message) and message[at] != 255:
        if message[at]:
            found[message[at]] = message[at + 2 : at + 2 + message[at + 1]]
        at += 2 + message[at + 1] if message[at] else 1
    return found


def _checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
