"""Captures of one thing again and again: what a scanner, a fault or an enemy puts on the wire without end.

Each flood is a function from a number to that many units; times are a quarter of a second apart.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from tests.scan.material import DEVICE, GATEWAY, A, B, eth, ip4, tag, tcp, udp

NAME = b"gk.sensorist.com"
"""A name that makes a host a device of ours."""
ALL = b"\xff" * 6
SYN, RST, ACK, PUSH = 2, 4, 16, 24
LL = bytes.fromhex("fe80000000000000")
STEP_NS = 250_000_000
START_NS = 1_700_000_000_000_000_000

Frames = list[bytes]
Flood = Callable[[int], Frames]


def timed(frames: Frames) -> Iterator[tuple[int, bytes, int]]:
    """The frames as an audit takes them."""
    return ((START_NS + number * STEP_NS, frame, len(frame)) for number, frame in enumerate(frames))


def mac(number: int) -> bytes:
    return b"\x02\0" + struct.pack(">I", number)


def ip(number: int) -> bytes:
    return struct.pack(">I", 0x0A000000 + number)


RESOLVER = ip(254)


def question(ident: int, name: bytes = NAME) -> bytes:
    labels = b"".join(bytes([len(label)]) + label for label in name.split(b"."))
    return struct.pack(">6H", ident, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)


def answer(ident: int, *addresses: bytes, rcode: int = 0) -> bytes:
    head = struct.pack(">6H", ident, 0x8180 | rcode, 1, len(addresses), 0, 0)
    records = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + address for address in addresses)
    return head + question(ident)[12:] + records


def ask(number: int, name: bytes = NAME, *, who: int | None = None, whom: bytes = RESOLVER) -> bytes:
    src, smac = (A, DEVICE) if who is None else (ip(who + 1), mac(who))
    return eth(ip4(udp(question(number, name), sport=1024 + number, dport=53), src=src, dst=whom), src=smac)


def reply(number: int, *addresses: bytes, rcode: int = 0) -> bytes:
    message = udp(answer(number, *addresses, rcode=rcode), sport=53, dport=1024 + number)
    return eth(ip4(message, src=RESOLVER, dst=A), src=GATEWAY, dst=DEVICE)


def out(flags: int, sport: int, *, dst: bytes = B, dport: int = 4321, payload: bytes = b"", seq: int = 1) -> bytes:
    return eth(ip4(tcp(flags, payload, seq=seq, sport=sport, dport=dport), 6, dst=dst))


def back(flags: int, sport: int, *, dport: int = 4321, payload: bytes = b"", smac: bytes = GATEWAY) -> bytes:
    segment = tcp(flags, payload, ack=2, sport=dport, dport=sport)
    return eth(ip4(segment, 6, src=B, dst=A), src=smac, dst=DEVICE)


def talk(number: int, said: bytes, heard: bytes, port: int = 80) -> Frames:
    sport = 1024 + number
    return [
        out(SYN, sport, dport=port),
        back(SYN | ACK, sport, dport=port),
        out(PUSH, sport, dport=port, payload=said, seq=2),
        back(PUSH, sport, dport=port, payload=heard),
    ]


def arp(op: int, smac: bytes, sender: bytes, tmac: bytes, target: bytes) -> bytes:
    body = struct.pack(">HHBBH", 1, 0x800, 6, 4, op) + smac + sender + tmac + target
    return eth(body, 0x0806, src=smac, dst=ALL if op == 1 else tmac)


def dhcp(kind: int, client: bytes = DEVICE, *, server: bytes | None = None, given: bytes = bytes(4)) -> bytes:
    """A client's message, or one of a server with an address."""
    op, src = (1, bytes(4)) if server is None else (2, server)
    head = struct.pack(">BBBBIHH", op, 1, 6, 0, 7, 0, 0x8000) + bytes(4) + given + src + bytes(4) + client + bytes(202)
    options = bytes((53, 1, kind)) + (b"\x36\4" + src + b"\1\4\xff\xff\xff\0\x33\4\0\0\x0e\x10" if server else b"")
    ports = (68, 67) if server is None else (67, 68)
    datagram = udp(head + b"\x63\x82\x53\x63" + options + b"\xff", sport=ports[0], dport=ports[1])
    smac = client if server is None else mac(int.from_bytes(server, "big"))
    return eth(ip4(datagram, src=src, dst=b"\xff" * 4), src=smac, dst=ALL if server is None else client)


def icmp6(body: bytes, number: int, smac: bytes | None = None) -> bytes:
    head = struct.pack(">IHBB", 0x60000000, len(body), 58, 255) + LL + struct.pack(">Q", number + 1)
    return eth(head + LL + struct.pack(">Q", 9) + body, 0x86DD, src=smac or mac(number))


