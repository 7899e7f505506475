"""Conversations as rows of frames; generate.py makes thousands of flows of each.

A story has an opening, laps that are told as often as the flow is long, and a closing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
OUT, BACK = True, False
Mark = Literal["ident", "client", "mac"]


@dataclass(frozen=True, slots=True)
class Step:
    """One frame of a story.

    Attributes:
        after_s: Time after the beginning of its part of the story.
        is_out: From the client to the server.
        flags: Of TCP; for ARP the operation.
        payload: First bytes of the payload.
        noise: Bytes without meaning after them.
        marks: Offsets in the payload where something of the flow stands: its number, the client's address or MAC.
    """

    after_s: float
    is_out: bool
    flags: int = 0
    payload: bytes = b""
    noise: int = 0
    marks: tuple[tuple[int, Mark], ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """One kind of conversation.

    Attributes:
        kind: What carries it.
        port: The server's.
        share: How many flows of all tell it, relative to the other stories.
        opening: Its first frames.
        lap: Frames in the middle, told again and again.
        lap_s: Time from lap to lap.
        closing: Its last frames.
        own_port: The client's, where it is always the same.
        site: Which of the names the server has; None for the box on site that is gateway and resolver.
        weight: How many of the frames of all laps are its own, relative to the other stories.
    """

    kind: Literal["tcp", "udp", "arp"]
    port: int
    share: float
    opening: tuple[Step, ...]
    lap: tuple[Step, ...] = ()
    lap_s: float = 0.0
    closing: tuple[Step, ...] = ()
    own_port: int | None = None
    site: int | None = None
    weight: float = 0.0

    @property
    def steps(self) -> tuple[Step, ...]:
        """All three parts, one lap."""
        return self.opening + self.lap + self.closing


NAMES = (
    "appservice-01.connect.key2act.io",
    "www.alsoenergy.com",
    "gk.sensorist.com",
    "websocket.skalacontrol.com",
    "pool.ntp.org",
    "smaftpdm.alsoenergy.com",
)
OPENING_S = 0.2
"""Every opening is over by then."""


def server_address(site: int, number: int) -> int:
    """One of the four IPv4 addresses that a name has, as a number."""
    return 0x36E5_0001 + (site << 8) + number % 4


# --- what is said ----------------------------------------------------------------------------------


def client_hello(name: str) -> bytes:
    """A TLS 1.2 ClientHello that asks for a name (RFC 8446, 4.1.2; RFC 6066, 3)."""
    host = name.encode()
    sni = struct.pack(">HHHBH", 0, len(host) + 5, len(host) + 3, 0, len(host)) + host
    suites = struct.pack(">7H", 12, 0xC02F, 0xC030, 0xC02B, 0xC02C, 0x009C, 0x009D)
    body = b"\x03\x03" + bytes(range(32)) + b"\x00" + suites + b"\x01\x00" + struct.pack(">H", len(sni)) + sni
    handshake = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack(">H", len(handshake)) + handshake


def dns(site: int, answer: Literal["none", "addresses", "no such name"]) -> bytes:
    """A question for a name's addresses, or an answer to it (RFC 1035, 4.1)."""
    question = b"".join(bytes([len(p)]) + p.encode() for p in NAMES[site].split(".")) + b"\x00\x00\x01\x00\x01"
    flags = {"none": 0x0100, "addresses": 0x8180, "no such name": 0x8183}[answer]
    addresses = [server_address(site, number) for number in range(4)] if answer == "addresses" else []
    records = [struct.pack(">HHHIHI", 0xC00C, 1, 1, 300, 4, address) for address in addresses]
    return struct.pack(">6H", 0, flags, 1, len(records), 0, 0) + question + b"".join(records)


def dhcp(kind: int, *, is_answer: bool) -> bytes:
    """A client's renewal or its answer, without addresses (RFC 2131, section 2; RFC 2132)."""
    fixed = struct.pack(">4B", 2 if is_answer else 1, 1, 6, 0) + bytes(232)
    lease = b"\x33\x04\x00\x00\x0e\x10\x36\x04\x0a\x14\xfe\x01" if is_answer else b"\x0c\x07gateway"
    return fixed + b"\x63\x82\x53\x63\x35\x01" + bytes([kind]) + lease + b"\xff" + bytes(40)


def wrap(port: int, size: int) -> bytes:
    """The first bytes of so much data, so that what a port's dissector sees is whole."""
    if port == 443:
        return struct.pack(">BHH", 23, 0x0303, size - 5)
    if port == 5432:
        return struct.pack(">cI", b"d", size - 1)
    if port in {21, 80, 57000}:
        return b"#" * (size - 2) + b"\r\n"
    return b"box1"


# --- stories ---------------------------------------------------------------------------------------

