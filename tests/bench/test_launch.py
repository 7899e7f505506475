from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import launch
from bench.launch import end_group, measure_tree

HOLD = "import sys; x = bytearray({size}); print(flush=True); sys.stdin.read()"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {HOLD.format(size=50_000_000)!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(flush=True)
child.wait()
"""


@pytest.fixture
def family() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        yield parent.pid
        parent.communicate(b"")


def test_memory_of_what_a_process_started_counts(family: int) -> None:
    assert measure_tree(family) > 50_000_000


def test_a_process_alone_has_what_the_system_says_it_has() -> None:
    assert 1_000_000 < measure_tree(os.getpid()) < 10_000_000_000


def test_a_process_that_is_gone_has_nothing() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert measure_tree(gone.pid) == 0


def test_ending_a_group_that_has_ended_is_no_fault() -> None:
    gone = subprocess.Popen(["true"], start_new_session=True)
    gone.wait()
    end_group(gone.pid)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing_behind(tmp_path: Path, end: signal.Signals) -> None:
    # The command holds the other end of a pipe, so the pipe says when it is there and when it is gone.
    os.mkfifo(tmp_path / "pipe")
    words = ["sh", "-c", f"exec 3>{tmp_path}/pipe; echo here >&3; sleep 60"]
    command = [sys.executable, "-IS", launch.__file__, "60", "1000000000", *words]
    with (
        subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as running,
        (tmp_path / "pipe").open("rb", buffering=0) as pipe,
    ):
        assert pipe.read(5) == b"here\n"
        os.kill(running.pid, end)
        assert select.select([pipe], [], [], 30.0)[0]
        assert pipe.read() == b""
    assert running.returncode == 128 + end