def quote(number: int, kind: int, code: int, who: bytes = RESOLVER) -> bytes:
    """An ICMP error about one of the device's SYNs."""
    about = ip4(tcp(SYN, sport=1024 + number, dport=4321), 6)[:28]
    return eth(ip4(bytes((kind, code)) + bytes(6) + about, 1, src=who, dst=A), src=GATEWAY, dst=DEVICE)


def _known(units: Callable[[int], Frames]) -> Flood:
    """The units, after the device has asked for a name that makes it one of ours, and was answered."""
    return lambda count: [ask(0), reply(0, B), *(frame for number in range(count) for frame in units(number))]


def _only(units: Callable[[int], Frames]) -> Flood:
    return lambda count: [frame for number in range(count) for frame in units(number)]


FLOODS: dict[str, Flood] = {
    "SYNs to one server": _known(lambda n: [out(SYN, 1024 + n)]),
    "SYNs to many servers": _known(lambda n: [out(SYN, 1024, dst=ip(1000 + n))]),
    "SYNs to many servers, each repeated": _known(lambda n: [out(SYN, 1024, dst=ip(1000 + n))] * 3),
    "SYNs to every address of a name": _only(
        lambda n: [ask(n), reply(n, ip(5000 + n)), *[out(SYN, 9, dst=ip(5000 + n))] * 3]
    ),
    "refused connections": _known(lambda n: [out(SYN, 1024 + n), back(RST | ACK, 1024 + n)]),
    "connections reset after data": _known(lambda n: [*talk(n, b"hello", b"ok", 4321), back(RST, 1024 + n)]),
    "one port used again and again": _known(lambda n: [out(SYN, 1024, seq=100_000 * n)]),
    "one segment again and again": _known(lambda _n: [out(PUSH, 1024, payload=b"hello", seq=7)]),
    "redirected pages": _known(
        lambda n: talk(n, b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n")
    ),
    "TLS alerts": _known(lambda n: talk(n, b"\x16\3\1\0\4\1\0\0\0", b"\x15\3\3\0\2\2\x28", 443)),
    "questions for one name": _known(lambda n: [ask(n)]),
    "questions for many names": _known(lambda n: [ask(n, b"n%d.example.com" % n)]),
    "questions to many resolvers": _known(lambda n: [ask(1, whom=ip(2000 + n))]),
    "names that do not exist": _only(lambda n: [ask(n), reply(n, rcode=3)]),
    "answers with many addresses": _only(lambda n: [ask(n), reply(n, *(ip(5000 + 16 * n + k) for k in range(16)))]),
    "ARP requests for many addresses": _known(lambda n: [arp(1, DEVICE, A, bytes(6), ip(n))]),
    "many that claim one address": _known(lambda n: [arp(2, mac(n), RESOLVER, DEVICE, A)]),
    "one that claims many addresses": _known(lambda n: [arp(1, DEVICE, ip(n), bytes(6), RESOLVER)]),
    "many that ask for one gateway": _only(lambda n: [arp(1, mac(n), ip(n), bytes(6), RESOLVER)] * 3),
    "probes that are answered": _known(
        lambda n: [arp(1, DEVICE, bytes(4), bytes(6), ip(n)), arp(2, mac(n), ip(n), DEVICE, bytes(4))]
    ),
    "many that ask for an address": _only(lambda n: [dhcp(1, mac(n))]),
    "many that offer an address": _known(lambda n: [dhcp(1), dhcp(2, server=ip(300 + n), given=ip(900 + n))]),
    "one that gets many addresses": _known(lambda n: [dhcp(3), dhcp(5, server=RESOLVER, given=ip(900 + n))]),
    "many that advertise as routers": _known(
        lambda n: [icmp6(b"\x86\0\0\0\x40\0\7\x08" + bytes(8) + b"\1\1" + mac(n), n)]
    ),
    "many that claim one IPv6 address": _known(
        lambda n: [icmp6(b"\x88\0\0\0\x60\0\0\0" + LL + bytes(7) + b"\5\2\1" + mac(n), 4, smac=mac(n))]
    ),
    "ICMP errors": _known(lambda n: [out(SYN, 1024 + n), quote(n, 3, 1)]),
    "ICMP errors of many routers": _known(lambda n: [quote(n, 11, 0, ip(1000 + n))]),
    "fragments without a rest": _known(lambda n: [eth(ip4(bytes(64), ident=n, part=0x2000))]),
    "one address from many MACs": _known(lambda n: [eth(ip4(udp(b"x")), src=mac(n))]),
    "many VLANs": _known(lambda n: [eth(tag(n % 4000 + 1, ip4(udp(b"x"), src=ip(n))), 0x8100, src=mac(n))]),
    "answers by way of many MACs": _known(lambda n: [out(SYN, 1024 + n), back(SYN | ACK, 1024 + n, smac=mac(n))]),
    "devices of ours": _only(lambda n: [ask(1, who=n)]),
}
