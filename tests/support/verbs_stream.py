"""Verbs over TCP: the segments themselves, and what TLS, HTTP, websocket, FTP and PostgreSQL put into them."""

from __future__ import annotations

import datetime
from http import HTTPStatus

from tests.support import wire
from tests.support import wire_streams as streams
from tests.support.line import Line
from tests.support.player import Player, verb

_DAY = datetime.timedelta(days=1)
_ALERT_NAMES = {
    "close": 0,
    "handshake-failure": 40,
    "bad-certificate": 42,
    "expired": 45,
    "unknown-ca": 48,
    "version": 70,
}
_KNOWN_HEADERS = {"type": "Content-Type", "len": "Content-Length", "agent": "User-Agent"}
_HTTP_METHODS = frozenset({"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE"})


@verb("SYN")
def play_syn(player: Player, line: Line) -> None:
    """``dev > cloud:443 SYN [mss=1460]``: the same pair of ports again is a retransmission, unless ``new``."""
    connection, end = player.connection(line, opens=True)
    side = connection.sides[end]
    options = wire.syn_options(line.pop_int("mss", 1460))
    player.send_segment(line, connection, end, flags=wire.SYN, seq=side.isn, options=options)


@verb("SYN-ACK")
def play_syn_ack(player: Player, line: Line) -> None:
    """``cloud:443 > dev SYN-ACK``: acknowledges the SYN; again is a retransmission."""
    connection, end = player.connection(line, opens=True)
    side = connection.sides[end]
    options = wire.syn_options(line.pop_int("mss", 1460))
    player.send_segment(line, connection, end, flags=wire.SYN | wire.ACK, seq=side.isn, options=options)


@verb("ACK")
def play_ack(player: Player, line: Line) -> None:
    """``dev > cloud:443 ACK [win=0] [sack=+1460,+2920]``; the ranges of ``sack`` count from the number acknowledged."""
    connection, end = player.connection(line, opens=False)
    options = b""
    ranges = line.pop("sack")
    if ranges:
        left, right = (int(text) for text in ranges.split(","))
        seen = connection.sides[end].seen
        options = wire.sack_option(seen + left, seen + right)
    player.send_segment(line, connection, end, flags=wire.ACK, options=options)


@verb("DATA")
def play_data(player: Player, line: Line) -> None:
    """``dev > cloud:443 DATA 120``: so many bytes that look random, or ``DATA text="…"``."""
    text = line.pop("text")
    if text:
        player.send_stream(line, text.encode().replace(b"\\r\\n", b"\r\n"))
        return
    size = line.take_next("a number of bytes")
    if not size.isdigit():
        raise line.where.error(f"DATA {size}: {size!r} is no number of bytes")
    player.send_stream(line, streams.noise(int(size), f"data {player.memory.count()}"))


@verb("AGAIN")
def play_again(player: Player, line: Line) -> None:
    """``dev > cloud:443 AGAIN``: the side's last segment once more, same sequence number, new IP identification."""
    connection, end = player.connection(line, opens=False)
    last = connection.sides[end].last
    if last is None:
        raise line.where.error(f"AGAIN: {line.src.name} sent nothing yet that could be repeated")
    number, flags, body = last
    options = wire.syn_options() if flags & wire.SYN else b""
    player.send_segment(line, connection, end, flags=flags, body=body, seq=number, options=options)


@verb("KEEPALIVE")
def play_keepalive(player: Player, line: Line) -> None:
    """``dev > cloud:443 KEEPALIVE``: one below the next byte, no payload (RFC 9293, 3.8.4)."""
    connection, end = player.connection(line, opens=False)
    side = connection.sides[end]
    player.send_segment(line, connection, end, flags=wire.ACK, seq=side.next - 1)


@verb("FIN")
def play_fin(player: Player, line: Line) -> None:
    """``dev > cloud:443 FIN``: FIN with ACK."""
    connection, end = player.connection(line, opens=False)
    player.send_segment(line, connection, end, flags=wire.FIN | wire.ACK)


