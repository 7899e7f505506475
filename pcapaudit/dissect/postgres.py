"""PostgreSQL start-up (protocol 3.0: the chapters "Message Flow" and "Message Formats" of its manual)."""

from __future__ import annotations

import re
from dataclasses import field

from pcapaudit.dissect import tls
from pcapaudit.dissect.stream import Stream, in_order
from pcapaudit.model.events import Event, Malformed, PostgresKind, PostgresMessage
from pcapaudit.model.records import dataclass

_CANCEL, _SSL, _GSS = 80877102, 80877103, 80877104
_NEGOTIATION: dict[int, PostgresKind] = {_SSL: "ssl_request", _GSS: "gss_request"}
_MAJOR_VERSION = 3
_MINOR_VERSIONS = 16
_MAX_STARTUP = 10_000
"""Bytes of a start-up packet that a server accepts (its MAX_STARTUP_PACKET_LENGTH)."""
_MAX_NEGOTIATIONS = 4
_MAX_MESSAGE = 1 << 30
_MAX_EVENTS = 1000
_SERVER_TYPES = frozenset(b"123ACDEGHIKNRSTVWZcdnstv")
_SQLSTATE = re.compile(rb"[0-9A-Z]{5}\Z")


def is_startup(data: bytes) -> bool:
    """Whether the bytes begin with a start-up packet or one of the requests before it."""
    if len(data) < 8 or data[0] or data[1]:
        # All of them are short; this ends the question for almost everything else.
        return False
    size, code = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")
    if code in _NEGOTIATION:
        return size == 8
    return (code == _CANCEL and size == 16) or (
        code >> 16 == _MAJOR_VERSION and code & 0xFFFF < _MINOR_VERSIONS and 8 < size <= _MAX_STARTUP
    )


def is_answer(data: bytes) -> bool:
    """Whether the bytes can be a server's first ones.

    These are an authentication request, an error, or a lone ``S`` or ``N``, alone or in front
    of TLS. Weak signs all: ask only on PostgreSQL's port.
    """
    if data[:1] in (b"S", b"N"):
        return len(data) == 1 or tls.is_record(data[1:7])
    size = int.from_bytes(data[1:5], "big")
    is_auth = data[:1] == b"R" and 8 <= size < 512
    is_error = data[:1] == b"E" and 8 <= size < 4096 and data[5:6] == b"S"
    return len(data) >= 9 and (is_auth or is_error)


def read(orig: Stream, resp: Stream) -> list[Event | Malformed]:
    """The start-up's messages by packet; behind an accepted SSLRequest the events of TLS.

    The originator is the client. User, database and passwords are not kept.
    """
    start = _Startup(orig, resp)
    start.read()
    return in_order(start.events)


@dataclass(slots=True)
class _Startup:
    orig: Stream
    resp: Stream
    events: list[Event | Malformed] = field(default_factory=list)
    asked: int = 0
    """Offset in ``orig`` up to which it has been read."""
    answered: int = 0

    def read(self) -> None:
        for _ in range(_MAX_NEGOTIATIONS):
            request = self._next_request()
            if request is None or request.kind not in _NEGOTIATION.values():
                break
            if not self._read_answer(request.kind):
                return
        # Only the server's side was captured: its first byte answers a request that was not.
        is_one_sided = not self.orig.data and self.resp.data[:1] in (b"S", b"N")
        if is_one_sided and not self._read_answer("ssl_request"):
            return
        self._read_messages()

    def _next_request(self) -> PostgresMessage | None:
        data, start = self.orig.data, self.asked
        if not is_startup(data[start : start + 8]):
            return None
        size, code = int.from_bytes(data[start : start + 4], "big"), int.from_bytes(data[start + 4 : start + 8], "big")
        self.asked = start + size
        kind: PostgresKind = _NEGOTIATION.get(code, "other" if code == _CANCEL else "startup")
        at = self.orig.completed_at(start, min(start + size, len(data)))
        message = PostgresMessage(at, from_client=True, kind=kind)
        self.events.append(message)
        return message

    def _read_answer(self, asked: PostgresKind) -> bool:
        """Read the single byte that answers a negotiation; whether plain messages may follow."""
        answer = self.resp.data[self.answered : self.answered + 1]
        if answer == b"E":
            return True
        if answer == b"N":
            self._add("ssl_refused" if asked == "ssl_request" else "other")
            return True
        if answer == b"S" and asked == "ssl_request":
            self._add("ssl_accepted")
        elif answer == b"G" and asked == "gss_request":
            self._add("other")
            return False
        elif answer:
            self.events.append(Malformed(self.resp.at(self.answered), "postgres", "no answer to a negotiation"))
            return False
        if tls.is_record(self.orig.data[self.asked : self.asked + 6]) or answer:
            self.events += tls.read(self.orig.after(self.asked), self.resp.after(self.answered))
            return False
        return True

    def _add(self, kind: PostgresKind) -> None:
        self.events.append(PostgresMessage(self.resp.at(self.answered), from_client=False, kind=kind))
        self.answered += 1

    def _read_messages(self) -> None:
        """The server's messages: a type octet and a length that counts itself."""
        data, pos = self.resp.data, self.answered
        is_ready = False
        while pos + 5 <= len(data) and len(self.events) < _MAX_EVENTS:
            size = int.from_bytes(data[pos + 1 : pos + 5], "big")
            if data[pos] not in _SERVER_TYPES or not 4 <= size < _MAX_MESSAGE:
                self.events.append(Malformed(self.resp.at(pos), "postgres", "no message where one should begin"))
                return
            end = pos + 1 + size
            event = _read_server_message(self.resp, pos, min(end, len(data)))
            if event is not None and not (is_ready and event.kind == "ready"):
                self.events.append(event)
                is_ready |= event.kind == "ready"
            pos = end


def _read_server_message(resp: Stream, pos: int, end: int) -> PostgresMessage | None:
    """The event of one message; a type that no rule reads gives None."""
    body = resp.data[pos + 5 : end]
    at = resp.completed_at(pos, end)
    kind = resp.data[pos : pos + 1]
    if kind == b"E":
        return PostgresMessage(at, from_client=False, kind="error", sqlstate=_read_sqlstate(body))
    if kind == b"Z":
        return PostgresMessage(at, from_client=False, kind="ready")
    if kind == b"R" and len(body) >= 4:
        return PostgresMessage(at, from_client=False, kind="auth_request" if any(body[:4]) else "auth_ok")
    return None


def _read_sqlstate(body: bytes) -> str | None:
    """Fields of an error: a type octet and a text that a zero ends; ``C`` is the SQLSTATE."""
    for entry in body[:8192].split(b"\0"):
        if entry[:1] == b"C" and _SQLSTATE.match(entry[1:]):
            return entry[1:].decode("ascii")
    return None
