"""How the server starts and ends: what it says, whom it keeps off, what it refuses to begin with."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from pcapaudit.model.errors import UsageError
from pcapaudit.web import server
from pcapaudit.web.server import Address, serve
from pcapaudit.web.settings import Settings, prepare_folder
from tests.web.process import frozen_analysis, is_alive, long_capture, running, wait_until
from tests.web.support import BLINKING, TOKEN


def begin(data_dir: Path) -> None:
    serve(Settings(data_dir, TOKEN), Address("127.0.0.1", 0), lambda _: None)


# --- what it refuses to begin with ------------------------------------------------------------------------


def test_a_second_server_keeps_off_the_folder_of_the_first(tmp_path: Path) -> None:
    with running(tmp_path):
        words = [sys.executable, "-m", "pcapaudit", "serve", "--port", "0", "--data-dir", str(tmp_path)]
        second = subprocess.run(words, capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert f"another server uses the data folder {tmp_path}: stop it, or give --data-dir" in second.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1 port {port}: Address already in use"):
            serve(Settings(tmp_path, TOKEN), Address("127.0.0.1", port), lambda _: None)


@pytest.mark.parametrize("content", [b"no database at all, but text" * 100, b"SQLite format 3\0" + bytes(4080)])
def test_a_damaged_list_is_named_and_nothing_is_touched(tmp_path: Path, content: bytes) -> None:
    prepare_folder(tmp_path)
    kept = tmp_path / "captures" / "1" / "capture"
    kept.parent.mkdir()
    kept.write_bytes(b"abc")
    (tmp_path / "list.sqlite3").write_bytes(content)

    with pytest.raises(UsageError, match=r"the list .*list\.sqlite3 is (damaged|lost)"):
        begin(tmp_path)
    assert (tmp_path / "list.sqlite3").read_bytes() == content
    assert kept.read_bytes() == b"abc"


def test_a_list_with_a_damaged_page_is_named(tmp_path: Path) -> None:
    prepare_folder(tmp_path)
    path = tmp_path / "list.sqlite3"
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE captures (id TEXT PRIMARY KEY, name TEXT)")
        base.executemany("INSERT INTO captures VALUES (?, ?)", [(str(n), "x" * 100) for n in range(500)])
    base.close()
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 4] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is damaged"):
        begin(tmp_path)


def test_captures_without_their_list_are_not_cleared_away(tmp_path: Path) -> None:
    prepare_folder(tmp_path)
    (tmp_path / "captures" / "1").mkdir()
    with pytest.raises(UsageError, match="is lost, but captures are there: put it back"):
        begin(tmp_path)
    assert (tmp_path / "captures" / "1").exists()


@pytest.mark.parametrize("name", ["file", "file/below", "there"])
def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "incoming").write_text("")
    with pytest.raises(UsageError, match=f"the data folder {tmp_path / name} cannot be used: "):
        begin(tmp_path / name)


def test_a_lock_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(UsageError, match="cannot be used: Is a directory"):
        begin(tmp_path)


# --- how it ends ------------------------------------------------------------------------------------------


def test_ctrl_c_ends_it_with_a_word_and_without_a_fault(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        said = server.stop(signal.SIGINT)
        assert said.endswith("stopped; what was being analysed begins again with the next start\n")
        assert server.process.returncode == 0


def test_a_signal_that_comes_as_soon_as_it_says_where_it_is_ends_it_in_good_order(tmp_path: Path) -> None:
    program = f"""
import signal
from pathlib import Path
from pcapaudit.web.server import Address, serve
from pcapaudit.web.settings import Settings
settings = Settings(Path({str(tmp_path)!r}), {TOKEN!r})
serve(settings, Address("127.0.0.1", 0), lambda _: signal.raise_signal(signal.SIGINT))
print("in good order")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "in good order\n", "")