_ASKED = (32, 0, 110, 0, 70, 0, 160, 0, 210)
_TOLD = (1040, 0, 250, 1400, 760)
_TURNS = (OUT, BACK, OUT, OUT, BACK, BACK, OUT, OUT, BACK, OUT, OUT, BACK, OUT, OUT)
"""A lap has 5 bare ACKs, 6 small and 3 large payloads: with headers its frames are 350 bytes in the mean."""
_HANDSHAKE = (Step(0.0, OUT, SYN), Step(0.031, BACK, SYN | ACK), Step(0.0311, OUT, ACK))
_ENDINGS: tuple[tuple[float, tuple[Step, ...]], ...] = (
    (0.8, (Step(0.01, OUT, FIN | ACK), Step(0.02, BACK, FIN | ACK), Step(0.021, OUT, ACK))),
    (0.1, (Step(0.01, BACK, RST | ACK),)),
    (0.1, ()),
)


def _data(after_s: float, port: int, size: int, *, is_out: bool) -> Step:
    said = wrap(port, size) if size else b""
    return Step(after_s, is_out, PSH | ACK if size else ACK, said, size - len(said))


def _sessions(port: int, site: int, share: float) -> Iterator[Story]:
    """A connection that is opened, used and ended in one of three ways."""
    hello = (Step(0.032, OUT, PSH | ACK, client_hello(NAMES[site])),) if port == 443 else ()
    asked, told = iter(_ASKED), iter(_TOLD)
    lap = tuple(
        _data(0.02 * n, port, next(asked if is_out else told), is_out=is_out) for n, is_out in enumerate(_TURNS)
    )
    for part, ending in _ENDINGS:
        own = share * part
        yield Story("tcp", port, own, _HANDSHAKE + hello, lap, 6.0, ending, site=site, weight=own)


def _lookups(site: int, share: float) -> Iterator[Story]:
    """A DNS lookup that is answered, denied, or asked again in vain."""
    ask = Step(0.0, OUT, 0, dns(site, "none"), marks=((0, "ident"),))
    told = Step(0.012, BACK, 0, dns(site, "addresses"), marks=((0, "ident"),))
    denied = Step(0.012, BACK, 0, dns(site, "no such name"), marks=((0, "ident"),))
    yield Story("udp", 53, share * 0.9, (ask, told))
    yield Story("udp", 53, share * 0.05, (ask, denied))
    yield Story("udp", 53, share * 0.05, (ask,), closing=(Step(5.0, OUT, 0, ask.payload, marks=ask.marks),))


def _tell_site() -> Iterator[Story]:
    for site in range(len(NAMES)):
        yield from _sessions(443, site, 16.7 / len(NAMES))
        yield from _lookups(site, 25.0 / len(NAMES))
    for port, site in ((4321, 2), (57000, 3), (9001, 3), (21, 5), (80, 1), (5432, 0)):
        yield from _sessions(port, site, 33.3 / 6)
    for port, site in ((443, 1), (4321, 2), (57000, 3), (9001, 3)):
        for tries in range(1, 5):
            yield Story("tcp", port, 7.0 / 16, _HANDSHAKE[:1], closing=_retries(tries), site=site)
        yield Story("tcp", port, 0.5, (Step(0.0, OUT, SYN), Step(0.02, BACK, RST | ACK)), site=site)
    report = tuple(
        Step(at, way, 0, b"pool", noise) for at, way, noise in ((0.0, OUT, 92), (0.4, OUT, 176), (0.44, BACK, 36))
    )
    yield Story("udp", 8844, 8.0, report[:1], report, 6.0, site=4, weight=10.0)
    clock = (Step(0.0, OUT, 0, b"\x23\x02\x06\xec" + bytes(44)), Step(0.03, BACK, 0, b"\x24\x02\x06\xec" + bytes(44)))
    yield Story("udp", 123, 6.6, clock, own_port=123, site=4)
    yield Story("udp", 123, 0.4, clock[:1], own_port=123, site=4)
    ask = Step(0.0, OUT, 0, dhcp(3, is_answer=False), marks=((4, "ident"), (12, "client"), (28, "mac")))
    told = Step(0.01, BACK, 0, dhcp(5, is_answer=True), marks=((4, "ident"), (16, "client"), (28, "mac")))
    yield Story("udp", 67, 1.0, (ask, told), own_port=68)


def _retries(tries: int) -> tuple[Step, ...]:
    return tuple(Step(2.0**n - 1 - OPENING_S, OUT, SYN) for n in range(1, tries))


@dataclass(frozen=True, slots=True)
class Mix:
    """What a capture is made of; ``asked`` is the part of its frames that are ARP, beside the flows' own."""

    stories: tuple[Story, ...]
    asked: float


ARP = Story("arp", 0, 0.0, (Step(0.0, OUT, 1), Step(0.001, BACK, 2)))
SITE = Mix(tuple(_tell_site()), asked=0.02)
"""What a mirror port before some hundred gateways sees."""

_DOWNLOAD = (*(Step(0.0004 * n, BACK, ACK, noise=1448) for n in range(16)), Step(0.0064, OUT, ACK))
BULK = Mix(
    (Story("tcp", 443, 1.0, _HANDSHAKE, _DOWNLOAD, 0.0068, _ENDINGS[0][1], site=1, weight=1.0),),
    asked=0.0,
)
"""Frames of full size in few flows."""
