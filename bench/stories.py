"""Conversations as rows of frames; generate.py makes thousands of flows of each.

A frame of a story is its time after the flow's start, its direction, TCP flags (None for UDP) and payload.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
OUT, BACK = True, False


@dataclass(frozen=True, slots=True)
class Step:
    """One frame of a story; ``after_s`` counts from the start of the flow."""

    after_s: float
    is_out: bool
    flags: int | None
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Story:
    """One kind of conversation, the server's port, and how many of a hundred flows tell it."""

    name: str
    port: int
    share: float
    steps: tuple[Step, ...]


def opening(payload: bytes) -> tuple[Step, ...]:
    """A TCP handshake and the client's first words."""
    return (
        Step(0.0, OUT, SYN),
        Step(0.031, BACK, SYN | ACK),
        Step(0.0311, OUT, ACK),
        Step(0.032, OUT, PSH | ACK, payload),
        Step(0.063, BACK, ACK),
    )


def exchange(start_s: float, rounds: int, ask: int, answer: int) -> tuple[Step, ...]:
    """Questions and answers over an open connection, every second."""
    steps: list[Step] = []
    for number in range(rounds):
        at = start_s + number
        steps += [
            Step(at, OUT, PSH | ACK, bytes(ask)),
            Step(at + 0.03, BACK, PSH | ACK, bytes(answer)),
            Step(at + 0.0301, OUT, ACK),
        ]
    return tuple(steps)


def closing(at: float) -> tuple[Step, ...]:
    """Both sides say FIN."""
    return (Step(at, OUT, FIN | ACK), Step(at + 0.03, BACK, FIN | ACK), Step(at + 0.0301, OUT, ACK))


def session(name: str, port: int, share: float, hello: bytes, rounds: int, answer: int) -> Story:
    """A connection from SYN to FIN."""
    end = 1.0 + rounds
    return Story(name, port, share, (*opening(hello), *exchange(0.5, rounds, 90, answer), *closing(end)))


def client_hello(name: str) -> bytes:
    """A TLS 1.2 ClientHello that asks for a name (RFC 8446, 4.1.2; RFC 6066, 3)."""
    host = name.encode()
    sni = struct.pack(">HHHBH", 0, len(host) + 5, len(host) + 3, 0, len(host)) + host
    body = (
        b"\x03\x03"
        + bytes(32)
        + b"\x00"
        + b"\x00\x04\xc0\x2f\x00\x9c"
        + b"\x01\x00"
        + struct.pack(">H", len(sni))
        + sni
    )
    handshake = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack(">H", len(handshake)) + handshake


def dns(name: str, *, is_answer: bool) -> bytes:
    """A question for an address, or the answer with one (RFC 1035, 4.1)."""
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\x00\x00\x01\x00\x01"
    header = struct.pack(">6H", 0x4242, 0x8180 if is_answer else 0x0100, 1, int(is_answer), 0, 0)
    record = struct.pack(">HHHIH", 0xC00C, 1, 1, 300, 4) + bytes([54, 229, 203, 190]) if is_answer else b""
    return header + question + record


NAME = "gk.sensorist.com"
SITE: tuple[Story, ...] = (
    session("https", 443, 34.0, client_hello("www.alsoenergy.com"), 20, 1200),
    session("gateway", 4321, 12.0, bytes(46), 30, 300),
    session("database", 5432, 6.0, bytes([0, 0, 0, 8, 4, 210, 22, 47]), 12, 800),
    Story("silent", 4321, 7.0, tuple(Step(t, OUT, SYN) for t in (0.0, 1.0, 3.0, 7.0))),
    Story("refused", 443, 2.0, (Step(0.0, OUT, SYN), Step(0.02, BACK, RST | ACK))),
    Story(
        "lookup",
        53,
        27.0,
        (Step(0.0, OUT, None, dns(NAME, is_answer=False)), Step(0.01, BACK, None, dns(NAME, is_answer=True))),
    ),
    Story(
        "lost lookup",
        53,
        2.0,
        (Step(0.0, OUT, None, dns(NAME, is_answer=False)), Step(5.0, OUT, None, dns(NAME, is_answer=False))),
    ),
    Story("walk", 8844, 6.0, (Step(0.0, OUT, None, bytes(64)), Step(0.04, BACK, None, bytes(40)))),
    Story(
        "time", 123, 4.0, (Step(0.0, OUT, None, b"\x23" + bytes(47)), Step(0.03, BACK, None, b"\x24\x02" + bytes(46)))
    ),
)
"""What a mirror port before some hundred gateways sees."""

BULK: tuple[Story, ...] = (
    Story(
        "download",
        443,
        100.0,
        (*opening(client_hello(NAME)), *(Step(0.1 + 0.001 * n, BACK, ACK, bytes(1365)) for n in range(480))),
    ),
)
"""Frames of full size in few flows."""


def frames_a_flow(stories: tuple[Story, ...]) -> float:
    """Frames that a flow has in the mean, by the stories' shares."""
    return sum(s.share * len(s.steps) for s in stories) / sum(s.share for s in stories)