def test_a_server_that_is_stopped_at_work_ends_at_once_and_goes_on_the_next_time(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        capture = server.upload(long_capture(), "long.pcap").json()["id"]
        child = frozen_analysis(server)

        def half() -> Iterator[bytes]:
            yield bytes(100_000)
            wait_until(lambda: list((tmp_path / "incoming").iterdir()))
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: server.process.poll() is not None or not list((tmp_path / "incoming").iterdir()))

        # Whether the answer still arrives while bytes are on their way is up to the network.
        with contextlib.suppress(httpx.TransportError):
            assert server.upload(half(), "half.pcap").status_code == 503
        said = server.stop()
        assert server.process.returncode == 0
        assert "ERROR" not in said
        assert not is_alive(child)

    with running(tmp_path) as server:
        assert [line["name"] for line in server.captures()] == ["long.pcap"]
        assert server.end_of(capture)["state"] == "done"


def test_a_server_killed_in_the_middle_of_an_upload_shows_nothing_of_it_and_all_else(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        whole = server.upload(BLINKING.read_bytes(), "whole.pcapng").json()["id"]

        def half() -> Iterator[bytes]:
            yield bytes(3_000_000)
            wait_until(lambda: any(path.stat().st_size for path in (tmp_path / "incoming").iterdir()))
            server.process.kill()
            yield bytes(100_000)

        with pytest.raises(httpx.TransportError):
            server.upload(half(), "half.pcap")

    with running(tmp_path) as server:
        assert [line["id"] for line in server.captures()] == [whole]
        assert server.end_of(whole)["state"] == "done"
        assert list((tmp_path / "incoming").iterdir()) == []


def test_a_server_killed_in_the_middle_of_an_analysis_takes_it_along_and_runs_it_again(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        done = server.upload(BLINKING.read_bytes(), "done.pcapng").json()["id"]
        server.end_of(done)
        capture = server.upload(long_capture(), "long.pcap").json()["id"]
        child = frozen_analysis(server)
        server.process.kill()
        server.process.wait()
        # One that was stopped before it could ask to end with the server finds the server gone when it goes on.
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGCONT)
        wait_until(lambda: not is_alive(child))

    with running(tmp_path) as server:
        states = {line["id"]: line["state"] for line in server.captures()}
        assert states[done] == "done"
        assert states[capture] in ("queued", "running", "done")
        assert server.end_of(capture)["state"] == "done"
        assert server.client.get(f"/api/captures/{capture}/report").json()["captures"][0]["source"] == "long.pcap"


# --- how it listens ---------------------------------------------------------------------------------------


def test_it_says_what_one_must_know(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    words = [sys.executable, "-m", "pcapaudit", "serve", "--port", "0", "--data-dir", str(folder), "--keep", "7d"]
    environment = {name: value for name, value in os.environ.items() if name != "PCAPAUDIT_TOKEN"}
    with subprocess.Popen([*words, "--host", "0.0.0.0"], stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        said = [next(process.stderr) for _ in range(6)]
        process.kill()
    assert "not encrypted" in said[0]
    assert said[1] == f"captures and reports are kept in {folder} for 7d\n"
    assert "10G" in said[2]
    assert said[3] == f"scripts show the token in {folder / 'token'}\n"
    assert said[4].startswith("open http://localhost:")
    assert "Ctrl-C" in said[5]


@pytest.mark.parametrize(
    ("host", "url", "names", "is_loopback"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000", {"127.0.0.1", "::1", "localhost"}, True),
        ("10.0.0.2", "http://10.0.0.2:8000", {"10.0.0.2"}, False),
        ("::1", "http://[::1]:8000", {"127.0.0.1", "::1", "localhost"}, True),
        ("0.0.0.0", "http://localhost:8000", set(), False),
    ],
)
def test_an_address_has_a_url_and_names(host: str, url: str, names: set[str], is_loopback: bool) -> None:
    address = Address(host, 8000)
    assert (address.url(8000), set(address.names), address.is_loopback) == (url, names, is_loopback)


@pytest.mark.parametrize(
    ("soft", "most", "set_to"),
    [(1024, 1 << 20, 4000), (1024, 2000, 2000), (1024, -1, 4000), (8000, 8000, None), (-1, -1, None)],
)
def test_it_may_open_as_many_files_as_it_takes_connections(
    monkeypatch: pytest.MonkeyPatch, soft: int, most: int, set_to: int | None
) -> None:
    changed: list[int] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, most))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: changed.append(limits[0]))
    server._allow_files()
    assert changed == ([] if set_to is None else [set_to])
