"""Which protocol a TCP connection speaks, by its first bytes; never by guessing."""

from __future__ import annotations

from collections.abc import Callable

from pcapaudit.dissect import dns, ftp, http, postgres, tls
from pcapaudit.dissect.stream import Stream, in_order
from pcapaudit.model.events import Event, Malformed, TlsNotTls

FTP_PORT, DNS_PORT, POSTGRES_PORT = 21, 53, 5432
_MAX_TUNNELS = 3
"""CONNECT inside CONNECT that is followed."""
_FTP_GREETING = b"220"
_PROBED = 8
"""Packets behind a gap that are looked at."""

Beginning = tuple[bytes, ...]
"""How a payload begins: for each of its first octets, the values that it may have."""
_ANY = bytes(range(256))
HTTP_BEGINNINGS: tuple[Beginning, ...] = (
    (b"H", b"T", b"T", b"P", b"/"),
    *((*[http.METHOD_OCTETS] * size, b" ") for size in range(1, 6)),
    (http.METHOD_OCTETS,) * 6,
)
"""Of a status line, and of a request line with a method of whatever length (``http.is_request``)."""
_DIGITS = b"0123456789"
OTHER_BEGINNINGS: tuple[Beginning, ...] = (
    (bytes(range(tls.CHANGE_CIPHER, tls.HEARTBEAT + 1)), b"\3", _ANY[:5]),
    (_ANY[0x80:], _ANY, b"\1", b"\3", _ANY[:5]),
    (b"\0", b"\0", _ANY[:40], _ANY, b"\0\4", b"\3\xd2"),
    (b"2", b"2", b"0"),
    (b"123456", _DIGITS, _DIGITS, b" -"),
)
"""Of TLS, of its old hello, of a PostgreSQL start-up, of FTP's greeting, and of its other replies.

A stream that is read here begins, or a message behind a gap in it begins, in one of these ways or those of HTTP, or
the connection is on one of the ports below.
"""
ALWAYS_READ = (DNS_PORT,)
"""Ports that decide alone."""
READ_ONE_SIDED = (FTP_PORT, POSTGRES_PORT)
"""Ports that decide where the beginning of one side is not there."""


def read(orig: Stream, resp: Stream, *, port: int) -> list[Event | Malformed]:
    """The events of a connection, by frame; empty when nobody here knows its protocol.

    Args:
        orig: What the originator sent.
        resp: What the responder sent. The two are exchanged when their words say so.
        port: The responder's port. It decides only where the first bytes alone cannot:
            FTP, DNS, and PostgreSQL seen from the server's side.
    """
    is_whole = orig.is_from_start and resp.is_from_start
    events = _read(orig.to_boundary(_is_boundary), resp.to_boundary(_is_boundary), port)
    # A connection seen from its middle may have begun in another protocol that led to TLS.
    return events if is_whole else [e for e in events if not isinstance(e, TlsNotTls)]


def _read(orig: Stream, resp: Stream, port: int) -> list[Event | Malformed]:
    if _is_swapped(orig, resp):
        orig, resp = resp, orig
    found: list[Event | Malformed] = []
    for _ in range(_MAX_TUNNELS + 1):
        if not http.is_request(orig.data):
            others = _read_other(orig, resp, port)
            return in_order(found + others) if found else others
        events, handover = http.read_until_tunnel(orig, resp)
        found += events
        if handover is None:
            break
        orig, resp, port = handover.orig, handover.resp, handover.port
    return in_order(found)


def _is_boundary(data: bytes) -> bool:
    """Whether a message of a protocol begins here that can be told from the middle of another."""
    return http.is_request(data) or http.is_response(data) or tls.is_record(data) or postgres.is_startup(data)


def _is_swapped(orig: Stream, resp: Stream) -> bool:
    """Whether the originator talks like a server.

    Without a SYN the originator is only who sent the first packet seen. TLS finds its client itself.
    """
    if http.is_request(orig.data) or postgres.is_startup(orig.data):
        return False
    if http.is_request(resp.data) or postgres.is_startup(resp.data):
        return True
    if http.is_response(orig.data):
        return not resp.data
    return orig.data.startswith(_FTP_GREETING) and ftp.is_command(resp.data)


def _read_other(orig: Stream, resp: Stream, port: int) -> list[Event | Malformed]:
    reader = _pick(orig, resp, port)
    return reader(orig, resp) if reader else []


def _pick(orig: Stream, resp: Stream, port: int) -> Callable[[Stream, Stream], list[Event | Malformed]] | None:
    if _is_tls(orig, resp):
        return tls.read
    if postgres.is_startup(orig.data) or _is_postgres_server(orig, resp, port):
        return postgres.read
    if _is_ftp(orig.data, resp.data, port):
        return ftp.read
    if port == DNS_PORT:
        return dns.read
    # A portal answers with HTTP whatever it was asked.
    return http.read if http.is_response(resp.data) else None


def _is_tls(orig: Stream, resp: Stream) -> bool:
    """The responder's records count when the originator's first bytes are not there, or when it says ClientHello."""
    if tls.is_record(orig.data) or tls.is_old_hello(orig.data):
        return True
    if not orig.data and not resp.data:
        # Both beginnings are lost: what comes behind them tells, if both sides say so.
        return all(any(tls.is_record(data) for _, data, _ in side.beyond[:_PROBED]) for side in (orig, resp))
    is_orig_unknown = not orig.data or not orig.is_from_start
    return tls.is_record(resp.data) and (is_orig_unknown or resp.data[5:6] == b"\x01")


def _is_postgres_server(orig: Stream, resp: Stream, port: int) -> bool:
    return port == POSTGRES_PORT and not orig.data and postgres.is_answer(resp.data)


def _is_ftp(orig: bytes, resp: bytes, port: int) -> bool:
    if port == FTP_PORT:
        return ftp.is_reply(resp) or (not resp and ftp.is_command(orig))
    return resp.startswith(_FTP_GREETING) and ftp.is_command(orig)
