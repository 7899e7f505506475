"""A server that watches a real interface: frames go through a virtual cable, dumpcap captures them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pcapaudit.capture import open_capture
from pcapaudit.model.frames import CaptureNotes
from tests.support.mirror_port import INSIDE, MirrorPort, mirror_port
from tests.web.process import Server, children_of, is_alive, running, wait_until
from tests.web.support import BLINKING

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_tshark, pytest.mark.slow]


@pytest.fixture
def port(tmp_path: Path) -> Iterator[MirrorPort]:
    """The cable; this thread, and what it starts, are where it is."""
    with mirror_port(tmp_path) as made, made.namespace.entered():
        yield made


def frames_of(path: Path) -> Iterator[tuple[int, bytes]]:
    for batch in open_capture(path, notes=CaptureNotes()):
        for time_ns, at, size in zip(batch.time_ns, batch.offset, batch.captured, strict=True):
            yield time_ns, bytes(batch.data[at : at + size])


def ask(server: Server, path: str) -> Any:
    return server.client.get(path).json()


def wait_for_capture(server: Server, files: int = 1) -> None:
    """Until the interface is open: then the ring has another file."""

    def has_begun() -> bool:
        status = ask(server, "/api/live")["status"]
        return bool(status and status["ring"]["files"] == files)

    wait_until(has_begun)


@pytest.fixture(params=["dumpcap", "tcpdump"])
def capturing(request: pytest.FixtureRequest, tmp_path: Path, require_tool: Callable[[str], str]) -> list[str]:
    """What a command begins with that finds one program that captures; dumpcap writes pcapng, tcpdump pcap."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / request.param).symlink_to(require_tool(request.param))
    return ["env", f"PATH={folder}"]


def has_failed(status: Any, frames: int) -> bool:
    """Whether a device is offline after so many frames."""
    return bool(status["frames"] == frames and status["verdicts"].get("failed"))


def test_a_loss_is_shown_while_it_happens_and_a_report_of_that_window_says_the_same(
    port: MirrorPort, capturing: list[str], tmp_path: Path
) -> None:
    """The sample at twenty times its own speed; then silence, in which the rules' waiting times go by."""
    with running(tmp_path / "data", "--live", INSIDE, before=port.words(*capturing)) as server:
        wait_for_capture(server)
        (kept,) = (tmp_path / "data" / "live" / "ring").iterdir()
        assert kept.suffix == (".pcapng" if (tmp_path / "programs" / "dumpcap").exists() else ".pcap")
        sent = port.play(frames_of(BLINKING), 20)
        lost = wait_until(
            lambda: [event for event in ask(server, "/api/live/events")["events"] if event["event"] == "lost"]
        )[0]
        told = wait_until(lambda: has_failed(live := ask(server, "/api/live")["status"], sent) and live)
        taken = server.client.post("/api/live/window", json={})
        assert taken.status_code == 201
        assert server.end_of(taken.json()["id"])["state"] == "done"
        report = ask(server, f"/api/captures/{taken.json()['id']}/report")

    file = {"mac": "02:54:10:2b:30:01", "verdict": "failed", "stage": "connect", "rule": "TCP-ALL-PORTS-FAIL"}
    (shown,), (judged,) = told["devices"], report["devices"]
    assert {name: lost[name] for name in file} == file
    assert {name: shown[name] for name in file} == file
    assert {"mac": judged["mac"], "verdict": judged["verdict"]} | {
        name: judged["root_cause"][name] for name in ("stage", "rule")
    } == file
    assert lost["since"] == shown["since"] == judged["since"]
    assert (told["frames"], told["dropped"]) == (326, 0)
    assert report["captures"][0]["counters"]["frames"] == 326


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_behind_when_the_server_ends(port: MirrorPort, tmp_path: Path, number: signal.Signals) -> None:
    assert port.received() == 0
    with running(tmp_path / "data", "--live", INSIDE, before=port.words()) as server:
        wait_for_capture(server)
        (watch,) = children_of(server.process.pid)
        (capture,) = wait_until(lambda: children_of(watch))
        server.stop(number)
        wait_until(lambda: not (is_alive(watch) or is_alive(capture)))


def test_a_watch_that_was_killed_begins_anew_and_goes_on(port: MirrorPort, tmp_path: Path) -> None:
    with running(tmp_path / "data", "--live", INSIDE, before=port.words()) as server:
        wait_for_capture(server)
        (first,) = children_of(server.process.pid)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: set(children_of(server.process.pid)) - {first})
        wait_for_capture(server, files=2)
        port.send(frame for _, frame in frames_of(BLINKING))
        told = wait_until(lambda: (live := ask(server, "/api/live")["status"])["frames"] and live)
    assert 0 < told["frames"] <= 326


def kinds_of(server: Server) -> list[str]:
    return [event["event"] for event in ask(server, "/api/live/events")["events"]]


def test_no_report_goes_over_the_time_in_which_the_interface_was_down(port: MirrorPort, tmp_path: Path) -> None:
    frames = [frame for _, frame in frames_of(BLINKING)]
    with running(tmp_path / "data", "--live", INSIDE, before=port.words()) as server:
        wait_for_capture(server)
        port.send(frames)
        wait_until(lambda: ask(server, "/api/live")["status"]["frames"] == len(frames))
        port.namespace.configure("link", "set", INSIDE, "down")
        wait_until(lambda: ask(server, "/api/live")["status"]["is_blind"])
        port.namespace.configure("link", "set", INSIDE, "up")
        kinds = wait_until(lambda: port.send(frames[:1]) and "sighted" in (found := kinds_of(server)) and found)
        taken = server.client.post("/api/live/window", json={}).json()["id"]
        note = ask(server, f"/api/captures/{taken}")["note"]
    assert kinds.index("sighted") < kinds.index("blind"), "the newest comes first"
    assert note.startswith("Nothing was watched from ")


def test_an_interface_that_is_not_there_is_said(port: MirrorPort, tmp_path: Path) -> None:
    assert port.received() == 0
    with running(tmp_path / "data", "--live", "nowhere0") as server:
        said = wait_until(lambda: ask(server, "/api/live")["fault"])
        assert "there is no such interface" in said
        assert server.client.get("/").status_code == 200
