"""A server as a process of its own, for the tests that hurt it."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx

from tests.web.support import TOKEN

HEADERS = {"Authorization": f"Bearer {TOKEN}"}
PATIENCE_S = 60.0


class Server:
    """A server that runs, and what a script asks of it."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url
        self.port = int(url.rpartition(":")[2])
        self.client = httpx.Client(base_url=url, headers=HEADERS, timeout=PATIENCE_S)

    def upload(self, content: Any, name: str = "x.pcapng", **wishes: str) -> Any:
        """Send a capture: bytes, or an iterator of them; the answer."""
        return self.client.put("/api/captures", params={"name": name, **wishes}, content=content)

    def captures(self) -> list[dict[str, Any]]:
        """The list."""
        lines: list[dict[str, Any]] = self.client.get("/api/captures").json()["captures"]
        return lines

    def end_of(self, capture: str) -> dict[str, Any]:
        """The last that is told of a capture."""
        with self.client.stream("GET", f"/api/captures/{capture}/events") as answer:
            told = [line for line in answer.iter_lines() if line.startswith("data: ")]
        status: dict[str, Any] = json.loads(told[-1].removeprefix("data: "))
        return status

    def stop(self, number: signal.Signals = signal.SIGTERM) -> str:
        """Send a signal and wait for the end; what it wrote."""
        self.process.send_signal(number)
        assert self.process.stderr is not None
        said = self.process.stderr.read()
        self.process.wait(PATIENCE_S)
        return said


@contextmanager
def running(data_dir: Path, *options: str, before: Sequence[str] = ()) -> Iterator[Server]:
    """A server on a free port, killed without mercy at the end. ``before`` is what its command begins with."""
    words = [*before, sys.executable, "-m", "pcapaudit", "serve", "--port", "0", "--data-dir", str(data_dir), *options]
    environment = {**os.environ, "PCAPAUDIT_TOKEN": TOKEN}
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if line.startswith("open "))
        server = Server(process, line.removeprefix("open ").split("/login")[0])
        try:
            yield server
        finally:
            server.client.close()
            process.kill()


def wait_until(is_so: Callable[[], Any]) -> Any:
    """Look again and again until something is so; what it then is."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := is_so()):
        assert time.monotonic() < deadline, "that never came"
        time.sleep(0.01)
    return found


def children_of(pid: int) -> list[int]:
    """Processes that another one started and that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(stat.parent.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process still runs, whoever has it now."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def frozen_analysis(server: Server) -> int:
    """The process of the analysis that runs now, stopped where it is, so that it is still there for what comes next."""
    child: int = wait_until(lambda: next(filter(_is_analysis, children_of(server.process.pid)), None))
    os.kill(child, signal.SIGSTOP)
    return child


def _is_analysis(pid: int) -> bool:
    """Whether a process has become what it was made for; one that is stopped before would keep the server waiting."""
    try:
        return b"audit" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False


def long_capture(frames: int = 300_000) -> bytes:
    """A capture that takes long enough to be caught in the middle of its analysis: one datagram over and over.

    Source of the layout: the pcap file format, draft-ietf-opsawg-pcap.
    """
    ether = bytes.fromhex("02000a00000102000a0000050800")
    ip = bytes.fromhex("4500002e00004000401100000a0000050a000001")
    udp = struct.pack("!HHHH", 4000, 4001, 26, 0) + bytes(18)
    frame = ether + ip + udp
    record = struct.pack("<IIII", 1_700_000_000, 0, len(frame), len(frame)) + frame
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + record * frames
