"""What goes wrong in the world, done to a real server over real sockets: it says so and goes on."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.support.disk import small_disk
from tests.web.process import HEADERS, PATIENCE_S, Server, frozen_analysis, is_alive, long_capture, running, wait_until
from tests.web.support import BLINKING, SAMPLES

SMALL = (SAMPLES / "sensorist-no-dhcp.pcapng").read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """One server for all tests that must leave it as good as new."""
    with running(folder, "--max-upload", "20M") as started:
        yield started


def incoming(folder: Path) -> list[Path]:
    return list((folder / "incoming").iterdir())


# --- uploads ----------------------------------------------------------------------------------------------


def test_an_upload_over_the_limit_is_told_so_announced_or_not(server: Server, folder: Path) -> None:
    for content in (bytes(21 << 20), iter([bytes(1 << 20)] * 21)):
        answer = server.upload(content, "large.pcap")
        assert (answer.status_code, "this server's limit" in answer.json()["error"]) == (413, True)
    assert incoming(folder) == []
    assert all(line["name"] != "large.pcap" for line in server.captures())


def test_a_wrong_wish_is_refused_before_the_body_comes(server: Server, folder: Path) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(
            b"PUT /api/captures?device=nonsense HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000000\r\n"
            + f"Authorization: {HEADERS['Authorization']}\r\n\r\n".encode()
        )
        answer = b""
        while b'"field":"device"' not in answer:
            answer += connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert incoming(folder) == []


def test_the_longest_note_goes_with_an_upload(server: Server) -> None:
    note = "\U0001f50c" * 5_000
    capture = server.upload(SMALL, "noted.pcapng", note=note).json()["id"]
    assert server.client.get(f"/api/captures/{capture}").json()["note"] == note


def test_a_connection_that_breaks_off_leaves_nothing(server: Server, folder: Path) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(
            b"PUT /api/captures?name=cut.pcap HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000000\r\n"
            + f"Authorization: {HEADERS['Authorization']}\r\n\r\n".encode()
            + bytes(3_000_000)
        )
        wait_until(lambda: incoming(folder))
    wait_until(lambda: not incoming(folder))
    assert all(line["name"] != "cut.pcap" for line in server.captures())


def test_fifty_uploads_at_once_are_taken_byte_by_byte_and_equal_ones_are_known(tmp_path: Path) -> None:
    contents = [SMALL + bytes([number]) for number in range(25)] + [BLINKING.read_bytes()] * 25
    with running(tmp_path) as busy, ThreadPoolExecutor(50) as threads:
        url = f"{busy.url}/api/captures"
        put = partial(httpx.put, url, headers=HEADERS, timeout=PATIENCE_S)
        answers = list(threads.map(lambda content: put(content=content), contents))
        ids = [answer.json()["id"] for answer in answers]

        assert sorted(answer.status_code for answer in answers) == [200] * 24 + [201] * 26
        assert len(set(ids[:25])) == 25
        assert len(set(ids[25:])) == 1
        for entry_id, content in zip(ids, contents, strict=True):
            assert (tmp_path / "captures" / entry_id / "capture").read_bytes() == content
        sums = {line["sha256"] for line in busy.captures()}
        assert sums == {hashlib.sha256(content).hexdigest() for content in contents}
        assert incoming(tmp_path) == []


@pytest.mark.parametrize(("content", "reason"), [(b"", "it is empty"), (b"GIF89a" + bytes(90), "no capture: starts")])
def test_what_is_no_capture_says_so_and_the_next_is_read(server: Server, content: bytes, reason: str) -> None:
    odd = server.upload(content, "odd.pcap").json()["id"]
    good = server.upload(SMALL, "good.pcapng").json()["id"]
    assert reason in server.end_of(odd)["reason"]
    assert server.end_of(good)["state"] == "done"


# --- the process of an analysis -----------------------------------------------------------------------------


def test_an_analysis_that_is_killed_fails_alone_and_can_be_run_again(server: Server) -> None:
    capture = server.upload(long_capture(250_000), "killed.pcap").json()["id"]
    child = frozen_analysis(server)
    after = server.upload(SMALL, "after.pcapng", note="after").json()["id"]
    os.kill(child, signal.SIGKILL)

    end = server.end_of(capture)
    assert (end["state"], end["reason"][:38]) == ("failed", "the analysis was killed (SIGKILL), as ")
    assert server.end_of(after)["state"] == "done"
    assert server.client.post(f"/api/captures/{capture}/again").status_code == 204
    assert server.end_of(capture)["state"] == "done"
    assert server.client.post(f"/api/captures/{capture}/again").status_code == 409


def test_a_capture_is_deleted_in_the_middle_of_its_analysis(server: Server, folder: Path) -> None:
    capture = server.upload(long_capture(200_000), "deleted.pcap").json()["id"]
    child = frozen_analysis(server)

    assert server.client.delete(f"/api/captures/{capture}").status_code == 204
    assert server.client.get(f"/api/captures/{capture}").status_code == 404
    assert not is_alive(child)
    assert not (folder / "captures" / capture).exists()


def test_an_analysis_is_cancelled_and_the_file_stays(server: Server, folder: Path) -> None:
    capture = server.upload(long_capture(200_001), "cancelled.pcap").json()["id"]
    child = frozen_analysis(server)
    with server.client.stream("GET", f"/api/events?id={capture}") as events:
        lines = events.iter_lines()
        first = next(line for line in lines if line.startswith("data: "))
        assert server.client.post(f"/api/captures/{capture}/cancel").status_code == 204
        last = [line for line in lines if line.startswith("data: ")][-1]
    assert json.loads(first.removeprefix("data: "))["state"] == "running"
    assert json.loads(last.removeprefix("data: "))["state"] == "cancelled"
    assert not is_alive(child)
    assert [path.name for path in (folder / "captures" / capture).iterdir()] == ["capture"]


# --- those who only hold on -----------------------------------------------------------------------------------


def test_who_watches_and_goes_away_costs_nothing(server: Server) -> None:
    def count_open() -> int:
        return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))

    capture = server.upload(long_capture(200_002), "watched.pcap").json()["id"]
    child = frozen_analysis(server)
    before = count_open()
    asked = f"GET /api/captures/{capture}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    watchers = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(30)]
    for watcher in watchers:
        watcher.sendall(f"{asked}Authorization: {HEADERS['Authorization']}\r\n\r\n".encode())
    for watcher in watchers:
        assert b"text/event-stream" in watcher.recv(65536)
        watcher.close()
    wait_until(lambda: count_open() <= before)
    os.kill(child, signal.SIGCONT)
    assert server.end_of(capture)["state"] == "done"


def test_connections_that_say_nothing_keep_nobody_out(server: Server) -> None:
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
    for connection in silent[::2]:
        connection.sendall(b"GET / HTTP/1.1\r\nHo")
    assert server.client.get("/api/captures").status_code == 200
    for connection in silent:
        connection.close()


# --- the disk ---------------------------------------------------------------------------------------------------


def test_a_file_that_may_not_grow_is_a_full_disk(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))
        answer = server.upload(iter([bytes(1 << 20)] * 5), "large.pcap")
        assert (answer.status_code, answer.json()["error"][:17]) == (507, "the disk is full:")
        assert incoming(tmp_path) == []
        assert server.end_of(server.upload(SMALL).json()["id"])["state"] == "done"


def fill(folder: Path) -> Path:
    """Take all the room that is left."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as out:
        while True:
            try:
                out.write(bytes(4096))
            except OSError:
                return filler


