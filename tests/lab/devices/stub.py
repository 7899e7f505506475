"""A stub resolver whose habits a scenario can set: pace, new ids, EDNS, TCP after a truncated answer."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from tests.lab import dns_codec

_WAIT_S = 5.0
_TRIES = 2


@dataclass(frozen=True, slots=True)
class Stub:
    """How a box asks a name server."""

    wait_s: float = _WAIT_S
    tries: int = _TRIES
    keeps_id: bool = True
    """Repeats carry the id and port of the first, as glibc's do; else each has its own."""
    has_edns: bool = False
    """Ask with EDNS first, and without when nothing came (RFC 6891, section 6.2.2)."""
    knows_tcp: bool = True

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> Self:
        """Take the habits that a scenario's settings name: dns_wait, dns_tries, dns_new_id, edns, no_dns_tcp."""
        return cls(
            wait_s=float(settings.get("dns_wait", _WAIT_S)),
            tries=int(settings.get("dns_tries", _TRIES)),
            keeps_id="dns_new_id" not in settings,
            has_edns="edns" in settings,
            knows_tcp="no_dns_tcp" not in settings,
        )

    def ask(self, server: str, name: str, kind: int = dns_codec.A) -> tuple[str, ...]:
        """Give the IPv4 addresses that a server knows for a name; empty without an answer."""
        answer = self._ask_in_turn(server, name, kind, has_edns=self.has_edns)
        if answer is None and self.has_edns:
            answer = self._ask_in_turn(server, name, kind, has_edns=False)
        return answer or ()

    def _ask_in_turn(self, server: str, name: str, kind: int, *, has_edns: bool) -> tuple[str, ...] | None:
        if not self.keeps_id:
            rounds = (self._ask(server, name, kind, 1, has_edns=has_edns) for _ in range(self.tries))
            return next((answer for answer in rounds if answer is not None), None)
        return self._ask(server, name, kind, self.tries, has_edns=has_edns)

    def _ask(self, server: str, name: str, kind: int, tries: int, *, has_edns: bool) -> tuple[str, ...] | None:
        query_id = random.randrange(65536)
        query = dns_codec.encode_query(query_id, name, kind, has_edns=has_edns)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(self.wait_s)
            for _ in range(tries):
                with contextlib.suppress(OSError):
                    client.sendto(query, (server, 53))
                    answer = client.recv(4096)
                    if dns_codec.is_truncated(answer) and self.knows_tcp:
                        answer = _ask_by_tcp(server, query)
                    addresses = dns_codec.decode_addresses(answer, query_id)
                    if addresses is not None:
                        return addresses
        return None


def _ask_by_tcp(server: str, query: bytes) -> bytes:
    """Ask again over a connection, with the length in front (RFC 1035, section 4.2.2).

    Raises:
        OSError: No connection, or it ended early.
    """
    with socket.create_connection((server, 53), timeout=10) as line:
        line.sendall(struct.pack(">H", len(query)) + query)
        wanted = int.from_bytes(line.recv(2, socket.MSG_WAITALL), "big")
        return line.recv(wanted, socket.MSG_WAITALL)
