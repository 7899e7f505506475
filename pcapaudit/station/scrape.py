"""The small HTTP server at which Prometheus fetches numbers: two addresses, bounded in every direction."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Timer
from typing import Any

from pcapaudit import __version__

MOST_CONNECTIONS = 16
CONNECTION_S = 10.0
"""What a connection may last in all: an answer takes milliseconds."""
_PLAIN = "text/plain; charset=utf-8"


class ScrapeServer(ThreadingHTTPServer):
    """Answers ``/metrics`` and ``/healthz`` at a socket that listens already.

    Args:
        listening: The socket.
        expose: Gives the numbers and their content type.
        is_well: Whether the watch said lately how it does.
        fail: Given a fault of ours.
    """

    daemon_threads = True

    def __init__(
        self,
        listening: socket.socket,
        *,
        expose: Callable[[], tuple[bytes, str]],
        is_well: Callable[[], bool],
        fail: Callable[[BaseException], None],
    ) -> None:
        super().__init__(listening.getsockname()[:2], _Answer, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.expose = expose
        self.is_well = is_well
        self._fail = fail
        self._free = BoundedSemaphore(MOST_CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread; what is too much is closed at once."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one connection, within its time."""
        limit = Timer(CONNECTION_S, _hang_up, [request])
        limit.daemon = True
        limit.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            limit.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the form of the library
        """Tell of what went wrong; a client that leaves early is nobody's business."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self._fail(error)


class _Answer(BaseHTTPRequestHandler):
    server: ScrapeServer
    timeout = CONNECTION_S

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            body, kind = self.server.expose()
            self._send(HTTPStatus.OK, body, kind)
        elif path == "/healthz":
            is_well = self.server.is_well()
            status = HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE
            self._send(status, b"ok\n" if is_well else b"the watch has said nothing for a minute\n", _PLAIN)
        else:
            self._send(HTTPStatus.NOT_FOUND, b"here are /metrics and /healthz\n", _PLAIN)

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def version_string(self) -> str:
        """What the answers call the server."""
        return f"pcapaudit/{__version__}"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Nothing: a fetch every few seconds for months."""

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _hang_up(request: socket.socket) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It ended meanwhile.
        return
