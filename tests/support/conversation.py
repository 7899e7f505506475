"""The bookkeeping of a packet script: sequence numbers, ports, IP identifications."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

Endpoint = tuple[bytes, int]
"""Packed address and port."""


@dataclass(slots=True)
class Side:
    """One end of a TCP connection."""

    isn: int
    next: int
    """Sequence number of the next new byte."""
    seen: int = 0
    """What this side acknowledges: the next byte it expects."""
    has_spoken: bool = False
    last: tuple[int, int, bytes] | None = None
    """Sequence number, flags and payload of the last segment that occupied sequence space."""
    held: list[tuple[int, int]] = field(default_factory=list)
    """Ranges that arrived above a hole."""

    def receive(self, seq: int, size: int) -> None:
        """Note that ``size`` bytes from ``seq`` on arrived, perhaps above a hole."""
        self.held.append((seq, seq + size))
        for left, right in sorted(self.held):
            if left <= self.seen:
                self.seen = max(self.seen, right)
        self.held = [span for span in self.held if span[1] > self.seen]


class Connection:
    """Both ends of one TCP connection; ``opener`` sent the first segment of it."""

    def __init__(self, opener: Endpoint, responder: Endpoint, *, seed: str, has_handshake: bool) -> None:
        self.opener, self.responder = opener, responder
        self.sides = {end: _new_side(end, other, seed) for end, other in ((opener, responder), (responder, opener))}
        self.notes: dict[str, str] = {}
        """What a dialogue must remember, such as the key of a websocket."""
        if not has_handshake:
            self._pretend_handshake()

    def _pretend_handshake(self) -> None:
        for end in (self.opener, self.responder):
            side = self.sides[end]
            side.next, side.has_spoken = side.isn + 1, True
            self.sides[self.other(end)].seen = side.isn + 1

    def other(self, end: Endpoint) -> Endpoint:
        """Give the far end of ``end``."""
        return self.responder if end == self.opener else self.opener


def _new_side(end: Endpoint, other: Endpoint, seed: str) -> Side:
    # Kept in the lower half so that no script wraps by accident; seq= can still ask for a wrap.
    isn = zlib.crc32(repr((end, other, seed)).encode()) & 0x7FFFFFFF
    return Side(isn, isn)


class Ports:
    """Ephemeral ports, and the latest pair of ports between two hosts.

    A line may leave the near port out: then it belongs to the latest conversation with that far
    port, and a new conversation takes the next free port.
    """

    def __init__(self) -> None:
        self._next: dict[tuple[int, bytes], int] = {}
        self._latest: dict[tuple[object, ...], tuple[int, int]] = {}

    def remember(self, proto: int, src: Endpoint, dst: Endpoint) -> None:
        """Note that a packet went from ``src`` to ``dst``."""
        for (near, near_port), (far, far_port) in ((src, dst), (dst, src)):
            ports = (near_port, far_port)
            for key in ((near_port, far_port), (None, far_port), (near_port, None), (None, None)):
                self._latest[(proto, near, far, *key)] = ports

    def find(self, proto: int, src: tuple[bytes, int | None], dst: tuple[bytes, int | None]) -> tuple[int, int] | None:
        """Give both ports of the latest conversation that fits; None when there was none."""
        return self._latest.get((proto, src[0], dst[0], src[1], dst[1]))

    def allocate(self, proto: int, address: bytes) -> int:
        """Give the host's next free ephemeral port (RFC 6335: 49152 and up)."""
        port = self._next.get((proto, address), 49152 + zlib.crc32(address) % 1000)
        self._next[(proto, address)] = port + 1
        return port


class Identifications:
    """IPv4 identifications: every host counts its own packets, never through 0."""

    def __init__(self) -> None:
        self._last: dict[bytes, int] = {}

    def allocate(self, address: bytes) -> int:
        """Give the next identification of a sender."""
        last = self._last.get(address, zlib.crc32(address) % 50_000)
        value = last % 65_535 + 1
        self._last[address] = value
        return value
