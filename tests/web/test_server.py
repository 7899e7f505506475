"""The server as a process: it announces itself, keeps others off its folder, and comes back after a kill."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import pytest

from pcapaudit.model.errors import UsageError
from pcapaudit.web.server import Address, serve
from pcapaudit.web.settings import Settings
from tests.web.support import BLINKING, TOKEN

HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@contextmanager
def running(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server on a free port, killed without mercy at the end, and its address."""
    words = [sys.executable, "-m", "pcapaudit", "serve", "--port", "0", "--data-dir", str(data_dir)]
    environment = {**os.environ, "PCAPAUDIT_TOKEN": TOKEN}
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stderr is not None
        line = next(line for line in server.stderr if line.startswith("open "))
        try:
            yield server, line.removeprefix("open ").split("/login")[0]
        finally:
            server.kill()


def test_a_server_killed_in_the_middle_of_an_upload_shows_nothing_of_it_and_all_else(tmp_path: Path) -> None:
    with running(tmp_path) as (server, url):
        httpx.put(f"{url}/api/captures?name=whole.pcapng", content=BLINKING.read_bytes(), headers=HEADERS)

        def half() -> Iterator[bytes]:
            yield bytes(100_000)
            server.send_signal(signal.SIGKILL)
            yield bytes(100_000)

        with pytest.raises(httpx.TransportError):
            httpx.put(f"{url}/api/captures?name=half.pcapng", content=half(), headers=HEADERS)

    with running(tmp_path) as (_, url):
        (line,) = httpx.get(f"{url}/api/captures", headers=HEADERS).json()["captures"]
        with httpx.stream("GET", f"{url}/api/captures/{line['id']}/events", headers=HEADERS, timeout=60) as events:
            last = [text for text in events.iter_lines() if text.startswith("data: ")][-1]
        assert '"state": "done"' in last
        assert line["name"] == "whole.pcapng"
        assert list((tmp_path / "incoming").iterdir()) == []


def test_a_second_server_keeps_off_the_folder_of_the_first(tmp_path: Path) -> None:
    with running(tmp_path), pytest.raises(UsageError, match="another server uses the data folder"):
        serve(Settings(tmp_path, TOKEN), Address("127.0.0.1", 0), lambda _: None)


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1 port {port}: Address already in use"):
            serve(Settings(tmp_path, TOKEN), Address("127.0.0.1", port), lambda _: None)


@pytest.mark.parametrize(
    ("host", "url", "names"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000", {"127.0.0.1", "::1", "localhost"}),
        ("10.0.0.2", "http://10.0.0.2:8000", {"10.0.0.2"}),
        ("::1", "http://[::1]:8000", {"127.0.0.1", "::1", "localhost"}),
        ("0.0.0.0", "http://localhost:8000", set()),
    ],
)
def test_an_address_has_a_url_and_names(host: str, url: str, names: set[str]) -> None:
    address = Address(host, 8000)
    assert (address.url(8000), set(address.names)) == (url, names)
