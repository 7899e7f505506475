"""DNS messages over UDP and TCP (RFC 1035, RFC 6891).

Read by hand: one record type that dpkt does not know (HTTPS, DS, NSEC, CAA ...) aborts its
whole message, and a failure would be missed. Here id, flags and question survive whatever
follows them.
"""

from __future__ import annotations

import re
import struct
from dataclasses import field
from typing import Literal

from pcapaudit.dissect.stream import Stream, in_order
from pcapaudit.model.events import DnsMessage, DnsRecord, Event, Malformed, Packet
from pcapaudit.model.records import dataclass

A, NS, CNAME, SOA, PTR, AAAA, OPT = 1, 2, 5, 6, 12, 28, 41
_NAME_RECORDS = frozenset((NS, CNAME, PTR))
_ADDRESS_SIZE = {A: 4, AAAA: 16}
_EXTENDED_ERROR = 15

MAX_RECORDS = 512
"""Records read of one message; a hostile 64 KiB message cannot make us follow more names."""
MAX_NAME = 255
"""RFC 1035, section 2.3.4: octets of a name."""
MAX_JUMPS = 64
"""Compression pointers followed for one name."""

_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")
_PLAIN = re.compile(rb"[A-Za-z0-9_-]*\Z")
_RCODES = {
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN", 7: "YXRRSET",
    8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 11: "DSOTYPENI", 16: "BADVERS", 23: "BADCOOKIE",
}  # fmt: skip


class _UnreadableError(Exception):
    """The message ends or breaks here; what was read before it stays."""


@dataclass(slots=True)
class _Body:
    """What follows the header, as far as it could be read."""

    question: str | None = None
    kind: int = 0
    answers: list[DnsRecord] = field(default_factory=list)
    has_soa: bool = False
    edns_size: int | None = None
    rcode_high: int = 0
    extended_error: int | None = None
    is_complete: bool = False


def rcode_name(rcode: int) -> str:
    """The IANA mnemonic of a response code, ``RCODEn`` for one without.

    Source: IANA DNS parameters; RFC 1035, 4.1.1; RFC 2136, 2.2; RFC 6891, 9.
    """
    return _RCODES.get(rcode, f"RCODE{rcode}")


def dissect(payload: bytes, at: Packet) -> DnsMessage | Malformed:
    """One message of a UDP datagram. Malformed only when not even the 12-byte header is there."""
    return _dissect(payload, at, "udp")


def dissect_tcp(stream: Stream) -> list[Event | Malformed]:
    """The messages of one TCP direction, each behind its two-byte length.

    A stream without its first byte is read only if a message fits its length exactly there:
    the middle of a message must not be taken for a length.

    Source: RFC 7766, section 8.
    """
    found: list[Event | Malformed] = []
    pos = 0
    while len(stream.data) - pos >= 2:
        size = int.from_bytes(stream.data[pos : pos + 2], "big")
        end = pos + 2 + size
        message = _dissect(stream.data[pos + 2 : end], stream.completed_at(pos, min(end, len(stream.data))), "tcp")
        if end > len(stream.data) and len(stream.data) - pos < 2 + _HEADER.size:
            break
        if not found and not stream.is_from_start and not _is_sound(message):
            return []
        found.append(message)
        if isinstance(message, Malformed):
            break
        pos = end
    return found


def read(orig: Stream, resp: Stream) -> list[Event | Malformed]:
    """The messages of both directions of a TCP connection, by frame."""
    return in_order(dissect_tcp(orig) + dissect_tcp(resp))


def _is_sound(message: DnsMessage | Malformed) -> bool:
    return isinstance(message, DnsMessage) and message.is_complete and message.question is not None


def _dissect(payload: bytes, at: Packet, transport: Literal["udp", "tcp"]) -> DnsMessage | Malformed:
    if len(payload) < _HEADER.size:
        return Malformed(at, "dns", "shorter than the header")
    ident, flags, questions, answers, authorities, additionals = _HEADER.unpack_from(payload)
    body = _read_body(payload, questions, (answers, authorities, additionals))
    return DnsMessage(
        at=at,
        transport=transport,
        id=ident,
        is_response=bool(flags & 0x8000),
        opcode=flags >> 11 & 0xF,
        rcode=body.rcode_high << 4 | flags & 0xF,
        question=body.question,
        kind=body.kind,
        answers=tuple(body.answers),
        answer_count=answers,
        authority_count=authorities,
        has_soa=body.has_soa,
        is_truncated=bool(flags & 0x0200),
        is_authoritative=bool(flags & 0x0400),
        recursion_available=bool(flags & 0x0080),
        has_edns=body.edns_size is not None,
        edns_size=body.edns_size or 0,
        extended_error=body.extended_error,
        is_complete=body.is_complete,
    )


