"""What only bytes on a socket can ask: requests that no HTTP library would write, at a server that really listens."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pcapaudit.web.door.throttle import MOST_FAILURES
from tests.web.hostile import MARK, hostile_capture
from tests.web.support import TOKEN

BEARER = f"Authorization: Bearer {TOKEN}\r\n"
HOST = "Host: 127.0.0.1\r\n"
END = "Connection: close\r\n\r\n"


class Listening:
    """A server of its own process; everything it writes is kept."""

    def __init__(self, port: int, data_dir: Path) -> None:
        self.port, self.data_dir = port, data_dir
        self.said: list[str] = []

    def ask(self, request: str | bytes, *, is_whole: bool = True) -> str:
        """Send bytes as they are; everything that comes back until the server closes."""
        got = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as asking, suppress(ConnectionError):
            asking.sendall(request if isinstance(request, bytes) else request.encode("latin-1"))
            if not is_whole:
                asking.shutdown(socket.SHUT_WR)
            while chunk := asking.recv(65536):
                got += chunk
        return got.decode("latin-1")

    def status(self, request: str | bytes, *, is_whole: bool = True) -> int:
        """The status of the first answer; 0 when there is none."""
        return int(self.ask(request, is_whole=is_whole).partition(" ")[2][:3] or 0)


@contextmanager
def listening(data_dir: Path, *more: str) -> Iterator[Listening]:
    words = [sys.executable, "-m", "pcapaudit", "serve", "--port", "0", "--data-dir", str(data_dir), *more]
    environment = {**os.environ, "PCAPAUDIT_TOKEN": TOKEN}
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        port = next(found for line in process.stderr if (found := re.search(r":(\d+)/login", line)))
        server = Listening(int(port[1]), data_dir)
        reader = threading.Thread(target=server.said.extend, args=(process.stderr,))
        reader.start()
        try:
            yield server
        finally:
            process.kill()
            reader.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    with listening(tmp_path_factory.mktemp("wire") / "data") as server:
        yield server


def test_the_server_answers_who_shows_the_token(server: Listening) -> None:
    assert server.status(f"GET /api/captures HTTP/1.1\r\n{HOST}{BEARER}{END}") == 200
    assert server.status(f"GET /api/captures HTTP/1.1\r\n{HOST}{END}") == 401


@pytest.mark.parametrize(
    "host",
    ["", "Host: \r\n", "Host: evil.example\r\n", "Host: 127.0.0.1\r\nHost: evil.example\r\n", "Host: [::1\r\n"]
    + [f"Host: 127.0.0.1{more}\r\n" for more in ("/login?", "/static/", "#", "@evil.example", ", evil.example", "\\x")],
)
def test_a_host_that_is_none_of_ours_opens_nothing(server: Listening, host: str) -> None:
    for version in ("1.0", "1.1"):
        assert server.status(f"GET /api/captures HTTP/{version}\r\n{host}{BEARER}{END}") in {400, 421}


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/api/captures",
        "http://127.0.0.1/api/captures",
        "//evil.example/api/captures",
        "/login/../api/captures",
        "/static/../api/captures",
        "/static/..%2f..%2fapi/captures",
        "/login;/api/captures",
        "/login%00/api/captures",
        "/./api/captures",
        "//api/captures",
        "/API/captures",
        "/api/captures/",
        "*",
        "api/captures",
    ],
)
def test_no_way_of_writing_a_path_goes_round_the_door(server: Listening, target: str) -> None:
    answer = server.ask(f"GET {target} HTTP/1.1\r\n{HOST}{END}")
    assert 'captures":' not in answer
    assert answer.split(" ")[1] in {"303", "307", "400", "401", "404"}


@pytest.mark.parametrize("target", ["/static/../../pcapaudit/web/app.py", "/static/..", "/..", "/../../../etc/passwd"])
def test_dots_in_a_path_lead_to_no_file(server: Listening, target: str) -> None:
    answer = server.ask(f"GET {target} HTTP/1.1\r\n{HOST}{BEARER}{END}")
    assert answer.split(" ")[1] == "404"
    assert "import" not in answer


def test_of_two_lengths_for_one_body_no_second_request_is_made(server: Listening) -> None:
    hidden = f"GET /api/captures HTTP/1.1\r\n{HOST}{BEARER}\r\n"
    both = f"Content-Length: {len(hidden) + 5}\r\nTransfer-Encoding: chunked\r\n"
    answer = server.ask(f"PUT /api/captures?name=x HTTP/1.1\r\n{HOST}{BEARER}{both}{END}0\r\n\r\n{hidden}")
    assert answer.count("HTTP/1.1 ") == 1
    for header in (
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "A : b\r\n",
    ):
        assert server.status(f"PUT /api/captures?name=x HTTP/1.1\r\n{HOST}{BEARER}{header}{END}12345") in {400, 501}


def test_a_header_without_end_is_not_kept(server: Listening) -> None:
    assert server.status(f"GET / HTTP/1.1\r\n{HOST}X: {'x' * 2_000_000}\r\n{END}") in {400, 431}
    assert server.status(f"GET /?{'x' * 200_000} HTTP/1.1\r\n{HOST}{END}") in {400, 414, 431}


@pytest.mark.parametrize(
    "start", ["\x16\x03\x01\x02\x00\x01", "GET / HTTP/9.9\r\n\r\n", "\r\n" * 50, "GET\r\n\r\n", "\x00" * 500]
)
def test_what_is_no_request_is_no_fault(server: Listening, start: str) -> None:
    assert server.status(start, is_whole=False) in {0, 400, 421}
    assert server.status(f"GET /api/captures HTTP/1.1\r\n{HOST}{BEARER}{END}") == 200


def test_an_answer_to_head_has_no_body(server: Listening) -> None:
    head, _, body = server.ask(f"HEAD /login HTTP/1.1\r\n{HOST}{END}").partition("\r\n\r\n")
    assert (head.split(" ")[1], body) == ("200", "")
    assert "content-security-policy" in head


def test_no_other_protocol_is_spoken(server: Listening) -> None:
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n"
    upgrade += "Sec-WebSocket-Key: eA==\r\n\r\n"
    assert server.status(f"GET /api/captures HTTP/1.1\r\n{HOST}{BEARER}{upgrade}") != 101


def test_every_file_is_for_its_owner_alone_and_the_log_is_silent(server: Listening) -> None:
    body = hostile_capture()
    head = (
        f"PUT /api/captures?name={MARK}.pcap&note={MARK} HTTP/1.1\r\n{HOST}{BEARER}Content-Length: {len(body)}\r\n{END}"
    )
    found = re.search(r'"id": ?"(\w+)"', server.ask(head.encode() + body))
    assert found is not None
    told = server.ask(f"GET /api/captures/{found[1]}/events HTTP/1.1\r\n{HOST}{BEARER}{END}")
    assert '"state": "done"' in told

    for path in server.data_dir.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert not [line for line in server.said if MARK in line or "sensorist" in line]


# --- behind a proxy -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """One that is kept for the server: with --url, the address that is printed has not its port.

    The system gives a port at which somebody stands without listening to nobody who asks for any; who asks for that
    one may listen there (SO_REUSEADDR in socket(7)).
    """
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield int(kept.getsockname()[1])


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Listening]:
    folder = tmp_path_factory.mktemp("behind") / "data"
    with listening(folder, "--port", str(port), "--url", f"https://audit.example:{port}") as server:
        yield server


def guess(server: Listening, times: int, *headers: str) -> int:
    """The status of the last of so many requests with a wrong token."""
    asked = f"GET /api/captures HTTP/1.1\r\n{HOST}{''.join(headers)}Authorization: Bearer wrong\r\n{END}"
    return [server.status(asked) for _ in range(times)][-1]


def test_behind_a_proxy_each_guesser_waits_alone(behind: Listening) -> None:
    assert guess(behind, MOST_FAILURES + 1, "X-Forwarded-For: 192.0.2.1\r\n") == 429
    assert guess(behind, 1, "X-Forwarded-For: 192.0.2.2\r\n") == 401


def test_without_a_proxy_nobody_passes_for_another(server: Listening) -> None:
    for number in range(MOST_FAILURES):
        guess(server, 1, f"X-Forwarded-For: 192.0.2.{number}\r\n")
    assert guess(server, 1, "X-Forwarded-For: 192.0.2.99\r\n") == 429


def test_behind_a_proxy_the_cookie_needs_tls_and_the_origin_is_the_proxys(behind: Listening, port: int) -> None:
    form = f"secret={TOKEN}"
    head = f"POST /login HTTP/1.1\r\nHost: audit.example:{port}\r\nContent-Length: {len(form)}\r\n"
    answer = behind.ask(f"{head}Origin: https://audit.example:{port}\r\n{END}{form}")
    assert "__Host-pcapaudit=" in answer
    assert "; Secure" in answer
    assert behind.status(f"{head}Origin: https://evil.example\r\n{END}{form}") == 403
