from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pcapaudit.diagnose.crew import Crew
from pcapaudit.engine import pair
from pcapaudit.engine.pair import in_two

NUMBERS = [0, 1, 2, 3, 4, 7, 8, 9]


@pytest.fixture(autouse=True)
def _as_if_alone_with_two_processors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Those that run the tests have threads of their own, and perhaps processes."""
    monkeypatch.setattr(pair, "may_copy", lambda: True)
    before = children()
    yield
    assert children() <= before


def children() -> set[str]:
    """The processes that this one started and has not asked about since they ended, if they did (proc(5))."""
    return {pid for listed in Path("/proc/self/task").glob("*/children") for pid in listed.read_text("ascii").split()}


def fail(number: int) -> int:
    raise LookupError(number)


def both(crew: Crew) -> tuple[list[int], list[int], list[tuple[int, int]]]:
    """Who did which number in a step that all share, what came of it, and who did what in the last one."""
    shared = crew.share(lambda number: (number, os.getpid()), NUMBERS)
    total = sum(number for number, _ in shared)
    gathered = crew.gather(lambda number: (number + total, os.getpid()), NUMBERS)
    return [number for number, _ in shared], [who for _, who in shared], list(gathered)


def test_each_does_every_second_number_and_knows_what_the_other_found() -> None:
    numbers, who, gathered = in_two(both)
    own = os.getpid()
    assert numbers == NUMBERS
    assert [number - sum(NUMBERS) for number, _ in gathered] == NUMBERS
    for number, doer, (_, later) in zip(NUMBERS, who, gathered, strict=True):
        assert (doer == own) == (number % 2 == 0)
        assert later == doer


@pytest.mark.parametrize("step", ["share", "gather"])
@pytest.mark.parametrize(
    "end", [lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: fail(0)], ids=["killed", "broken"]
)
def test_if_the_copy_dies_all_is_done_here(step: str, end: Callable[[], object]) -> None:
    own = os.getpid()

    def work(number: int) -> int:
        if os.getpid() != own and number > 2:
            end()
        return number * number

    def do(crew: Crew) -> list[int]:
        if step == "share":
            return crew.share(work, NUMBERS)
        return list(crew.gather(work, NUMBERS))

    assert in_two(do) == [number * number for number in NUMBERS]


def test_what_goes_wrong_is_told_once_by_the_first_process() -> None:
    with pytest.raises(LookupError):
        in_two(lambda crew: crew.share(fail, NUMBERS))


def test_the_copy_ends_when_nobody_wants_the_rest() -> None:
    own = os.getpid()

    def work(number: int) -> int:
        if os.getpid() != own and number > 2:
            signal.pause()
        return number

    assert in_two(lambda crew: next(crew.gather(work, NUMBERS))) == 0


def test_while_the_copy_is_busy_the_first_process_goes_on() -> None:
    own, (heard, told) = os.getpid(), os.pipe()

    def work(number: int) -> bool:
        if os.getpid() == own:
            if number == 4:
                os.write(told, b"4")
            return True
        # The first odd number is ready only when the third even one was begun.
        return number != 1 or bool(select.select([heard], [], [], 60)[0])

    try:
        assert all(in_two(lambda crew: list(crew.gather(work, NUMBERS))))
    finally:
        os.close(heard)
        os.close(told)


def test_ctrl_c_is_not_for_the_copy() -> None:
    handlers = in_two(lambda crew: crew.share(lambda _: signal.getsignal(signal.SIGINT) is signal.SIG_IGN, [0, 1]))
    assert handlers == [False, True]


@pytest.mark.parametrize("why", ["no fork", "not wanted"])
def test_where_no_copy_can_be_made_all_is_done_here(monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    def fork() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", fork)
    monkeypatch.setattr(pair, "may_copy", lambda: why == "no fork")
    numbers, who, gathered = in_two(both)
    assert numbers == NUMBERS
    assert {*who, *(doer for _, doer in gathered)} == {os.getpid()}