def _read_body(data: bytes, questions: int, counts: tuple[int, int, int]) -> _Body:
    body = _Body()
    try:
        pos = _read_questions(data, questions, body)
        _read_records(data, pos, counts, body)
    except _UnreadableError:
        return body
    body.is_complete = True
    return body


def _read_questions(data: bytes, count: int, body: _Body) -> int:
    pos = _HEADER.size
    if count > MAX_RECORDS:
        raise _UnreadableError
    for index in range(count):
        name, pos = _read_name(data, pos)
        if index == 0:
            body.question = name
        if pos + 4 > len(data):
            raise _UnreadableError
        if index == 0:
            body.kind = int.from_bytes(data[pos : pos + 2], "big")
        pos += 4
    return pos


def _read_records(data: bytes, pos: int, counts: tuple[int, int, int], body: _Body) -> None:
    answers, authorities, additionals = counts
    total = answers + authorities + additionals
    for index in range(total):
        if index >= MAX_RECORDS:
            raise _UnreadableError
        name, pos = _read_name(data, pos)
        if pos + _RECORD.size > len(data):
            raise _UnreadableError
        kind, klass, ttl, size = _RECORD.unpack_from(data, pos)
        pos += _RECORD.size
        if pos + size > len(data):
            raise _UnreadableError
        if index < answers:
            body.answers.append(DnsRecord(name, kind, ttl, _read_data(data, pos, size, kind)))
        elif index < answers + authorities:
            body.has_soa |= kind == SOA
        elif kind == OPT:
            _read_opt(data[pos : pos + size], klass, ttl, body)
        pos += size


def _read_data(data: bytes, pos: int, size: int, kind: int) -> bytes | str | None:
    if kind in _ADDRESS_SIZE:
        return data[pos : pos + size] if size == _ADDRESS_SIZE[kind] else None
    if kind not in _NAME_RECORDS:
        return None
    try:
        name, end = _read_name(data, pos)
    except _UnreadableError:
        return None
    return name if end <= pos + size else None


def _read_opt(options: bytes, size: int, ttl: int, body: _Body) -> None:
    """Class is the sender's UDP size, the TTL's high octet extends the rcode (RFC 6891, 6.1.2 and 6.1.3)."""
    if body.edns_size is not None:
        return
    body.edns_size = size
    body.rcode_high = ttl >> 24
    pos = 0
    while pos + 4 <= len(options):
        code, length = struct.unpack_from("!HH", options, pos)
        pos += 4
        if code == _EXTENDED_ERROR and 2 <= length <= len(options) - pos:
            body.extended_error = int.from_bytes(options[pos : pos + 2], "big")
            return
        pos += length


def _read_name(data: bytes, pos: int) -> tuple[str, int]:
    """A name and the offset behind it.

    A pointer must lead strictly backwards (RFC 1035, 4.1.4: "a prior occurrence"), which also
    ends every loop; octets and jumps are bounded besides.
    """
    labels: list[str] = []
    behind = -1
    octets = jumps = 0
    while pos < len(data):
        size = data[pos]
        if size == 0:
            return ".".join(labels), behind if behind >= 0 else pos + 1
        if size >= 0xC0:
            if pos + 2 > len(data):
                break
            target = (size & 0x3F) << 8 | data[pos + 1]
            jumps += 1
            if target >= pos or jumps > MAX_JUMPS:
                break
            behind = pos + 2 if behind < 0 else behind
            pos = target
            continue
        octets += size + 1
        if size > 63 or octets >= MAX_NAME or pos + 1 + size > len(data):
            break
        labels.append(_read_label(data[pos + 1 : pos + 1 + size]))
        pos += size + 1
    raise _UnreadableError


def _read_label(label: bytes) -> str:
    if _PLAIN.match(label):
        return label.decode("ascii").lower()
    return "".join(_escape(octet) for octet in label).lower()


def _escape(octet: int) -> str:
    """RFC 1035, 5.1: a dot inside a label is no separator, a backslash no escape."""
    if octet in b".\\":
        return "\\" + chr(octet)
    return chr(octet) if 0x21 <= octet <= 0x7E else f"\\{octet:03d}"
