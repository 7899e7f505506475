"""The little of DNS that both the lab's server and its stub resolvers need (RFC 1035, 2308, 6891)."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

A, SOA, AAAA, OPT, HTTPS = 1, 6, 28, 41, 65
NOERROR, NXDOMAIN = 0, 3


@dataclass(frozen=True, slots=True)
class Question:
    """What a query asks; ``raw`` are the question's bytes, letter case included."""

    id: int
    name: str
    """Lower case, without the last dot."""
    kind: int
    raw: bytes
    has_edns: bool


def encode_name(name: str) -> bytes:
    """Give a name as length-prefixed labels, letter case kept."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def encode_query(query_id: int, name: str, kind: int, *, has_edns: bool = False) -> bytes:
    """Give a recursive query for one name, with EDNS if it is wanted."""
    head = struct.pack(">6H", query_id, 0x0100, 1, 0, 0, int(has_edns))
    options = struct.pack(">BHHIH", 0, OPT, 1232, 0, 0) if has_edns else b""
    return head + encode_name(name) + struct.pack(">HH", kind, 1) + options


def is_truncated(answer: bytes) -> bool:
    """Say whether the server asks to be asked again over TCP (RFC 1035, section 4.1.1)."""
    return len(answer) > 2 and bool(answer[2] & 2)


def decode_question(query: bytes) -> Question:
    """Read the first question of a query.

    Raises:
        ValueError: The bytes end too early.
    """
    try:
        end = _skip_name(query, 12)
        kind, _ = struct.unpack_from(">HH", query, end)
        query_id, _, _, _, _, additional = struct.unpack_from(">6H", query)
    except (struct.error, IndexError) as error:
        raise ValueError("query too short") from error
    labels = _labels(query[12:end])
    return Question(query_id, ".".join(labels).lower(), kind, query[12 : end + 4], additional > 0)


def encode_answer(asked: Question, rcode: int, addresses: tuple[str, ...], zone: str, ttl_s: int) -> bytes:
    """Give the answer to a question.

    Without an address the authority section holds the zone's SOA, as a genuine "no such
    name" or "no such type" does (RFC 2308, section 2).
    """
    answers = b"".join(
        struct.pack(">HHHIH", 0xC00C, A, 1, ttl_s, 4) + socket.inet_aton(address) for address in addresses
    )
    authority = b"" if addresses else _soa(zone)
    additional = struct.pack(">BHHIH", 0, OPT, 1232, 0, 0) if asked.has_edns else b""
    counts = (1, len(addresses), int(not addresses), int(asked.has_edns))
    head = struct.pack(">6H", asked.id, 0x8180 | rcode, *counts)
    return head + asked.raw + answers + authority + additional


def decode_addresses(answer: bytes, query_id: int) -> tuple[str, ...] | None:
    """Give the IPv4 addresses of an answer; None when it belongs to another query."""
    if len(answer) < 12 or struct.unpack_from(">H", answer)[0] != query_id:
        return None
    count = struct.unpack_from(">H", answer, 6)[0]
    if not count:
        # A refusal may lack even the question (RFC 8906, section 3.1.1 complains of it).
        return ()
    at = _skip_name(answer, 12) + 4
    found = []
    for _ in range(count):
        at = _skip_name(answer, at)
        kind, _, _, length = struct.unpack_from(">HHIH", answer, at)
        if kind == A:
            found.append(socket.inet_ntoa(answer[at + 10 : at + 14]))
        at += 10 + length
    return tuple(found)


def _soa(zone: str) -> bytes:
    owner = encode_name(zone)
    numbers = struct.pack(">5I", 2026010101, 7200, 900, 1209600, 60)
    data = encode_name(f"ns1.{zone}") + encode_name(f"hostmaster.{zone}") + numbers
    return owner + struct.pack(">HHIH", SOA, 1, 60, len(data)) + data


def _skip_name(message: bytes, at: int) -> int:
    while message[at]:
        if message[at] >= 0xC0:
            return at + 2
        at += message[at] + 1
    return at + 1


def _labels(raw: bytes) -> list[str]:
    labels, at = [], 0
    while raw[at]:
        labels.append(raw[at + 1 : at + 1 + raw[at]].decode("latin-1"))
        at += raw[at] + 1
    return labels