@verb("RST")
def play_rst(player: Player, line: Line) -> None:
    """``cloud:443 > dev RST``: refuses a SYN, or breaks a connection; ``bare`` leaves the ACK flag out."""
    connection, end = player.connection(line, opens=True)
    side = connection.sides[end]
    flags = wire.RST if line.take("bare") else wire.RST | wire.ACK
    seq = side.next if side.has_spoken else 0
    player.send_segment(line, connection, end, flags=flags, seq=seq)


@verb("TLS")
def play_tls(player: Player, line: Line) -> None:
    """``TLS hello sni=NAME [alpn=h2] [versions=1.2,1.3] [pad=N]`` and the other steps of the handshake.

    ``server-hello version=1.3``, ``cert issuer= [names=] [subject=] [from=-30] [until=365] [key=]``
    (days around the script's start), ``cert-request``, ``done``, ``key-exchange``, ``finished``,
    ``alert 48 [warning]``, ``data 100``, ``hidden 60`` (encrypted handshake of TLS 1.3).
    """
    step = line.take_next("a step such as hello")
    player.send_stream(line, _tls_bytes(player, line, step))


def _tls_bytes(player: Player, line: Line, step: str) -> bytes:
    plain = {
        "done": streams.server_done,
        "cert-request": streams.certificate_request,
        "key-exchange": streams.client_key_exchange,
        "finished": streams.finished,
    }
    if step in plain:
        return plain[step]()
    if step == "hello":
        return _client_hello(line)
    if step == "server-hello":
        return streams.server_hello(_version(line, line.pop("version", "1.2")))
    if step == "cert":
        return streams.certificate_message([streams.certificate(_paper(player, line))])
    if step == "alert":
        return _alert(line)
    if step in ("data", "hidden"):
        size = int(line.take_next("a number of bytes"))
        return streams.application(size, seed=f"{step} {player.memory.count()}")
    raise line.where.error(f"TLS {step} is unknown; see the table of verbs in tests/cases/README.md")


def _client_hello(line: Line) -> bytes:
    alpn = [name for name in line.pop("alpn").split(",") if name]
    versions = [_version(line, text) for text in line.pop("versions", "1.3,1.2").split(",")]
    return streams.client_hello(line.pop("sni") or None, alpn=alpn, versions=versions, pad=line.pop_int("pad", 0))


def _version(line: Line, text: str) -> int:
    if text not in streams.VERSIONS:
        raise line.where.error(f"{text!r} is no TLS version; known are {', '.join(streams.VERSIONS)}")
    return streams.VERSIONS[text]


def _alert(line: Line) -> bytes:
    text = line.take_next("a code such as 48")
    level = 1 if line.take("warning") or text == "close" else 2
    if text not in _ALERT_NAMES and not text.isdigit():
        raise line.where.error(f"TLS alert {text}: write a number or one of {', '.join(_ALERT_NAMES)}")
    return streams.alert(_ALERT_NAMES[text] if text in _ALERT_NAMES else int(text), level=level)


