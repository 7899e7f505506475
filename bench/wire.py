"""A wire instead of a file: frames go through a virtual cable at a given rate, and readers at its end count them."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from bench.launch import end_group, list_tree, measure_tree
from tests.support.mirror_port import INSIDE, OUTSIDE, MirrorPort, mirror_port

OURS_LIVE = "pcapaudit live"
_TICKS = os.sysconf("SC_CLK_TCK")
_EVERY_S = 0.25
_QUIET_S = 2.0
"""A reader that has used next to no processor for so long has read all; the kernel may keep frames for a second."""
_QUIET_SHARE = 0.1
_CAPTURERS = {"dumpcap", "tcpdump"}
_PATIENCE_S = 60.0


class WireError(Exception):
    """A reader or the sender did not do what it is there for; one sentence."""


@dataclass(frozen=True, slots=True)
class Count:
    """What a reader says of itself: frames that it has read, and that it knows were lost."""

    seen: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Reader:
    """One tool at the end of the wire; ``{port}`` stands for the interface, ``{folder}`` for an empty folder."""

    name: str
    does: str
    words: tuple[str, ...]
    count: Callable[[str, str], Count]
    """Reads the count from what the tool wrote to standard output and standard error."""
    module: str | None = None
    """What Python must have besides."""
    program: str | None = None
    """What must be installed, if it is not the first word."""

    @property
    def is_here(self) -> bool:
        """Whether it can be run on this machine."""
        has_module = self.module is None or importlib.util.find_spec(self.module) is not None
        return has_module and shutil.which(self.program or self.words[0]) is not None


@dataclass(frozen=True, slots=True)
class Run:
    """One reader at one rate.

    Attributes:
        sent: Frames that went into the cable, as the kernel counted them.
        sending_s: Seconds that took.
        count: What the reader says; None if it had to be ended.
        cpu_s: Processor time of the reader and all it started.
        sender_cpu_s: Of the sender, with the kernel's way through the cable and into the reader's buffer.
        peak_bytes: Highest memory of the reader and all it started.
        late_s: From the last frame to the reader's result, its waiting for silence left out.
    """

    sent: int
    sending_s: float
    count: Count | None
    cpu_s: float
    sender_cpu_s: float
    peak_bytes: int
    late_s: float


# --- what the readers say --------------------------------------------------------------------------


def count_of_events(out: str, _err: str) -> Count:
    """The last event of ``pcapaudit live --format jsonl``."""
    end = json.loads(out.splitlines()[-1])
    return Count(end["frames"], end["dropped"])


def count_of_dumpcap(_out: str, err: str) -> Count:
    """``Packets received/dropped on interface 'eth1': 12/3 (…)``."""
    found = re.search(r"Packets received/dropped on interface .*: (\d+)/(\d+) ", err)
    if found is None:
        raise WireError(f"dumpcap does not tell its count: {err[-200:]}")
    return Count(int(found[1]), int(found[2]))


def count_of_tcpdump(_out: str, err: str) -> Count:
    """``12 packets captured``, ``3 packets dropped …``; tshark says the same, the second if there are any."""
    seen, dropped = re.search(r"(\d+) packets? captured", err), re.search(r"(\d+) packets? dropped", err)
    if seen is None:
        raise WireError(f"it does not tell its count: {err[-200:]}")
    return Count(int(seen[1]), int(dropped[1]) if dropped else 0)


def count_of_nfstream(out: str, _err: str) -> Count:
    """The last of its performance reports, one a second."""
    told = json.loads(out[out.rindex("{") :])
    return Count(told["packets_processed"] + told["packets_ignored"], told["packets_dropped_filtered_by_kernel"])


_NFSTREAM = (
    "import sys\nfrom nfstream import NFStreamer\n"
    "for f in NFStreamer(source=sys.argv[1],n_dissections=0,performance_report=1): pass"
)
_LIVE = (sys.executable, "-m", "pcapaudit", "live", "-i", "{port}", "--format", "jsonl", "--fail-on", "never")
READERS: tuple[Reader, ...] = (
    Reader(
        "tcpdump",
        "writes to nowhere",
        # By way of a shell: as root tcpdump gives its output file to a user of its own, and a dumpcap that cannot begin
        # takes it away, be it a device.
        ("sh", "-c", "exec tcpdump -n -i {port} -B 131072 -w - > /dev/null"),
        count_of_tcpdump,
        program="tcpdump",
    ),
    Reader(
        "dumpcap",
        "the same",
        ("sh", "-c", "exec dumpcap -q -i {port} -B 128 -w - > /dev/null"),
        count_of_dumpcap,
        program="dumpcap",
    ),
    Reader(OURS_LIVE, "the whole diagnosis, again and again", _LIVE, count_of_events),
    Reader(
        f"{OURS_LIVE}, ring",
        "keeps the newest gigabyte besides",
        (*_LIVE, "--keep-ring", "{folder}", "--ring-size", "1G"),
        count_of_events,
    ),
    Reader(
        "tshark",
        "tables of TCP and UDP conversations",
        ("tshark", "-nq", "-i", "{port}", "-B", "128", "-z", "conv,tcp", "-z", "conv,udp"),
        count_of_tcpdump,
    ),
    Reader("nfstream", "flow objects", (sys.executable, "-c", _NFSTREAM, "{port}"), count_of_nfstream, "nfstream"),
)


# --- one run ---------------------------------------------------------------------------------------


def watch(reader: Reader, capture: Path, rate: int, *, limit_s: float = 180.0) -> Run:
    """Lay a cable, let a reader listen, send a capture's frames, and see what the reader counted.

    Args:
        reader: Who listens.
        capture: A pcap file.
        rate: Frames a second; 0 for as many as go.
        limit_s: A reader that has no result so long after the last frame is ended.

    Raises:
        WireError: The reader or the sender failed.
    """
    with tempfile.TemporaryDirectory(prefix="bench-wire-") as made:
        folder = Path(made)
        with mirror_port(folder) as port, _Process(_reader_words(reader, port, folder), folder / "reader") as reading:
            _wait_for_listener(port, reading)
            with _Process(_sender_words(port, capture, rate), folder / "sender") as sending:
                while not sending.has_ended():
                    reading.look()
            begun = time.monotonic()
            quiet_s = _wait_for_silence(reading, begun + limit_s)
            reading.interrupt(begun + limit_s)
            late_s = time.monotonic() - begun - quiet_s
            return Run(
                port.received(),
                _sending_s(sending.out()),
                None if reading.was_killed else reader.count(reading.out(), reading.err()),
                reading.cpu_s,
                sending.cpu_s,
                reading.peak_bytes,
                late_s,
            )


def _reader_words(reader: Reader, port: MirrorPort, folder: Path) -> list[str]:
    return port.words(*(word.format(port=INSIDE, folder=folder / "ring") for word in reader.words))


def _sender_words(port: MirrorPort, capture: Path, rate: int) -> list[str]:
    pace = f"--pps={rate}" if rate else "--topspeed"
    return port.words("tcpreplay", "-i", OUTSIDE, pace, str(capture))


def _sending_s(out: str) -> float:
    found = re.search(r"sent in ([\d.]+) seconds", out)
    if found is None:
        raise WireError(f"tcpreplay did not send: {out[-200:]}")
    return float(found[1])


def _wait_for_listener(port: MirrorPort, reading: _Process) -> None:
    """Wait until somebody has a running packet socket beside the port's own."""
    until = time.monotonic() + _PATIENCE_S
    while count_listeners(port) == 0:
        if reading.has_ended() or time.monotonic() > until:
            raise WireError(f"the reader does not listen: {reading.err()[-200:]}")


