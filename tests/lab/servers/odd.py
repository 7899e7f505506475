"""Servers that misbehave: silent, hanging up, refusing, or speaking something else than was asked for."""

from __future__ import annotations

import itertools
import socket
import struct
import time

from tests.lab import websocket_codec
from tests.lab.servers.listener import Talk
from tests.lab.servers.streams import accept_websocket, answer_well, header_fields, receive_head, response, serve_http
from tests.lab.websocket_codec import Stream, receive_exactly

_RST_ON_CLOSE = struct.pack("ii", 1, 0)


def stay_silent(stream: Stream) -> None:
    """Take everything and never answer."""
    while stream.recv(65536):
        pass


def hang_up(stream: Stream) -> None:
    """Close in good order after the first bytes, without an answer."""
    stream.recv(65536)


def hang_up_rudely(connection: socket.socket) -> None:
    """Reset the connection after the first bytes."""
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)


def speak_http_to_all(stream: Stream) -> None:
    """Answer whatever comes with an error in plain HTTP, as a web server on a TLS port does."""
    stream.recv(65536)
    page = "<html><head><title>400 Bad Request</title></head><body>plain HTTP</body></html>"
    stream.sendall(response("400 Bad Request", page, kind="text/html", more="Connection: close\r\n"))


def answer_and_reset(connection: socket.socket) -> None:
    """Serve one HTTP request well and close by a reset, as overloaded or careless servers do."""
    head, rest = receive_head(connection)
    receive_exactly(connection, max(0, int(header_fields(head).get("content-length", "0")) - len(rest)))
    connection.sendall(answer_well(head))
    time.sleep(0.3)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)


def always(answer: bytes) -> Talk:
    """Give every HTTP request the same response, also those that ask for a websocket."""

    def talk(stream: Stream) -> None:
        serve_http(stream, lambda _: answer, has_websocket=False)

    return talk


def maintained(pause: bytes, times: int) -> Talk:
    """Answer the first requests, over all connections, with ``pause``, and serve well from then on."""
    count = itertools.count()

    def talk(stream: Stream) -> None:
        serve_http(stream, lambda head: pause if next(count) < times else answer_well(head))

    return talk


def break_websockets_after(seconds: float) -> Talk:
    """Accept websockets, answer their messages, and cut each off at a fixed age."""

    def talk(stream: Stream) -> None:
        head, _ = receive_head(stream)
        accept_websocket(stream, head)
        websocket_codec.receive_message(stream)
        websocket_codec.send_message(stream, websocket_codec.TEXT, b'{"ack":true}', is_client=False)
        time.sleep(seconds)

    return talk


def refuse_encryption(stream: Stream) -> None:
    """Answer PostgreSQL's request for encryption with N, and whatever follows not at all."""
    receive_exactly(stream, 8)
    stream.sendall(b"N")
    stay_silent(stream)


REFUSED_DEVICE = response("403 Forbidden", '{"error":"unknown device"}')
IN_MAINTENANCE = response("503 Service Unavailable", '{"error":"maintenance"}', more="Retry-After: 20\r\n")
BROKEN = response("500 Internal Server Error", '{"error":"internal"}')
NO_BACKEND = response("502 Bad Gateway", "<html><title>502</title></html>", kind="text/html")
NO_UPGRADE = response("426 Upgrade Required", "", more="Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
