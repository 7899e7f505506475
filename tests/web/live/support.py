"""A program that stands for the live watch, and what a watch tells."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from pcapaudit.capture import open_capture
from pcapaudit.capture.ring import Ring
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.web.settings import Live
from tests.web.process import wait_until

_PROGRAM = """
import signal, sys, threading
ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())
told, again = open(sys.argv[1]), sys.argv[2:]
count = 0
while not ended.wait(0.05):
    count += 1
    sys.stdout.write(told.read() + (again[0] + "\\n" if again and count % 20 == 0 else ""))
    sys.stdout.flush()
"""
"""Writes what is written into a file, as it comes; and one more line each second, as a watch does."""


def status(**changes: Any) -> dict[str, Any]:
    """A status as the watch writes it, with these changes."""
    told: dict[str, Any] = {
        "event": "status",
        "at": "2026-01-01T14:02:31.500000Z",
        "source": "eth1",
        "since": "2026-01-01T08:00:00.000000Z",
        "frames": 1_204_312,
        "octets": 180_646_800,
        "dropped": 0,
        "frames_per_s": 1204.4,
        "bits_per_s": 1_445_000.0,
        "lag_s": 0.2,
        "look_s": 0.41,
        "directions": "both",
        "health": [],
        "tables": {"flows": 512, "hosts": 31},
        "is_blind": False,
        "verdicts": {},
        "stages": {},
        "ring": {
            "folder": "ring",
            "files": 3,
            "octets": 181_000_000,
            "from": "2026-01-01T08:00:00.000000Z",
            "fault": None,
        },
        "devices": [],
    }
    return {**told, **changes}


def device(**changes: Any) -> dict[str, Any]:
    """A device of a status: one that is offline, with these changes."""
    told: dict[str, Any] = {
        "device": "Sensorist / Oscar TempLog gateway",
        "mac": "02:54:10:2b:30:01",
        "address": "10.20.36.101",
        "signature": "sensorist/gateway",
        "verdict": "failed",
        "is_provisional": False,
        "is_flapping": False,
        "is_silent": False,
        "stage": "connect",
        "rule": "TCP-ALL-PORTS-FAIL",
        "summary": "No answer from gk.sensorist.com on TCP 443 or 4321 (3 attempts in 27 s).",
        "indicator": "blinking red",
        "answered": "2026-01-01T14:01:34.000000Z",
        "since": "2026-01-01T14:01:36.000000Z",
        "heard": "2026-01-01T14:02:30.000000Z",
    }
    return {**told, **changes}


def healthy(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A device that works."""
    works = {
        "verdict": "healthy",
        "stage": None,
        "rule": None,
        "summary": "Works.",
        "indicator": "green",
        "since": None,
    }
    names = {"mac": f"02:54:10:2b:40:{number:02x}", "address": f"10.20.36.{number}"}
    return device(**{**works, **names, **changes})


def lost(**changes: Any) -> dict[str, Any]:
    """The event that tells of the device."""
    told: dict[str, Any] = {
        "event": "lost",
        "at": "2026-01-01T14:02:11.000000Z",
        "device": "Sensorist / Oscar TempLog gateway",
        "mac": "02:54:10:2b:30:01",
        "address": "10.20.36.101",
        "verdict": "failed",
        "stage": "connect",
        "rule": "TCP-ALL-PORTS-FAIL",
        "since": "2026-01-01T14:01:36.000000Z",
        "summary": "No answer from gk.sensorist.com on TCP 443 or 4321 (3 attempts in 27 s).",
        "frames": [48, 49, 52, 55, 58],
        "text": "Sensorist / Oscar TempLog gateway 10.20.36.101 is offline since 14:01:36, at connect: No answer from"
        " gk.sensorist.com on TCP 443 or 4321 (3 attempts in 27 s)",
    }
    return {**told, **changes}


def blind(**changes: Any) -> dict[str, Any]:
    """The event that tells that nothing can be seen; ``event="sighted"`` that something can again."""
    told = {"event": "blind", "at": "2026-01-01T14:00:03Z", "since": "2026-01-01T14:00:00Z", "text": "nothing is seen"}
    return {**told, **changes}


def telling(folder: Path, lines: Iterable[Mapping[str, Any]]) -> Live:
    """A watch of ``eth1`` that tells these lines."""
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / "lines"
    told.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return following(folder / "live", told)


def following(folder: Path, told: Path, again: str | None = None) -> Live:
    """A watch of ``eth1`` that tells the lines of a file as they come, and one of its own each second."""
    words = (sys.executable, "-c", _PROGRAM, str(told), *([again] if again else []))
    return Live("eth1", folder, words)


def fill_ring(live: Live, sample: Path, file_bytes: int = 20_000) -> None:
    """Keep the frames of a capture as a watch does."""
    ring = Ring(live.ring, file_bytes=file_bytes, files=100, tell=print, now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    source = io.BytesIO(sample.read_bytes())
    for _ in open_capture(source, notes=CaptureNotes(), batch_bytes=4000, keep=ring.keep):
        pass
    ring.close()


def wait_for_status(client: TestClient) -> dict[str, Any]:
    """What the server says of its watch, as soon as that told something."""
    told: dict[str, Any] = wait_until(lambda: (said := client.get("/api/live").json())["status"] and said)
    return told
