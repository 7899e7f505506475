"""Receivers of alerts that really listen, each in a thread of the test."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Event, Thread
from typing import Any, Self

from pcapaudit.model.records import dataclass

PATIENCE_S = 60.0
"""For what must come; a busy machine may take its time."""


@dataclass(frozen=True, slots=True)
class Post:
    """One request that came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document


class WebReceiver:
    """Takes posts, and answers each with the next of its answers; the last one for all that follow.

    Args:
        answers: Status codes, with headers where there are some.
    """

    def __init__(self, answers: Sequence[int | tuple[int, dict[str, str]]] = (204,)) -> None:
        self.posts: Queue[Post] = Queue()
        self.may_answer = Event()
        self.may_answer.set()
        self._answers = list(answers)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._server.daemon_threads = True

    @property
    def address(self) -> str:
        """``http://127.0.0.1:40000``."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def next(self) -> Post:
        """The next request, when it is there."""
        return self.posts.get(timeout=PATIENCE_S)

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.may_answer.set()
        self._server.shutdown()
        self._server.server_close()

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.posts.put(Post(self.path, dict(self.headers), body))
                receiver.may_answer.wait(PATIENCE_S)
                answer = receiver._answers.pop(0) if len(receiver._answers) > 1 else receiver._answers[0]
                code, headers = (answer, {}) if isinstance(answer, int) else answer
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        return Handler


@contextmanager
def listening(kind: socket.SocketKind = socket.SOCK_STREAM) -> Iterator[socket.socket]:
    """A socket of this machine at a free port, which gives up after a while."""
    with socket.socket(socket.AF_INET, kind) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(PATIENCE_S)
        if kind is socket.SOCK_STREAM:
            made.listen()
        yield made


@contextmanager
def closed_port() -> Iterator[int]:
    """A port at which nobody listens, and that nobody else is given meanwhile."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        yield made.getsockname()[1]
