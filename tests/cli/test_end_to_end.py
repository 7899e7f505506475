"""The command as its users start it: a process of its own, with pipes, signals and an odd terminal."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "pcapaudit"]
PIPE_BYTES = 1 << 16
"""What a pipe of Linux holds (pipe(7)): a writer that wrote more has been read from."""
PCAP_HEADER = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
ARP_RECORD = bytes.fromhex("00000000000000002a0000002a000000") + bytes.fromhex(
    "ffffffffffff 02000a000005 0806 0001 0800 06 04 0001 02000a000005 0a000005 000000000000 0a000001"
)


def start(*words: str, setting: Mapping[str, str] | None = None, stdin: bytes | None = None) -> Any:
    """Run the command to its end; standard output and error as bytes."""
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM", "PYTHONIOENCODING")}
    return subprocess.run(
        [*COMMAND, *words], input=stdin, capture_output=True, env={**environment, **(setting or {})}, check=False
    )


@pytest.fixture(scope="module")
def sample(checkout: Path) -> Path:
    return checkout / "samples" / "sensorist-blinking-red.pcapng"


def test_a_compressed_capture_comes_through_a_pipe(sample: Path) -> None:
    done = start("audit", "--format", "json", "-", stdin=gzip.compress(sample.read_bytes()))
    assert (done.returncode, done.stderr) == (1, b"")
    assert json.loads(done.stdout)["devices"][0]["root_cause"]["rule"] == "TCP-ALL-PORTS-FAIL"


def test_a_terminal_that_knows_ascii_alone_gets_ascii(sample: Path) -> None:
    done = start("audit", str(sample), setting={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    assert done.returncode == 1
    assert done.stdout.isascii()
    assert b"connect X" in done.stdout


def test_colour_that_was_asked_for_comes_through_a_pipe_and_else_none(sample: Path) -> None:
    assert b"\x1b[" not in start("audit", str(sample)).stdout
    assert b"\x1b[1;31m" in start("audit", "--color", "always", str(sample)).stdout


def test_an_output_file_that_cannot_be_written_is_named(sample: Path, tmp_path: Path) -> None:
    target = tmp_path / "missing" / "report.txt"
    done = start("audit", "-o", str(target), str(sample))
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"cannot write {target}: No such file or directory".encode() in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", b"it is empty"),
        (b"GIF89a" + bytes(60), b"no capture"),
        (PCAP_HEADER[:10], b"cut short: 10 of at least 24 bytes"),
    ],
    ids=["an empty file", "a picture", "half a header"],
)
def test_what_is_no_capture_is_said_in_a_line_with_its_name(content: bytes, words: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd.pcap"
    path.write_bytes(content)
    done = start("audit", str(path))
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"\n") == 1
    assert b"odd.pcap at byte 0" in done.stderr
    assert words in done.stderr


@contextmanager
def audit_of_an_open_pipe(start_of_capture: bytes, *more: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """An audit that waits for more of a capture, and how many bytes of it were worked off at least."""
    words = [*COMMAND, "audit", "--format", "json", "--progress", "json", *more, "-"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdin is not None
        assert running.stderr is not None
        running.stdin.write(start_of_capture)
        running.stdin.flush()
        yield running, json.loads(running.stderr.readline())["done"]


@pytest.mark.parametrize("frames", [1, 1000, 64 * PIPE_BYTES // len(ARP_RECORD)])
def test_ctrl_c_gives_the_report_of_what_came_through_an_open_pipe(frames: int) -> None:
    with audit_of_an_open_pipe(PCAP_HEADER + ARP_RECORD * frames) as (running, done):
        running.send_signal(signal.SIGINT)
        assert running.stdout is not None
        report = json.loads(running.stdout.read())
        assert running.wait() == 130
    counted = report["captures"][0]["counters"]["frames"]
    assert report["partial"] is True
    assert 0 < (done - len(PCAP_HEADER)) // len(ARP_RECORD) <= counted <= frames
    assert report["captures"][0]["files"] == [{"source": "-", "first_frame": 1, "frames": counted}]


def test_a_second_ctrl_c_ends_at_once(sample: Path) -> None:
    # The report does not fit into a pipe that nobody reads: without the second Ctrl-C this would never end.
    with audit_of_an_open_pipe(sample.read_bytes(), "--why", "--all-devices") as (running, _):
        running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        while json.loads(running.stderr.readline())["phase"] != "judging":
            pass
        running.send_signal(signal.SIGINT)
        assert running.wait() == 130
        assert running.stderr.read().endswith(b"pcapaudit: interrupted\n")


def test_a_reader_that_closes_the_pipe_early_is_no_fault(sample: Path) -> None:
    words = f"{sys.executable} -m pcapaudit audit --why --format markdown {sample} | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", words], capture_output=True, check=False)
    assert done.stderr == b""
    assert done.stdout.startswith(b"# ")
