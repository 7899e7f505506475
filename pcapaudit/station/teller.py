"""The process that tells others: ``python -m pcapaudit.station.teller``, which ``alerts`` starts and feeds.

JSON lines come in: the start first, then events, statuses, and how many events were lost before. JSON lines go out: the
numbers of events that are settled, and notes for people. Nothing here can hold up whoever captures.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Protocol

from pcapaudit.model.records import dataclass
from pcapaudit.station.outlet import Outlet, Sender
from pcapaudit.station.syslog import SyslogSender
from pcapaudit.station.webhook import WebhookSender
from pcapaudit.station.wish import Wish

if TYPE_CHECKING:
    from pcapaudit.station.scrape import ScrapeServer

WELL_S = 60.0
"""A watch that said nothing for so long is not well."""


@dataclass(frozen=True, slots=True)
class Start:
    """The first line: what this process is for."""

    wish: Wish
    source: str
    """What is watched."""
    run: str
    """Names this watch among others."""
    pid: int
    """The process that watches."""
    restarts: int
    """How often this process was started before."""
    listening: int | None
    """The descriptor of the socket at which numbers are fetched."""
    grace_s: float
    """What is left to be sent at the end may take so long."""

    @classmethod
    def read(cls, line: bytes) -> Start:
        """What ``write`` gave."""
        told = json.loads(line)
        return cls(**told | {"wish": Wish.from_dict(told["wish"])})

    def write(self) -> bytes:
        """As a line."""
        told = {name: getattr(self, name) for name in ("source", "run", "pid", "restarts", "listening", "grace_s")}
        return json.dumps(told | {"wish": self.wish.as_dict()}).encode() + b"\n"


class Out(Protocol):
    """Takes whole lines."""

    def write(self, line: bytes, /) -> int | None:
        """Take a line."""


class Teller:
    """Hands events over to the outlets and keeps the newest status.

    Args:
        start: What it is for.
        out: Where settled numbers and notes go, a line at a time.
    """

    def __init__(self, start: Start, out: Out) -> None:
        self._start = start
        self._out = out
        self._lock = Lock()
        self._saying = Lock()
        self._status: Mapping[str, Any] | None = None
        self._status_s = 0.0
        self._open: dict[int, int] = {}
        self._workers: list[Thread] = []
        self._outlets = {name: self._make_outlet(name, sender) for name, sender in _make_senders(start).items()}
        self._server = None if start.listening is None else self._serve(start.listening)

    def take(self, line: bytes) -> None:
        """Take one line of whoever captures."""
        told = json.loads(line)
        if "status" in told:
            with self._lock:
                self._status, self._status_s = told["status"], time.monotonic()
        elif "missed" in told:
            for outlet in self._outlets.values():
                outlet.miss(told["missed"])
        else:
            with self._lock:
                self._open[told["number"]] = len(self._outlets)
            for outlet in self._outlets.values():
                outlet.put(told["number"], told["event"])

    def finish(self) -> None:
        """Nothing more comes: send what waits, within the time that is given for that."""
        until_s = time.monotonic() + self._start.grace_s
        for outlet in self._outlets.values():
            outlet.finish()
        for worker in self._workers:
            worker.join(max(0.0, until_s - time.monotonic()))
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def note(self, text: str) -> None:
        """Say a sentence to people."""
        self._say({"note": text})

    def fail(self, error: BaseException) -> None:
        """Say of a fault of ours its kind and place; its words may hold what strangers sent, or a secret."""
        places = traceback.extract_tb(error.__traceback__)
        place = f" at {Path(places[-1].filename).name}:{places[-1].lineno}" if places else ""
        self.note(f"a fault of pcapaudit's while telling others: {type(error).__name__}{place}")

    def _make_outlet(self, name: str, sender: Sender) -> Outlet:
        wish = self._start.wish
        target = wish.webhook.origin if name == "webhook" and wish.webhook else str(wish.syslog)
        outlet = Outlet(f"{name} {target}", sender, note=self.note, settle=self._settle)
        self._workers.append(Thread(target=_work, args=(outlet, sender), daemon=True))
        self._workers[-1].start()
        return outlet

    def _settle(self, number: int) -> None:
        """One outlet is done with an event; all are, when the last is."""
        with self._lock:
            self._open[number] -= 1
            is_settled = not self._open[number]
            if is_settled:
                del self._open[number]
        if is_settled:
            self._say({"settled": number})

    def _say(self, told: Mapping[str, Any]) -> None:
        line = json.dumps(told).encode() + b"\n"
        with self._saying, suppress(BrokenPipeError):
            # Whoever started this may be gone; what waits is sent all the same.
            self._out.write(line)

    def _serve(self, descriptor: int) -> ScrapeServer:
        # Loaded where numbers are wished for.
        from pcapaudit.station.scrape import ScrapeServer  # noqa: PLC0415

        listening = socket.socket(fileno=descriptor)
        server = ScrapeServer(listening, expose=self._expose, is_well=self._is_well, fail=self.fail)
        Thread(target=server.serve_forever, daemon=True).start()
        return server

    def _expose(self) -> tuple[bytes, str]:
        from pcapaudit.station.metrics import CONTENT_TYPE, Telling, make_exposition  # noqa: PLC0415 - as above

        with self._lock:
            status, age_s = self._status, time.monotonic() - self._status_s
        counts = {name: outlet.counts for name, outlet in self._outlets.items()}
        telling = Telling(None if status is None else age_s, counts, self._start.restarts)
        return make_exposition(self._start.source, status, telling, process=self._start.pid), CONTENT_TYPE

    def _is_well(self) -> bool:
        with self._lock:
            return self._status is not None and time.monotonic() - self._status_s < WELL_S


def _work(outlet: Outlet, sender: Sender) -> None:
    outlet.work()
    sender.close()


def _make_senders(start: Start) -> dict[str, Sender]:
    senders: dict[str, Sender] = {}
    host = socket.gethostname()
    if start.wish.webhook is not None:
        senders["webhook"] = WebhookSender(start.wish.webhook, source=start.source, host=host, run=start.run)
    if start.wish.syslog is not None:
        senders["syslog"] = SyslogSender(start.wish.syslog, source=start.source, host=host, pid=start.pid)
    return senders


def main() -> int:
    """Tell what comes until it ends; the exit status."""
    # Whoever started this process ends it, by closing its input, when the last events are there.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    out = os.fdopen(sys.stdout.fileno(), "wb", buffering=0, closefd=False)
    # What a library prints must not come between our lines.
    sys.stdout = sys.stderr
    start = sys.stdin.buffer.readline()
    if not start:
        return 0
    teller = Teller(Start.read(start), out)
    sys.excepthook = lambda _kind, error, _trace: teller.fail(error)
    threading.excepthook = lambda fault: _leave(teller, fault.exc_value)
    for line in sys.stdin.buffer:
        teller.take(line)
    teller.finish()
    return 0


def _leave(teller: Teller, error: BaseException | None) -> None:
    """A thread that died leaves a queue that nobody works off: this process is better started anew."""
    if error is not None:
        teller.fail(error)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
