from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from queue import Queue
from typing import Any

import pytest

from pcapaudit.station import teller as module
from pcapaudit.station.teller import Start, Teller
from pcapaudit.station.wish import Receiver, Webhook, Wish
from tests.station.test_metrics import STATUS
from tests.support.receivers import PATIENCE_S, WebReceiver, listening


class Out:
    """What a teller says."""

    def __init__(self) -> None:
        self.lines: Queue[bytes] = Queue()

    def write(self, line: bytes, /) -> int:
        self.lines.put(line)
        return len(line)

    def next(self) -> dict[str, Any]:
        line = self.lines.get(timeout=PATIENCE_S)
        assert line.endswith(b"\n")
        told: dict[str, Any] = json.loads(line)
        return told


def start(wish: Wish, *, listening_at: int | None = None, grace_s: float = PATIENCE_S) -> Start:
    return Start(wish, "eth1", "ab12", os.getpid(), 2, listening_at, grace_s)


def line(number: int, event: str = "lost") -> bytes:
    return json.dumps({"number": number, "event": {"event": event, "text": f"number {number}"}}).encode()


def test_the_start_goes_through_a_pipe() -> None:
    begun = start(Wish(webhook=Webhook("https://hooks.example/x", None, "key")), listening_at=5)
    assert Start.read(begun.write()) == begun


def test_an_event_is_settled_when_every_receiver_has_it() -> None:
    with WebReceiver([503, 204]) as web, listening(socket.SOCK_DGRAM) as log:
        log_at = Receiver("udp", "127.0.0.1", log.getsockname()[1])
        out = Out()
        teller = Teller(start(Wish(webhook=Webhook(web.address), syslog=log_at)), out)
        teller.take(line(1))
        assert b"number 1" in log.recv(65536)
        assert out.next()["note"].startswith(f"webhook {web.address}: answers HTTP 503")
        teller.take(line(2))
        teller.finish()
        assert [web.next().told["id"] for _ in range(3)] == ["ab12-1", "ab12-1", "ab12-2"]
        assert [out.next() for _ in range(3)] == [
            {"note": f"webhook {web.address}: works again"},
            {"settled": 1},
            {"settled": 2},
        ]


def test_numbers_and_health_are_those_of_the_newest_status(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as door, listening(socket.SOCK_DGRAM) as log:
        door.settimeout(None)
        address = f"http://127.0.0.1:{door.getsockname()[1]}"
        wish = Wish(syslog=Receiver("udp", "127.0.0.1", log.getsockname()[1]))
        out = Out()
        teller = Teller(start(wish, listening_at=os.dup(door.fileno())), out)
        with pytest.raises(urllib.error.HTTPError) as unwell:
            urllib.request.urlopen(f"{address}/healthz", timeout=PATIENCE_S)
        assert unwell.value.code == 503
        unwell.value.close()
        for frames in (10, 11):
            teller.take(json.dumps({"status": {**STATUS, "frames": frames}}).encode())
        teller.take(json.dumps({"missed": 3}).encode())
        teller.take(line(9))
        assert "could not be kept until now: 3;" in out.next()["note"]
        assert out.next() == {"settled": 9}
        told = fetch(f"{address}/metrics")
        assert "\npcapaudit_live_frames_total 11.0\n" in told
        assert '\npcapaudit_live_alerts_failed_total{outlet="syslog"} 3.0\n' in told
        assert '\npcapaudit_live_alerts_sent_total{outlet="syslog"} 2.0\n' in told
        assert "\npcapaudit_live_teller_restarts_total 2.0\n" in told
        assert "\nprocess_resident_memory_bytes " in told
        assert fetch(f"{address}/healthz") == "ok\n"
        monkeypatch.setattr(module, "WELL_S", 0.0)
        with pytest.raises(urllib.error.HTTPError) as unwell:
            fetch(f"{address}/healthz")
        unwell.value.close()
        teller.finish()


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        text: str = answer.read().decode()
    return text


def test_a_fault_is_told_by_kind_and_place_without_its_words() -> None:
    out = Out()
    teller = Teller(start(Wish()), out)
    with pytest.raises(ValueError, match="secret") as caught:
        int("https://hooks.example/secret")
    teller.fail(caught.value)
    told = out.next()["note"]
    assert told.startswith("a fault of pcapaudit's while telling others: ValueError at test_teller.py:")
    assert "secret" not in told


def run(lines: list[bytes]) -> subprocess.CompletedProcess[bytes]:
    words = [sys.executable, "-m", "pcapaudit.station.teller"]
    return subprocess.run(words, input=b"\n".join(lines), capture_output=True, check=False, timeout=PATIENCE_S)


def test_the_process_tells_what_comes_and_ends_with_its_input() -> None:
    with WebReceiver() as web:
        done = run([start(Wish(webhook=Webhook(web.address))).write().strip(), line(1), line(2)])
        assert done.returncode == 0
        assert list(map(json.loads, done.stdout.splitlines())) == [{"settled": 1}, {"settled": 2}]
        assert web.next().told["source"] == "eth1"


def test_the_process_ends_though_a_receiver_hangs() -> None:
    with WebReceiver() as web:
        web.may_answer.clear()
        done = run([start(Wish(webhook=Webhook(web.address)), grace_s=0.1).write().strip(), line(1)])
        assert done.returncode == 0
        assert done.stdout == b""


def test_a_fault_of_ours_ends_the_process_with_a_line_and_without_a_word_of_what_came() -> None:
    with WebReceiver() as web:
        done = run([start(Wish(webhook=Webhook(f"{web.address}/secret"))).write().strip(), b'{"number": "secret"}'])
    assert done.returncode == 1
    assert b"KeyError at teller.py:" in done.stdout
    assert b"secret" not in done.stdout + done.stderr


def test_a_worker_that_dies_ends_the_process() -> None:
    with WebReceiver() as web:
        begun = start(Wish(webhook=Webhook(web.address))).write().strip()
        # An event without its kind is none of ours.
        done = run([begun, b'{"number": 1, "event": {"text": null, "secret": 1}}'])
    assert done.returncode == 1
    assert b"KeyError at outlet.py:" in done.stdout