def count_listeners(port: MirrorPort) -> int:
    """Packet sockets that hear all protocols where the port is."""
    with port.namespace.entered():
        table = Path("/proc/thread-self/net/packet").read_text(encoding="ascii")
    rows = [line.split() for line in table.splitlines()[1:]]
    # Columns: socket, references, type, protocol, interface, running, …; the sender's hears no protocol.
    return sum(1 for row in rows if row[3] == "0003" and row[5] == "1")


def _wait_for_silence(reading: _Process, until_s: float) -> float:
    """Wait until those who read the wire have nothing to do; the seconds of silence that showed it."""
    quiet_at, used = time.monotonic(), reading.used_s()
    while time.monotonic() - quiet_at < _QUIET_S and time.monotonic() < until_s and not reading.has_ended():
        reading.look()
        now_used = reading.used_s()
        if now_used - used > _QUIET_SHARE * _EVERY_S + 1 / _TICKS:
            quiet_at = time.monotonic()
        used = now_used
    return time.monotonic() - quiet_at


class _Process:
    """A running program: what it wrote, its processor time and memory."""

    def __init__(self, words: Sequence[str], path: Path) -> None:
        self.cpu_s = 0.0
        """Of the program and what it started, when it has ended."""
        self.peak_bytes = 0
        self.was_killed = False
        self._out, self._err = path.with_suffix(".out"), path.with_suffix(".err")
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = _start(words, out, err)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.has_ended():
            self._kill()

    def out(self) -> str:
        """Its standard output."""
        return self._out.read_text("utf-8", "replace")

    def err(self) -> str:
        """Its standard error."""
        return self._err.read_text("utf-8", "replace")

    def has_ended(self) -> bool:
        """Whether it has ended; its processor time is known then."""
        if self._process.returncode is None:
            ended, status, usage = os.wait4(self._process.pid, os.WNOHANG)
            if ended:
                self._process.returncode = os.waitstatus_to_exitcode(status)
                self.cpu_s = usage.ru_utime + usage.ru_stime
        return self._process.returncode is not None

    def look(self) -> None:
        """Measure its memory, then wait a little."""
        self.peak_bytes = max(self.peak_bytes, measure_tree(self._process.pid))
        time.sleep(_EVERY_S)

    def used_s(self) -> float:
        """Processor time so far of it and what it started; where that captures for it, of these two alone."""
        (_, own), *others = self._list_used() or [("", 0.0)]
        capturers = [used for name, used in others if name in _CAPTURERS]
        return own + sum(capturers or [used for _, used in others])

    def interrupt(self, until_s: float) -> None:
        """End it as Ctrl-C does, and wait for that; kill it when it is too late."""
        if not self.has_ended():
            self._process.send_signal(signal.SIGINT)
        while not self.has_ended():
            if time.monotonic() > until_s:
                self._kill()
                return
            self.look()

    def _kill(self) -> None:
        self.was_killed = True
        end_group(self._process.pid)
        while not self.has_ended():
            time.sleep(_EVERY_S)

    def _list_used(self) -> list[tuple[str, float]]:
        """Name and processor time of it and all it started."""
        found = []
        for pid in list_tree(self._process.pid):
            with contextlib.suppress(OSError):
                before, _, after = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")
                user, system = after.split()[11:13]
                found.append((before.partition("(")[2], (int(user) + int(system)) / _TICKS))
        return found


def _start(words: Sequence[str], out: IO[bytes], err: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
