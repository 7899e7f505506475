from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Iterator
from threading import Thread

import pytest

from pcapaudit.station import scrape
from pcapaudit.station.scrape import ScrapeServer
from tests.support.receivers import PATIENCE_S, listening


class Door:
    """A server, and what it was told of faults."""

    def __init__(self, server_socket: socket.socket) -> None:
        self.is_well = True
        self.faults: list[BaseException] = []
        self.numbers: bytes | None = b"x 1\n"
        self.port: int = server_socket.getsockname()[1]
        self.server = ScrapeServer(
            server_socket, expose=self.expose, is_well=lambda: self.is_well, fail=self.faults.append
        )

    def expose(self) -> tuple[bytes, str]:
        if self.numbers is None:
            raise KeyError("devices")
        return self.numbers, "text/plain; version=0.0.4"

    def ask(self, method: str, path: str) -> tuple[int, bytes, str | None]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.request(method, path)
        answer = connection.getresponse()
        told = answer.status, answer.read(), answer.getheader("Content-Type")
        connection.close()
        return told

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)


@contextlib.contextmanager
def opened() -> Iterator[Door]:
    with listening() as server_socket:
        server_socket.settimeout(None)
        made = Door(server_socket)
        thread = Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield made
        made.server.shutdown()
        thread.join()
        made.server.server_close()


@pytest.fixture
def door() -> Iterator[Door]:
    with opened() as made:
        yield made


def test_numbers_and_health_are_answered(door: Door) -> None:
    assert door.ask("GET", "/metrics") == (200, b"x 1\n", "text/plain; version=0.0.4")
    assert door.ask("GET", "/metrics?x=y")[0] == 200
    assert door.ask("HEAD", "/metrics")[:2] == (200, b"")
    assert door.ask("GET", "/healthz")[:2] == (200, b"ok\n")
    door.is_well = False
    assert door.ask("GET", "/healthz")[0] == 503


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("GET", "/../etc/passwd", 404), ("POST", "/metrics", 501)]
)
def test_nothing_else_is(door: Door, method: str, path: str, status: int) -> None:
    assert door.ask(method, path)[0] == status


def test_a_connection_too_many_is_closed_at_once_and_room_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape, "MOST_CONNECTIONS", 1)
    with opened() as door, door.connect() as first, door.connect() as second:
        assert second.recv(1) == b""
        first.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        with first.makefile("rb") as stream:
            assert b"200" in stream.read()
        # The place is free some moments after the answer.
        assert door.server._free.acquire(timeout=PATIENCE_S)
        door.server._free.release()
        assert door.ask("GET", "/healthz")[0] == 200


def test_a_connection_that_takes_its_time_is_ended(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape, "CONNECTION_S", 0.05)
    with door.connect() as slow:
        slow.sendall(b"GET /met")
        assert slow.recv(1) == b""


@pytest.mark.parametrize(
    "request_bytes", [b"\x00\xff\r\n\r\n", b"GET " + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02"]
)
def test_what_is_no_request_harms_nobody(door: Door, request_bytes: bytes) -> None:
    # The server may have answered and left before all was said to it.
    with door.connect() as strange, contextlib.suppress(OSError):
        strange.sendall(request_bytes)
        strange.shutdown(socket.SHUT_WR)
        with strange.makefile("rb") as stream:
            stream.read()
    assert door.ask("GET", "/metrics")[0] == 200
    assert door.faults == []


def test_a_fault_of_ours_is_told_and_ends_that_connection_alone(door: Door) -> None:
    door.numbers = None
    with pytest.raises(http.client.HTTPException):
        door.ask("GET", "/metrics")
    assert [type(fault) for fault in door.faults] == [KeyError]
    assert door.ask("GET", "/healthz")[0] == 200
