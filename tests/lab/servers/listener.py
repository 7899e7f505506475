"""Accept connections and datagrams on chosen addresses, a thread for each."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from tests.lab.websocket_codec import EndedError

Talk = Callable[[socket.socket], None]
Reply = Callable[[bytes], bytes | None]

_IDLE_S = 300


def listen_tcp(address: str, port: int, talk: Talk) -> None:
    """Serve TCP on one address; ``talk`` gets each connection and may end by any socket error."""
    server = socket.create_server((address, port), backlog=16)
    threading.Thread(target=_accept, args=(server, talk), daemon=True).start()


def listen_udp(address: str, port: int, reply: Reply) -> None:
    """Serve UDP on one address; ``reply`` gives the datagram to send back, None for silence."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, port))
    threading.Thread(target=_answer, args=(server, reply), daemon=True).start()


def _accept(server: socket.socket, talk: Talk) -> None:
    while True:
        connection, _ = server.accept()
        connection.settimeout(_IDLE_S)
        threading.Thread(target=serve_safely, args=(connection, talk), daemon=True).start()


def serve_safely(connection: socket.socket, talk: Talk) -> None:
    """Hold one conversation to its end, however the other side ends it, and close."""
    with connection, contextlib.suppress(OSError, EndedError):
        talk(connection)


def _answer(server: socket.socket, reply: Reply) -> None:
    while True:
        data, sender = server.recvfrom(4096)
        answer = reply(data)
        if answer is not None:
            server.sendto(answer, sender)
