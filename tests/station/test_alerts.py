from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pcapaudit.model.errors import UsageError
from pcapaudit.station import alerts as module
from pcapaudit.station.alerts import Alerts
from pcapaudit.station.teller import Start
from pcapaudit.station.wish import Receiver, Webhook, Wish
from tests.station.test_metrics import STATUS
from tests.support.receivers import PATIENCE_S, WebReceiver, listening

HOOK = Wish(webhook=Webhook("https://hooks.example/secret"))


def event(number: int, kind: str = "lost") -> dict[str, Any]:
    return {"event": kind, "text": f"number {number}"}


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def hear(alerts: Alerts, is_enough: Callable[[], bool]) -> None:
    """Go on telling nothing new, at each word of the process, until that is enough."""
    while not is_enough():
        assert alerts._child is not None
        assert alerts._child.wait_for_words(PATIENCE_S)
        alerts.tell([])


def test_events_of_the_wished_kinds_are_posted_in_order_by_another_process() -> None:
    notes: list[str] = []
    with WebReceiver() as web:
        before = set(threading.enumerate())
        wish = Wish(alert_on=("lost", "recovered"), webhook=Webhook(web.address))
        with Alerts(wish, source="eth1", say=notes.append) as alerts:
            alerts.tell([event(1), event(2, "seen"), STATUS, event(3, "recovered")])
            assert [web.next().told["event"]["text"] for _ in range(2)] == ["number 1", "number 3"]
            hear(alerts, lambda: not alerts._kept)
            assert alerts.close() == 0
    assert notes == []
    # The receiver's own are daemons.
    assert all(thread.daemon for thread in set(threading.enumerate()) - before)


def test_what_was_told_last_still_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", PATIENCE_S)
    with WebReceiver() as web:
        alerts = Alerts(Wish(webhook=Webhook(web.address)), source="eth1", say=lambda _: None)
        alerts.tell([event(number) for number in range(200)])
        assert alerts.close(PATIENCE_S) == 0
        assert [web.next().told["event"]["text"] for _ in range(200)] == [f"number {n}" for n in range(200)]


def test_a_webhook_that_hangs_holds_up_nobody_and_what_it_did_not_take_is_said() -> None:
    notes: list[str] = []
    with WebReceiver() as web:
        web.may_answer.clear()
        alerts = Alerts(Wish(webhook=Webhook(f"{web.address}/secret")), source="eth1", say=notes.append)
        alerts.tell([event(1), event(2)])
        web.next()
        # The receiver holds the first event, and all this comes back meanwhile.
        for number in range(3, 100):
            alerts.tell([event(number), STATUS])
        assert alerts.close(patience_s=0.05) == 99
    assert notes == ["events that could not be told to others any more: 99"]


def test_a_process_that_was_killed_is_started_anew_and_given_what_was_not_settled() -> None:
    notes: list[str] = []
    clock = Clock()
    with (
        WebReceiver() as web,
        Alerts(Wish(webhook=Webhook(f"{web.address}/secret")), source="eth1", say=notes.append, clock=clock) as alerts,
    ):
        web.may_answer.clear()
        alerts.tell([event(1), event(2)])
        first = web.next()
        assert alerts._child is not None
        os.kill(alerts._child._process.pid, signal.SIGKILL)
        alerts._child._process.wait()
        alerts.tell([event(3)])
        assert notes == ["the process that tells others ended (signal 9); it is started again in 1 s"]
        web.may_answer.set()
        clock.now_s += 1.0
        alerts.tell([])
        again = [web.next() for _ in range(3)]
        assert [post.told["event"]["text"] for post in again] == ["number 1", "number 2", "number 3"]
        assert again[0].told["id"] == first.told["id"]
        hear(alerts, lambda: not alerts._kept)


