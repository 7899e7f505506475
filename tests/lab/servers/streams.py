"""Servers that hold a conversation over TCP, plain or inside TLS."""

from __future__ import annotations

import os
import random
import socket
import struct

from tests.lab import websocket_codec
from tests.lab.servers.certificates import TlsDoor
from tests.lab.servers.listener import Talk
from tests.lab.websocket_codec import EndedError, Stream, receive_exactly

_TLS_HANDSHAKE = b"\x16"
_SSL_REQUEST = struct.pack(">II", 8, 80877103)


def talk_http(stream: Stream) -> None:
    """Serve HTTP/1.1 requests one after the other; an upgrade turns the stream into a websocket."""
    while True:
        head, rest = _receive_head(stream)
        fields = _fields(head)
        if fields.get("upgrade", "").lower() == "websocket":
            _serve_websocket(stream, fields["sec-websocket-key"].encode())
            return
        receive_exactly(stream, max(0, int(fields.get("content-length", "0")) - len(rest)))
        body = b'{"status":"ok","next":20}' if head.startswith("POST") else b"<!doctype html><title>home</title>"
        kind = "application/json" if head.startswith("POST") else "text/html"
        answer = f"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        stream.sendall(answer.encode() + body)


def _receive_head(stream: Stream) -> tuple[str, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = stream.recv(4096)
        if not piece:
            raise EndedError
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def _fields(head: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in head.split("\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _serve_websocket(stream: Stream, key: bytes) -> None:
    proof = websocket_codec.accept_key(key)
    stream.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + proof + b"\r\n\r\n"
    )
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
