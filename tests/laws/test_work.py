"""Work grows with the bytes and no faster, also for bytes that were laid out to make it grow.

Each input is one unit again and again. Four times as many units may take four times the work, and a little for what is
done once; a loop in a loop would take sixteen times.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import partial

import pytest

from pcapaudit.dissect import conversation
from pcapaudit.flows.fragments import Fragment, Joiner
from pcapaudit.flows.streams import Segment, assemble
from pcapaudit.model.events import Packet
from pcapaudit.scan.columns import Kind
from tests.dissect.tls_material import client_hello, extension, message, record
from tests.fuzz.targets import conversations, messages
from tests.support.work import Work, measure

UNITS = 200
GROWTH = 5.0

DNS_HEADER = struct.pack("!6H", 1, 0x8180, 1, 0xFFFF, 0, 0)
POINTERS = b"".join(struct.pack("!H", 0xC000 | (12 + 2 * n)) for n in range(60))


def _dns(units: int) -> bytes:
    """A chain of pointers, and records whose names all begin at its end."""
    chain = b"\0\0" + POINTERS
    name = struct.pack("!H", 0xC000 | (12 + len(chain) - 2))
    return DNS_HEADER + chain + (name + struct.pack("!HHIH", 16, 1, 0, 1) + b"x") * units


MESSAGES: dict[str, tuple[Kind, Callable[[int], bytes]]] = {
    "DNS names through pointers": (Kind.DNS, _dns),
    "DNS labels without end": (Kind.DNS, lambda n: DNS_HEADER + b"\1a" * n),
    "DHCP options": (Kind.DHCP4, lambda n: bytes(236) + b"\x63\x82\x53\x63" + b"\x0c\1a" * n),
    "DHCP padding": (Kind.DHCP4, lambda n: bytes(236) + b"\x63\x82\x53\x63" + bytes(n)),
    "DHCPv6 options": (Kind.DHCP6, lambda n: b"\1abc" + b"\0\6\0\1x" * n),
    "DHCPv6 relays in relays": (Kind.DHCP6, lambda n: (b"\x0c\0" + bytes(32) + b"\0\x09\xff\xff") * n),
    "ICMPv6 options": (Kind.ICMP6, lambda n: b"\x86\0\0\0" + bytes(12) + b"\x05\1\0\0\0\0\5\0" * n),
    "IPv6 headers in a quoted packet": (
        Kind.ICMP6,
        lambda n: b"\1\0\0\0\0\0\0\0`\0\0\0\xff\xff\0@" + bytes(32 + 8 * n),
    ),
    "LLDP fields": (Kind.LLDP, lambda n: b"\x0a\1x" * n),
    "CDP fields": (Kind.CDP, lambda n: b"\2\xb4\0\0" + b"\0\1\0\5x" * n),
    "CDP addresses": (Kind.CDP, lambda n: b"\2\xb4\0\0\0\2\xff\xff\xff\xff\xff\xff" + b"\1\1\xcc\0\4aaaa" * n),
}

HELLO = record(22, client_hello())
OK = b"HTTP/1.1 200 OK\r\n"

SAID: dict[str, tuple[Callable[[int], bytes], Callable[[int], bytes], int]] = {
    "TLS records of one byte": (lambda n: HELLO + record(23, b"x") * n, lambda n: record(23, b"x") * n, 443),
    "a TLS message in records of one byte": (lambda n: b"".join(record(22, bytes([b])) for b in message(1, bytes(n))),
                                             lambda _n: b"", 443),
    "TLS messages without a body": (lambda n: record(22, message(0, b"") * n), lambda _n: b"", 443),
    "TLS extensions": (lambda n: record(22, client_hello(*[extension(21, b"")] * n)), lambda _n: b"", 443),
    "TLS alerts": (lambda n: HELLO + record(21, b"\1\0") * n, lambda _n: b"", 443),
    "HTTP header lines": (lambda n: b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * n, lambda _n: b"", 80),
    "HTTP requests, one behind the other": (lambda n: b"GET / HTTP/1.1\r\n\r\n" * n, lambda _n: OK + b"\r\n", 80),
    "HTTP answers without a body": (lambda n: b"GET / HTTP/1.1\r\n\r\n" * n,
                                    lambda n: (OK + b"Content-Length: 0\r\n\r\n") * n, 80),
    "HTTP chunks of one byte": (lambda _n: b"GET / HTTP/1.1\r\n\r\n",
                                lambda n: OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * n, 80),
    "HTTP continues": (lambda _n: b"POST / HTTP/1.1\r\n\r\n", lambda n: b"HTTP/1.1 100 Continue\r\n\r\n" * n, 80),
    "HTTP tunnels in tunnels": (lambda n: b"CONNECT a:443 HTTP/1.1\r\n\r\n" * n, lambda n: (OK + b"\r\n") * n, 3128),
    "WebSocket frames": (
        lambda n: b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n" + b"\x8a\x80abcd" * n,
        lambda n: b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n" + b"\x89\0" * n, 80),
    "FTP commands": (lambda n: b"NOOP\r\n" * n, lambda n: b"220 x\r\n" + b"200 x\r\n" * n, 21),
    "an FTP answer that goes on": (lambda _n: b"NOOP\r\n", lambda n: b"220 x\r\n" + b"211-x\r\n" + b" y\r\n" * n, 21),
    "FTP answers that each begin to go on": (lambda _n: b"NOOP\r\n", lambda n: b"220 x\r\n" + b"211-x\r\n" * n, 21),
    "a line without end": (lambda n: b"USER " + b"x" * n, lambda n: b"220 " + b"x" * n, 21),
    "PostgreSQL messages": (lambda _n: b"\0\0\0\x08\0\3\0\0", lambda n: b"S\0\0\0\4" * n, 5432),
    "DNS messages over TCP": (lambda n: (b"\0\x0c" + bytes(12)) * n, lambda n: (b"\0\x0c" + bytes(12)) * n, 53),
    "empty DNS messages over TCP": (lambda n: b"\0\0" * n, lambda n: b"\0\0" * n, 53),
}  # fmt: skip


def assert_linear(call: Callable[[int], Work], units: int = UNITS) -> None:
    """Four times the units, four times the work."""
    small, large = call(units), call(4 * units)
    assert large.lines <= GROWTH * small.lines + 500
    assert large.copied <= GROWTH * small.copied + 5000


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_costs_no_more_than_its_length(name: str) -> None:
    kind, build = MESSAGES[name]
    number = messages.KINDS.index(kind)

    assert_linear(lambda units: measure(lambda data: messages.dissect(number, data, len(data)), build(units)))


@pytest.mark.parametrize("size", [1, 3, 1400])
@pytest.mark.parametrize("name", SAID)
def test_a_conversation_costs_no_more_than_its_length(name: str, size: int) -> None:
    orig, resp, port = SAID[name]

    def read(units: int) -> Work:
        theirs = conversations.make_stream(resp(units), conversations.B, 2, size, 3)
        # What the originator said is watched; then the two are exchanged, and the responder is.
        ours = conversations.make_stream(orig(units), conversations.A, 1, size, 3)
        work = measure(lambda data: conversation.read(ours._replace(data=data), theirs, port=port), ours.data)
        other = measure(lambda data: conversation.read(ours, theirs._replace(data=data), port=port), theirs.data)
        return Work(work.lines, work.copied + other.copied)

    # Another length for each size of a packet: what was read before may be remembered and cost nothing.
    assert_linear(read, UNITS + size % 10)


def _segments(order: Callable[[int], Iterable[int]], length: int, step: int, units: int) -> Work:
    """Segments at numbers in some order, each of a length, a step apart."""
    found = [
        Segment(Packet(frame, frame, b"a", 1, b"b", 2, 6, payload_len=length, seq=1 + step * number), bytes(length))
        for frame, number in enumerate(order(units))
    ]
    return measure(lambda _data: assemble(found, 0), b"")


@pytest.mark.parametrize(("length", "step"), [(10, 10), (10, 1), (1, 2), (10, 0)])
@pytest.mark.parametrize("order", [range, lambda n: range(n, 0, -1), lambda n: [k * 7 % n for k in range(n)]])
def test_segments_cost_no_more_than_their_number(order: Callable[[int], Iterable[int]], length: int, step: int) -> None:
    assert_linear(partial(_segments, order, length, step))


@pytest.mark.parametrize("has_end", [False, True])
def test_fragments_cost_no_more_than_their_number(has_end: bool) -> None:
    def join(units: int) -> Work:
        joiner = Joiner()
        at = Packet(1, 1, b"a", 1, b"b", 2, 17)
        pieces = [Fragment(at, 7, 8 * (n + 2), not has_end, bytes(8)) for n in range(units)]
        return measure(lambda _data: [joiner.add(piece) for piece in pieces], b"")

    assert_linear(join)
