from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pcapaudit.station import child
from pcapaudit.station.child import Child, live_words
from tests.web.process import is_alive

_PATIENCE_S = 60.0


def program(text: str) -> list[str]:
    """A program that stands for a watch."""
    return [sys.executable, "-u", "-c", "import json, os, signal, sys, time\n" + textwrap.dedent(text)]


async def told_by(words: list[str], is_enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """What a program tells until that is enough; it is ended then."""
    told: list[dict[str, Any]] = []
    news = asyncio.Event()

    def take(line: dict[str, Any]) -> None:
        told.append(line)
        news.set()

    async def wait() -> None:
        while not is_enough(told):
            await news.wait()
            news.clear()

    task = asyncio.create_task(Child(words, take, first_pause_s=0.01).keep_running())
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await wait()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    return told


def test_each_line_is_given_and_what_is_no_object_is_passed_over() -> None:
    words = program("""
        print('{"event": "seen"}')
        print('no JSON'); print('[1]'); print('"x"'); print('[' * 100000); print('')
        sys.stdout.buffer.write(b'\\xff\\xfe\\n'); sys.stdout.flush()
        print('{"event": "lost", "device": "\\\\u202e"}')
        signal.pause()
    """)
    told = asyncio.run(told_by(words, lambda told: len(told) == 2))
    assert told == [{"event": "seen"}, {"event": "lost", "device": "\u202e"}]


def test_a_line_without_end_is_passed_over_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "LONGEST_LINE", 10_000)
    words = program("""
        print('{"event": "' + 'x' * 1_000_000 + '"}')
        print('{"event": "seen"}')
        signal.pause()
    """)
    assert asyncio.run(told_by(words, bool)) == [{"event": "seen"}]


def test_one_that_dies_is_begun_anew() -> None:
    words = program("print(json.dumps({'pid': os.getpid()})); os.kill(os.getpid(), signal.SIGKILL)")
    told = asyncio.run(told_by(words, lambda told: len(told) == 3))
    assert len({line["pid"] for line in told}) == 3


def test_it_is_told_to_end_and_what_it_says_then_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "GRACE_S", _PATIENCE_S)
    goodbye = tmp_path / "goodbye"
    # The signal is asked for: one that comes just before a plain wait would be slept over.
    words = program(f"""
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        print(json.dumps({{'pid': os.getpid()}}))
        signal.sigwait([signal.SIGTERM])
        print('x' * 500_000)  # more than a pipe holds
        open({str(goodbye)!r}, 'w').close()
    """)
    (line,) = asyncio.run(told_by(words, bool))
    assert goodbye.exists()
    assert not is_alive(line["pid"])


def test_one_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "GRACE_S", 0.05)
    words = program("""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(json.dumps({'pid': os.getpid()}))
        while True:
            signal.pause()
    """)
    (line,) = asyncio.run(told_by(words, bool))
    assert not is_alive(line["pid"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "sys.exit('pcapaudit: eth9: there is no such interface')",
            "the watch ended with status 1: eth9: there is no such interface",
        ),
        ("sys.exit(2)", "the watch ended with status 2"),
        ("os.kill(os.getpid(), signal.SIGKILL)", f"the watch was killed (signal {signal.SIGKILL.value})"),
        ("print('y' * 9000, file=sys.stderr); sys.exit(3)", "the watch ended with status 3: " + "y" * 500),
    ],
)
def test_why_it_does_not_run_is_said_in_its_own_words(text: str, why: str) -> None:
    assert asyncio.run(_fault_of(program(text))) == why


def test_a_program_that_is_not_there_is_said() -> None:
    assert asyncio.run(_fault_of(["/nowhere/pcapaudit"])) == "the watch does not start: No such file or directory"


async def _fault_of(words: list[str]) -> str | None:
    """What is said of a program when it has ended once."""
    watch = Child(words, lambda _: None)
    await watch.run_once()
    return watch.fault


def test_a_fault_is_over_when_it_tells_something_again(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    faults: list[str | None] = []

    async def watch_twice() -> None:
        again = program(f"print('{{}}'); sys.exit(not os.path.exists({str(mark)!r}))")
        kept = Child(again, lambda _: faults.append(kept.fault))
        await kept.run_once()
        faults.append(kept.fault)
        mark.touch()
        await kept.run_once()

    asyncio.run(watch_twice())
    assert faults == [None, "the watch ended with status 1", None]


def test_the_words_are_those_of_the_command_line(tmp_path: Path) -> None:
    words = live_words("-eth1", "tcp and not port 22", 10 << 30, tmp_path)
    assert words[:3] == [sys.executable, "-m", "pcapaudit"]
    assert "--interface=-eth1" in words
    assert "--filter=tcp and not port 22" in words
    assert "--ring-size=10240M" in words
    assert f"--keep-ring={tmp_path / 'ring'}" in words
    assert not any(word.startswith("--filter") for word in live_words("eth1", "", 1, tmp_path))
