from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcapaudit.station import telling
from pcapaudit.station.teller import Start
from pcapaudit.station.telling import TellerProcess
from pcapaudit.station.wish import Webhook, Wish
from tests.support.receivers import PATIENCE_S, WebReceiver


@pytest.fixture
def web() -> Iterator[WebReceiver]:
    with WebReceiver() as made:
        yield made


@pytest.fixture
def process(web: WebReceiver) -> Iterator[TellerProcess]:
    start = Start(Wish(webhook=Webhook(f"{web.address}/secret")), "eth1", "ab12", os.getpid(), 0, None, 0.1)
    made = TellerProcess(start)
    yield made
    made.end()


def line(number: int) -> bytes:
    return json.dumps({"number": number, "event": {"event": "lost"}}).encode() + b"\n"


def test_lines_go_there_and_words_come_back(process: TellerProcess, web: WebReceiver) -> None:
    assert process.has_room()
    process.give(line(1))
    assert web.next().told["id"] == "ab12-1"
    assert process.wait_for_words(PATIENCE_S)
    assert list(process.hear()) == [{"settled": 1}]
    assert list(process.hear()) == []
    assert process.ended is None


def test_its_command_line_holds_no_secret(process: TellerProcess, web: WebReceiver) -> None:
    process.give(line(1))
    web.next()
    words = Path(f"/proc/{process._process.pid}/cmdline").read_bytes().split(b"\0")
    assert words[1:] == [b"-m", b"pcapaudit.station.teller", b""]


def test_one_that_reads_nothing_makes_nobody_wait(process: TellerProcess) -> None:
    os.kill(process._process.pid, signal.SIGSTOP)
    given = 0
    while process.has_room():
        process.give(line(given) * 1000)
        given += 1
    assert given
    os.kill(process._process.pid, signal.SIGCONT)
    process.wait_for_room(PATIENCE_S)


def test_ctrl_c_and_the_end_of_a_service_are_not_for_it(process: TellerProcess, web: WebReceiver) -> None:
    process.give(line(1))
    web.next()
    assert os.getsid(process._process.pid) != os.getsid(0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(process._process.pid, number)
    process.give(line(2))
    assert web.next().told["id"] == "ab12-2"


def test_how_it_ended_is_known_and_writing_to_it_is_no_error(process: TellerProcess) -> None:
    process._process.kill()
    process._process.wait()
    process.give(line(1))
    assert process.ended == "signal 9"
    assert not process.has_room()
    assert not process.wait_for_words(PATIENCE_S)


def test_it_ends_when_its_input_does(process: TellerProcess) -> None:
    process.close_input()
    process._process.wait(PATIENCE_S)
    assert process.ended == "status 0"


def test_one_that_does_not_end_is_killed(process: TellerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "_GRACE_S", 0.01)
    os.kill(process._process.pid, signal.SIGSTOP)
    process.end()
    assert process.ended == "signal 9"


def test_what_is_no_line_of_ours_is_passed_over(process: TellerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [b'{"settled": 1}\nno JSON\n[1]\n\xff\n', b"x" * 200_000, b'\n{"note": "n"}\n{"set', b'tled": 2}\n', b""]
    monkeypatch.setattr(os, "read", lambda _descriptor, _size: pieces.pop(0))
    assert list(process.hear()) == [{"settled": 1}, {"note": "n"}, {"settled": 2}]
    monkeypatch.undo()
