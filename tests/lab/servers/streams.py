"""Servers that hold a conversation over TCP, plain or inside TLS."""

from __future__ import annotations

import os
import random
import socket
import struct
from collections.abc import Callable

from tests.lab import websocket_codec
from tests.lab.servers.certificates import TlsDoor
from tests.lab.servers.listener import Talk
from tests.lab.websocket_codec import EndedError, Stream, receive_exactly

_TLS_HANDSHAKE = b"\x16"
_SSL_REQUEST = struct.pack(">II", 8, 80877103)


Answer = Callable[[str], bytes]
"""Gives the whole response to a request, of which it gets the head."""


def talk_http(stream: Stream) -> None:
    """Serve HTTP/1.1 requests one after the other; an upgrade turns the stream into a websocket."""
    serve_http(stream, answer_well)


def serve_http(stream: Stream, answer: Answer, *, has_websocket: bool = True) -> None:
    """Answer HTTP/1.1 requests one after the other in a chosen way."""
    while True:
        head, rest = receive_head(stream)
        fields = header_fields(head)
        if has_websocket and fields.get("upgrade", "").lower() == "websocket":
            _serve_websocket(stream, head)
            return
        receive_exactly(stream, max(0, int(fields.get("content-length", "0")) - len(rest)))
        stream.sendall(answer(head))


def answer_well(head: str) -> bytes:
    """Give what a vendor's server says: data for an upload, a page for everything else."""
    if head.startswith("POST"):
        return response("200 OK", '{"status":"ok","next":20}')
    return response("200 OK", "<!doctype html><title>home</title>", kind="text/html")


def response(status: str, body: str, *, kind: str = "application/json", server: str = "nginx", more: str = "") -> bytes:
    """Build an HTTP response; ``more`` holds further header lines, each with its line end."""
    head = f"HTTP/1.1 {status}\r\nServer: {server}\r\nContent-Type: {kind}\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def receive_head(stream: Stream) -> tuple[str, bytes]:
    """Give the head of the next HTTP message, and what of its body came along.

    Raises:
        EndedError: The stream ends before.
    """
    data = b""
    while b"\r\n\r\n" not in data:
        piece = stream.recv(4096)
        if not piece:
            raise EndedError
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def header_fields(head: str) -> dict[str, str]:
    """Give the header fields of an HTTP message by their names in lower case."""
    pairs = (line.partition(":") for line in head.split("\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def accept_websocket(stream: Stream, head: str) -> None:
    """Answer a request for a websocket with 101 (RFC 6455, section 4.2.2)."""
    proof = websocket_codec.accept_key(header_fields(head)["sec-websocket-key"].encode())
    stream.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + proof + b"\r\n\r\n"
    )


def _serve_websocket(stream: Stream, head: str) -> None:
    accept_websocket(stream, head)
    while True:
        opcode, data = websocket_codec.receive_message(stream)
        if opcode == websocket_codec.PING:
            websocket_codec.send_message(stream, websocket_codec.PONG, data, is_client=False)
        elif opcode == websocket_codec.TEXT:
            websocket_codec.send_message(stream, opcode, b'{"ack":true}', is_client=False)
        else:
            return


def echo_noise(stream: Stream) -> None:
    """Answer every piece of data with some bytes of another length."""
    while stream.recv(4096):
        stream.sendall(os.urandom(random.randint(40, 120)))


def behind_tls(door: TlsDoor, talk: Talk) -> Talk:
    """Put a conversation inside TLS."""

    def talk_inside(connection: socket.socket) -> None:
        with door.wrap(connection) as inner:
            talk(inner)

    return talk_inside


def sensorist_cloud(door: TlsDoor) -> Talk:
    """Serve gateways in their own plain protocol; a client that starts TLS gets the web site (SEN-14)."""

    def talk(connection: socket.socket) -> None:
        if connection.recv(1, socket.MSG_PEEK) == _TLS_HANDSHAKE:
            behind_tls(door, talk_http)(connection)
            return
        while True:
            length = receive_exactly(connection, 2)[1]
            receive_exactly(connection, length)
            connection.sendall(b"\x00\x06\x06" + os.urandom(5))

    return talk


def postgres(door: TlsDoor) -> Talk:
    """Serve PostgreSQL far enough for a client that insists on TLS."""

    def talk(connection: socket.socket) -> None:
        if receive_exactly(connection, 8) != _SSL_REQUEST:
            return
        connection.sendall(b"S")
        with door.wrap(connection) as inner:
            _serve_queries(inner)

    return talk


def _serve_queries(stream: Stream) -> None:
    (length,) = struct.unpack(">I", receive_exactly(stream, 4))
    receive_exactly(stream, length - 4)
    ready = b"Z\x00\x00\x00\x05I"
    stream.sendall(b"R\x00\x00\x00\x08\x00\x00\x00\x00" + ready)
    while True:
        _, length = struct.unpack(">cI", receive_exactly(stream, 5))
        receive_exactly(stream, length - 4)
        stream.sendall(b"C\x00\x00\x00\x0fINSERT 0 1\x00" + ready)
