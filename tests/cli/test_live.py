from __future__ import annotations

import json
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import IO, Any

import pytest

from pcapaudit.capture import open_capture
from pcapaudit.cli.main import run
from pcapaudit.model.frames import CaptureNotes
from tests.laws.test_equal_reports import without_origin
from tests.support.mirror_port import INSIDE, MirrorPort, mirror_port

CHECKOUT = Path(__file__).resolve().parents[2]
BROKEN = CHECKOUT / "samples" / "sensorist-blinking-red.pcapng"
HEALTHY = CHECKOUT / "samples" / "sensorist-healthy.pcapng"
LIVE = [sys.executable, "-m", "pcapaudit", "live"]
AUDIT = [sys.executable, "-m", "pcapaudit", "audit", "--format", "json"]


def watch_file(path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Give a file's bytes through a pipe."""
    with path.open("rb") as source:
        return _run([*LIVE, "-r", "-", *words], source)


def _run(words: list[str], source: IO[bytes] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, stdin=source, capture_output=True, text=True, check=False, cwd=CHECKOUT)


def test_the_report_at_the_end_is_that_of_the_file_and_of_the_ring(tmp_path: Path) -> None:
    ring = tmp_path / "ring"
    done = watch_file(BROKEN, "--format", "json", "--keep-ring", str(ring), "--ring-size", "4M", "--ring-files", "4")
    assert done.returncode == 1
    assert without_origin(done.stdout) == without_origin(_run([*AUDIT, str(BROKEN)]).stdout)
    assert without_origin(done.stdout) == without_origin(_run([*AUDIT, str(ring)]).stdout)


def test_json_lines_are_one_event_each_and_tell_the_end() -> None:
    done = watch_file(HEALTHY, "--format", "jsonl")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert lines[0]["event"] == "seen"
    assert lines[0]["verdict"] == "healthy"
    assert lines[-1] == {"event": "end", "frames": 242, "dropped": 0, "devices": {"healthy": 1}}


def test_without_a_terminal_events_are_lines() -> None:
    done = watch_file(HEALTHY)
    (line,) = done.stdout.splitlines()
    assert line.endswith("is there and works")
    assert "242 frames, 0 lost while capturing; devices: 1 healthy" in done.stderr


def test_each_second_a_line_tells_how_all_stands_if_it_is_wished() -> None:
    done = watch_file(BROKEN, "--format", "jsonl", "--status")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    last = [line for line in lines if line["event"] == "status"][-1]
    assert last["verdicts"] == {"healthy": 0, "undecided": 0, "degraded": 0, "failed": 1}
    assert (last["frames"], last["source"], last["ring"]) == (326, "-", None)
    assert [device["verdict"] for device in last["devices"]] == ["failed"]


def test_a_watch_that_begins_anew_knows_what_was_said_before(tmp_path: Path) -> None:
    words = ["--format", "jsonl", "--state", str(tmp_path / "watch.sqlite")]
    first, again = ([json.loads(line) for line in watch_file(BROKEN, *words).stdout.splitlines()] for _ in range(2))
    assert [line["event"] for line in first] == ["lost", "end"]
    # It was offline when the first watch ended, and is so still: that is no news.
    assert [line["event"] for line in again] == ["sighted", "end"]


def test_a_watch_that_saw_no_frame_leaves_what_is_remembered_as_it_is(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pcap"
    # A file header of pcap (draft-ietf-opsawg-pcap, section 4) for Ethernet, and no frame.
    empty.write_bytes(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    words = ["--format", "jsonl", "--state", str(tmp_path / "watch.sqlite")]
    watch_file(BROKEN, *words)
    watch_file(empty, *words)
    again = [json.loads(line) for line in watch_file(BROKEN, *words).stdout.splitlines()]
    assert [line["event"] for line in again] == ["sighted", "end"]
    assert again[0]["lasted_s"] == 0


def test_a_memory_that_is_another_programs_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("letters of thirty years")
    done = watch_file(BROKEN, "--state", str(tmp_path / "mine.txt"))
    assert done.returncode == 2
    assert "mine.txt" in done.stderr
    assert (tmp_path / "mine.txt").read_text() == "letters of thirty years"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "give either -i NAME or -r -"),
        (["-i", "eth0", "-r", "-"], "give either -i NAME or -r -"),
        (["-r", "x.pcapng"], "a file does not go on: pcapaudit audit x.pcapng"),
        (["-r", "-", "--filter", "tcp"], "belong to -i"),
        (["-r", "-", "--duration", "soon"], "is no span of time"),
        (["-r", "-", "--window", "long"], "is no span of time"),
        (["-r", "-", "--status"], "--status belongs to --format jsonl"),
        (["-r", "-", "--keep-ring", "ring", "--ring-size", "much"], "is no size"),
        (["-r", "-", "--keep-ring", "ring", "--ring-size", "1M"], "must leave 1M for each of 20 files"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["live", *words]) == 2
    assert told in capsys.readouterr().err


def test_a_keyboard_is_no_pipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    assert run(["live", "-r", "-"]) == 2
    assert "standard input is the keyboard" in capsys.readouterr().err


def test_what_is_no_capture_is_said() -> None:
    done = watch_file(CHECKOUT / "setup.cfg")
    assert done.returncode == 2
    assert "no capture" in done.stderr
    assert done.stdout == ""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[MirrorPort]:
    with mirror_port(tmp_path) as made:
        yield made


def frames_of(path: Path) -> Iterator[tuple[int, bytes]]:
    for batch in open_capture(path, notes=CaptureNotes()):
        for time_ns, at, size in zip(batch.time_ns, batch.offset, batch.captured, strict=True):
            yield time_ns, bytes(batch.data[at : at + size])


@pytest.mark.slow
@pytest.mark.needs_root
@pytest.mark.needs_tshark
def test_a_device_that_is_cut_off_on_the_wire_is_told_while_it_happens(port: MirrorPort, tmp_path: Path) -> None:
    """The sample at twenty times its own speed; so are the rules' waiting times."""
    ring = tmp_path / "ring"
    words = [*LIVE, "-i", INSIDE, "--format", "jsonl", "--keep-ring", str(ring), "--set", "syn_wait=0.15"]
    with subprocess.Popen(port.words(*words), stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as process:
        assert process.stdout is not None
        _wait_for_file(ring)
        port.play(frames_of(BROKEN), 20)
        # Silence now: the ticks alone let the time pass.
        lost = next(event for event in map(json.loads, process.stdout) if event["event"] == "lost")
        process.send_signal(signal.SIGINT)
        *_, end = map(json.loads, process.stdout)

    audited = json.loads(_run([*AUDIT, "--set", "syn_wait=0.15", str(ring)]).stdout)
    (device,) = audited["devices"]
    assert process.returncode == 1
    assert end == {"event": "end", "frames": 326, "dropped": 0, "devices": {"failed": 1}}
    assert (lost["mac"], lost["stage"], lost["rule"]) == ("02:54:10:2b:30:01", "connect", "TCP-ALL-PORTS-FAIL")
    assert (lost["mac"], lost["since"]) == (device["mac"], device["since"])
    assert 48 in lost["frames"]


@pytest.mark.needs_root
@pytest.mark.needs_tshark
def test_the_report_of_an_interface_is_that_of_the_ring_kept_beside(port: MirrorPort, tmp_path: Path) -> None:
    ring = tmp_path / "ring"
    words = [*LIVE, "-i", INSIDE, "--format", "json", "--keep-ring", str(ring)]
    with subprocess.Popen(port.words(*words), stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as process:
        _wait_for_file(ring)
        (file,) = ring.iterdir()
        sent = port.send(frame for _, frame in frames_of(HEALTHY))
        # What is still on its way when the capture is ended may not come.
        _wait_until(lambda: sum(1 for _ in frames_of(file)) == sent)
        process.terminate()
        report, _ = process.communicate()

    assert json.loads(report)["captures"][0]["counters"]["frames"] == 242
    assert without_origin(report) == without_origin(_run([*AUDIT, str(ring)]).stdout)


def _wait_for_file(ring: Path) -> None:
    """The ring's first file comes with the header of the capture, when the interface is open."""
    _wait_until(lambda: ring.is_dir() and any(file.stat().st_size for file in ring.iterdir()))


def _wait_until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        Event().wait(0.02)


def _is_healthy(status: dict[str, Any]) -> bool:
    """Whether the only device is believed to work."""
    return [(device["verdict"], device["is_provisional"]) for device in status["devices"]] == [("healthy", False)]


@pytest.mark.slow
@pytest.mark.needs_root
@pytest.mark.needs_tshark
def test_a_cable_that_is_pulled_out_is_told_and_no_device_is_accused(port: MirrorPort) -> None:
    words = [*LIVE, "-i", INSIDE, "--format", "jsonl", "--status"]
    with subprocess.Popen(port.words(*words), stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as process:
        assert process.stdout is not None
        lines = map(json.loads, process.stdout)
        # Nothing is lost at its begin: the first line comes when the interface is watched.
        next(lines)
        sent = port.play(frames_of(HEALTHY), 1000)
        # What is still on its way when the cable is pulled out may not come.
        next(line for line in lines if line["event"] == "status" and line["frames"] == sent and _is_healthy(line))
        port.unplug()
        blind = next(line for line in lines if line["event"] == "blind")
        port.plug()
        sighted = next(line for line in lines if line["event"] == "sighted")
        process.send_signal(signal.SIGTERM)
        *more, end = lines

    assert blind["summary"] == f"the interface {INSIDE} went down or away"
    assert sighted["lasted_s"] > 0
    assert {line["event"] for line in more} <= {"status"}
    assert (end["frames"], end["devices"], process.returncode) == (242, {"healthy": 1}, 0)


@pytest.mark.slow
@pytest.mark.needs_root
@pytest.mark.needs_tshark
def test_only_the_program_that_captures_has_the_privilege(
    port: MirrorPort, tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    """A user without any capability (capabilities(7)), and a dumpcap whose file has those that its package gives it."""
    dumpcap = shutil.copy(require_tool("dumpcap"), tmp_path / "dumpcap")
    subprocess.run([require_tool("setcap"), "cap_net_raw,cap_net_admin+ep", dumpcap], check=True)
    bare = [require_tool("setpriv"), "--securebits", "+noroot", "--inh-caps=-all"]
    words = port.words(
        require_tool("env"), f"PATH={tmp_path}", *bare, *LIVE, "-i", INSIDE, "--format", "jsonl", "--status"
    )
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as process:
        assert process.stdout is not None
        lines = map(json.loads, process.stdout)
        next(lines)
        assert "CapEff:\t0000000000000000\n" in Path(f"/proc/{process.pid}/status").read_text("ascii")
        port.play(frames_of(HEALTHY), 1000)
        seen = next(line for line in lines if line["event"] == "seen")
        process.send_signal(signal.SIGTERM)
        assert [line["event"] for line in lines][-1] == "end"
    assert (seen["verdict"], process.returncode) == ("healthy", 0)