@pytest.mark.needs_root
def test_a_disk_that_becomes_full_while_a_capture_comes_takes_the_next_one(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 24) as disk, running(disk) as server:
        refused = server.upload(bytes(23 << 20), "announced.pcap")
        assert refused.status_code == 507
        assert "the capture has 24.1 MB, and the data folder has room for 1" in refused.json()["error"]

        filled = server.upload(iter([bytes(1 << 20)] * 30), "filling.pcap")
        assert (filled.status_code, filled.json()["error"][:17]) == (507, "the disk is full:")
        assert incoming(disk) == []
        assert server.end_of(server.upload(SMALL).json()["id"])["state"] == "done"


@pytest.mark.needs_root
def test_a_disk_that_is_full_when_the_report_is_written_is_named_and_deleting_makes_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 24) as disk, running(disk) as server:
        old = server.upload(SMALL, "old.pcapng").json()["id"]
        assert server.end_of(old)["state"] == "done"
        capture = server.upload(long_capture(150_000), "new.pcap").json()["id"]
        child = frozen_analysis(server)
        fill(disk)
        os.kill(child, signal.SIGCONT)
        wait_until(lambda: not is_alive(child))

        # A full disk is no reason why nothing can be deleted from it.
        assert server.client.delete(f"/api/captures/{old}").status_code == 204
        end = server.end_of(capture)
        assert (end["state"], end["reason"]) == ("failed", "cannot write the report: No space left on device")
        assert [path.name for path in (disk / "captures" / capture).iterdir()] == ["capture"]

        (disk / "filler").unlink()
        assert server.client.post(f"/api/captures/{capture}/again").status_code == 204
        assert server.end_of(capture)["state"] == "done"
