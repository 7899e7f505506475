from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable

import pytest

from pcapaudit.engine.aside import Aside


def wait_for(aside: Aside[object]) -> object:
    """Wait for what comes through the pipe."""
    while (result := aside.fetch()) is None and aside.is_busy:
        select.select([aside._out], [], [])
    return result


def test_the_work_is_done_by_another_process_with_what_this_one_knew() -> None:
    known = ["before"]
    with Aside[object]() as aside:
        aside.begin(lambda: (os.getpid(), list(known)))
        known.append("after")
        result = wait_for(aside)
        assert isinstance(result, tuple)
        assert result[0] != os.getpid()
        assert result[1] == ["before"]
        assert not aside.is_busy


def _wait_for_ever() -> object:
    signal.pause()
    return None


def test_nothing_is_waited_for_and_what_is_under_way_can_be_ended() -> None:
    with Aside[object]() as aside:
        aside.begin(_wait_for_ever)
        assert aside.is_busy
        assert aside.fetch() is None
    assert not aside.is_busy


def test_much_comes_back_whole() -> None:
    with Aside[object]() as aside:
        aside.begin(lambda: bytes(3_000_000))
        assert wait_for(aside) == bytes(3_000_000)


def _die() -> object:
    os.kill(os.getpid(), signal.SIGKILL)
    return None


def _fail() -> object:
    raise MemoryError


@pytest.mark.parametrize("work", [_die, _fail])
def test_a_copy_that_dies_gives_nothing_and_the_next_one_is_well(work: Callable[[], object]) -> None:
    with Aside[object]() as aside:
        aside.begin(work)
        assert wait_for(aside) is None
        aside.begin(lambda: 7)
        assert wait_for(aside) == 7


def test_ctrl_c_is_not_for_the_copy() -> None:
    with Aside[object]() as aside:
        aside.begin(lambda: signal.getsignal(signal.SIGINT))
        assert wait_for(aside) is signal.SIG_IGN


def test_where_no_copy_can_be_made_the_work_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", fork)
    with Aside[object]() as aside:
        aside.begin(os.getpid)
        assert aside.is_busy
        assert aside.fetch() == os.getpid()
        assert aside.fetch() is None