def test_numbers_are_answered_at_the_port_and_stay_there_when_the_process_is_started_anew() -> None:
    clock = Clock()
    with Alerts(Wish(metrics=("127.0.0.1", 0)), source="eth1", say=lambda _: None, clock=clock) as alerts:
        assert alerts.metrics_address is not None
        alerts.tell([STATUS])
        assert "pcapaudit_live_teller_restarts_total 0.0" in fetch(alerts, "frames_total")
        assert alerts._child is not None
        alerts._child._process.kill()
        alerts._child._process.wait()
        alerts.tell([])
        clock.now_s += 1.0
        alerts.tell([])
        assert "pcapaudit_live_teller_restarts_total 1.0" in fetch(alerts, "frames_total")
    assert alerts.close() == 0


def fetch(alerts: Alerts, name: str) -> str:
    """The numbers, when that one is among them."""
    while True:
        with urllib.request.urlopen(f"http://{alerts.metrics_address}/metrics", timeout=PATIENCE_S) as answer:
            told: str = answer.read().decode()
        if name in told:
            return told
        alerts.tell([])


def test_it_leaves_nobody_behind_when_the_watch_is_killed_outright() -> None:
    script = """
from pcapaudit.station.alerts import Alerts
from pcapaudit.station.wish import Wish
alerts = Alerts(Wish(metrics=("127.0.0.1", 0)), source="eth1", say=print)
print(alerts._child._process.pid, flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as watch:
        assert watch.stdout is not None
        teller = os.pidfd_open(int(watch.stdout.readline()))
        watch.kill()
    assert select.select([teller], [], [], PATIENCE_S)[0]
    os.close(teller)


def test_an_address_that_is_taken_is_one_clear_line() -> None:
    with listening() as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            UsageError, match=rf"--metrics 127.0.0.1:{port}: cannot listen there \(Address already in use"
        ):
            Alerts(Wish(metrics=("127.0.0.1", port)), source="eth1", say=lambda _: None)


@pytest.mark.parametrize("host", ["192.0.2.1", "a" * 80 + ".example"])
def test_an_address_that_is_not_ours_is_one_clear_line(host: str) -> None:
    with pytest.raises(UsageError, match="cannot listen there"):
        Alerts(Wish(metrics=(host, 9840)), source="eth1", say=lambda _: None)


def test_events_reach_a_syslog_receiver() -> None:
    with listening(socket.SOCK_DGRAM) as log:
        wish = Wish(syslog=Receiver("udp", "127.0.0.1", log.getsockname()[1]))
        with Alerts(wish, source="eth1", say=lambda _: None) as alerts:
            alerts.tell([event(1)])
            assert f" pcapaudit {os.getpid()} lost ".encode() in log.recv(65536)


def test_a_receiver_that_fails_is_said_without_its_secret(capfd: pytest.CaptureFixture[str]) -> None:
    notes: list[str] = []
    with (
        WebReceiver([404]) as web,
        Alerts(
            Wish(webhook=Webhook(f"{web.address}/secret?key=secret", "me:secret", "secret")),
            source="eth1",
            say=notes.append,
        ) as alerts,
    ):
        alerts.tell([event(1)])
        hear(alerts, lambda: not alerts._kept)
    assert notes == [f"webhook {web.address}: answers HTTP 404; an event was not delivered, 1 so far"]
    assert capfd.readouterr() == ("", "")


class Fake:
    """A process that tells others, as the door sees it; it does what the test says."""

    made: list[Fake]
    room = 10**9

    def __init__(self, start: Start) -> None:
        self.start = start
        self.given: list[Mapping[str, Any]] = []
        self.words: list[Mapping[str, Any]] = []
        self.ended: str | None = None
        Fake.made.append(self)

    def has_room(self) -> bool:
        return self.ended is None and len(self.given) < Fake.room

    def give(self, line: bytes) -> None:
        self.given.append(json.loads(line))

    def hear(self) -> Iterator[Mapping[str, Any]]:
        words, self.words = self.words, []
        yield from words

    def wait_for_room(self, _seconds: float) -> None:
        self.ended = "status 1"

    def wait_for_words(self, _seconds: float) -> bool:
        return bool(self.words)

    def close_input(self) -> None:
        pass

    def end(self) -> None:
        pass


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> list[Fake]:
    Fake.made = []
    monkeypatch.setattr(Fake, "room", 10**9)
    monkeypatch.setattr(module, "TellerProcess", Fake)
    return Fake.made


def test_where_nothing_is_wished_nothing_is_started(fakes: list[Fake]) -> None:
    with Alerts(Wish(), source="eth1", say=lambda _: None) as alerts:
        alerts.tell([event(1), STATUS])
    assert fakes == []
    assert alerts.metrics_address is None


def test_systemd_is_told_with_each_status_also_where_nothing_else_is_wished(
    fakes: list[Fake], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with Alerts(Wish(), source="eth1", say=lambda _: None) as alerts:
            alerts.tell([event(1), STATUS])
            assert systemd.recv(65536).startswith(b"READY=1\nWATCHDOG=1\nSTATUS=")
    assert fakes == []


def test_a_status_is_for_the_numbers_alone_and_the_newest_replaces_the_older(
    fakes: list[Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Alerts(HOOK, source="eth1", say=lambda _: None) as alerts:
        alerts.tell([STATUS])
    assert fakes[0].given == []
    with Alerts(Wish(metrics=("127.0.0.1", 0)), source="eth1", say=lambda _: None) as alerts:
        monkeypatch.setattr(Fake, "room", 0)
        alerts.tell([{**STATUS, "frames": 1}, event(1)])
        alerts.tell([{**STATUS, "frames": 2}])
        monkeypatch.setattr(Fake, "room", 10)
        alerts.tell([])
        alerts.tell([])
    assert fakes[1].given == [{"status": {**STATUS, "frames": 2}}]


def test_events_beyond_the_bound_are_counted_and_told(fakes: list[Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 3)
    monkeypatch.setattr(Fake, "room", 0)
    notes: list[str] = []
    with Alerts(HOOK, source="eth1", say=notes.append) as alerts:
        alerts.tell(event(number) for number in range(1, 6))
        monkeypatch.setattr(Fake, "room", 10)
        alerts.tell([])
        assert [told.get("missed") or told["number"] for told in fakes[0].given] == [2, 3, 4, 5]
        fakes[0].words = [{"settled": 3}, {"note": "words"}, {"settled": 99}]
        alerts.tell([])
        assert alerts.close() == 2
    assert notes == ["words", "events that could not be told to others any more: 2"]


def test_an_event_at_which_the_process_ends_three_times_is_given_up_and_counted(fakes: list[Fake]) -> None:
    clock = Clock()
    notes: list[str] = []
    with Alerts(HOOK, source="eth1", say=notes.append, clock=clock) as alerts:
        alerts.tell([event(1), event(2)])
        for wait_s in (1.0, 2.0, 4.0):
            fakes[-1].ended = "signal 11"
            alerts.tell([])
            clock.now_s += wait_s
            alerts.tell([])
        assert [note[-3:] for note in notes if "started again" in note] == ["1 s", "2 s", "4 s"]
        assert fakes[-1].given[0] == {"missed": 1}
        assert [told["number"] for told in fakes[-1].given[1:]] == [2]
        assert fakes[-1].start.restarts == 3


def test_a_process_that_ran_for_long_is_started_again_soon(fakes: list[Fake]) -> None:
    clock = Clock()
    notes: list[str] = []
    with Alerts(HOOK, source="eth1", say=notes.append, clock=clock) as alerts:
        for _ in range(4):
            clock.now_s += 3600
            fakes[-1].ended = "status 1"
            alerts.tell([])
            clock.now_s += 1
            alerts.tell([])
    assert {note[-3:] for note in notes} == {"1 s"}


def test_a_process_that_does_not_start_is_no_end_of_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_start: Start) -> Fake:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(module, "TellerProcess", refuse)
    notes: list[str] = []
    with Alerts(HOOK, source="eth1", say=notes.append) as alerts:
        alerts.tell([event(1)])
        assert alerts.close() == 1
    assert (
        notes[0] == "the process that tells others does not start (Cannot allocate memory); it is started again in 1 s"
    )