def _paper(player: Player, line: Line) -> streams.Paper:
    """Read the words of ``TLS cert``; dates count in days from the script's start."""
    names = tuple(name for name in line.pop("names").split(",") if name)
    subject = line.pop("subject", names[0] if names else "server")
    start = datetime.datetime.fromtimestamp(player.start_ns // 10**9, datetime.UTC)
    return streams.Paper(
        subject=subject,
        issuer=line.pop("issuer", "DigiCert Example G1"),
        names=names,
        not_before=start + line.pop_int("from", -30) * _DAY,
        not_after=start + line.pop_int("until", 365) * _DAY,
        key=line.pop("key", subject),
    )


@verb("HTTP")
def play_http(player: Player, line: Line) -> None:
    """``HTTP GET /path host=NAME [body=…]`` or ``HTTP 302 location=URL [type=text/html] [body=…]``.

    Every other option is a header, its name in title case.
    """
    first = line.take_next("a method or a status")
    body = line.pop("body").encode()
    headers = _headers(line)
    if first in _HTTP_METHODS:
        if body:
            headers.setdefault("Content-Length", str(len(body)))
        target = line.take_next("a target such as /")
        player.send_stream(line, streams.http_request(first, target, headers, body))
        return
    if not first.isdigit():
        raise line.where.error(f"HTTP {first}: write a method ({', '.join(sorted(_HTTP_METHODS))}) or a status")
    if first not in ("101", "204", "304"):
        headers.setdefault("Content-Length", str(len(body)))
    player.send_stream(line, streams.http_response(int(first), _reason(int(first)), headers, body))


_PACKET_OPTIONS = frozenset({"ttl", "id", "vlan", "from_mac", "to_mac", "seq", "ack", "win"})


def _headers(line: Line) -> dict[str, str]:
    names = [name for name in line.options if name not in _PACKET_OPTIONS]
    return {_KNOWN_HEADERS.get(name, name.title()): line.pop(name) for name in names}


def _reason(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown"


@verb("WS")
def play_websocket(player: Player, line: Line) -> None:
    """``WS upgrade host=NAME [path=/]``, ``WS accept [wrong]``, ``WS text 20``, ``ping``, ``pong``, ``close 1008``."""
    step = line.take_next("a step such as upgrade")
    connection, end = player.connection(line, opens=False)
    if step == "upgrade":
        connection.notes["key"] = streams.websocket_key(repr(connection.opener))
        path = line.pop("path", "/")
        fixed = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        headers = {**_headers(line), **fixed, "Sec-WebSocket-Key": connection.notes["key"]}
        player.send_stream(line, streams.http_request("GET", path, headers))
    elif step == "accept":
        key = "wrong" if line.take("wrong") else connection.notes.get("key", "")
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": streams.websocket_accept(key),
        }
        player.send_stream(line, streams.http_response(101, "Switching Protocols", {**_headers(line), **headers}))
    else:
        mask = streams.noise(4, "mask") if end == connection.opener else None
        player.send_stream(line, _websocket_frame(player, line, step, mask))


def _websocket_frame(player: Player, line: Line, step: str, mask: bytes | None) -> bytes:
    if step not in streams.OPCODES:
        raise line.where.error(f"WS {step} is unknown; known are upgrade, accept, {', '.join(streams.OPCODES)}")
    if step == "close":
        body = int(line.take_next("a close code")).to_bytes(2, "big")
    else:
        size = int(line.words.pop(0)) if line.words and line.words[0].isdigit() else 0
        body = b"x" * size if step == "text" else streams.noise(size, f"ws {player.memory.count()}")
    return streams.websocket_frame(streams.OPCODES[step], body, mask=mask)


@verb("FTP")
def play_ftp(player: Player, line: Line) -> None:
    """``FTP USER logger`` or ``FTP 220 ready``: the words as one line of the control connection."""
    words = line.take_rest()
    if not words:
        raise line.where.error("FTP lacks its text")
    player.send_stream(line, " ".join(words).encode() + b"\r\n")


@verb("PG")
def play_postgres(player: Player, line: Line) -> None:
    """``PG ssl``, ``PG S``, ``PG N``, ``PG startup [user=] [database=]``, ``PG error 28P01 [text=]``, ``PG ready``."""
    step = line.take_next("a step such as ssl")
    if step == "ssl":
        body = streams.POSTGRES_SSL_REQUEST
    elif step in ("S", "N"):
        body = step.encode()
    elif step == "startup":
        body = streams.postgres_startup(line.pop("user", "agent"), line.pop("database", "connect"))
    elif step == "error":
        body = streams.postgres_error(line.take_next("an SQLSTATE"), line.pop("text", "refused"))
    elif step == "ready":
        body = streams.postgres_message("R", bytes(4)) + streams.postgres_message("Z", b"I")
    else:
        raise line.where.error(f"PG {step} is unknown; known are ssl, S, N, startup, error, ready")
    player.send_stream(line, body)
