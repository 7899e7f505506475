from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from pcapaudit.engine.interrupt import Interrupt


def press() -> None:
    """Ctrl-C. The handler runs before this returns, as Python's own handlers do in the main thread."""
    signal.raise_signal(signal.SIGINT)


def numbers(*, press_at: int) -> Iterator[int]:
    for number in range(10):
        if number == press_at:
            press()
        yield number


def test_without_ctrl_c_all_items_come() -> None:
    with Interrupt() as interrupt:
        assert list(interrupt.until_noted(numbers(press_at=99))) == list(range(10))
    assert not interrupt.is_noted


def test_who_waits_for_the_next_item_is_woken() -> None:
    with Interrupt() as interrupt:
        assert list(interrupt.until_noted(numbers(press_at=3))) == [0, 1, 2]
    assert interrupt.is_noted


def test_who_works_on_an_item_may_finish_it() -> None:
    finished = []
    with Interrupt() as interrupt:
        for number in interrupt.until_noted(numbers(press_at=99)):
            if number == 4:
                press()
            finished.append(number)
    assert finished == [0, 1, 2, 3, 4]
    assert interrupt.is_noted


def test_the_second_ctrl_c_ends_what_runs() -> None:
    with Interrupt():
        press()
        with pytest.raises(KeyboardInterrupt):
            press()


def test_afterwards_ctrl_c_is_what_it_was() -> None:
    with Interrupt():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_ctrl_c_is_somebody_elses_it_stays_so() -> None:
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        with Interrupt() as interrupt:
            press()
    finally:
        signal.signal(signal.SIGINT, before)
    assert pressed == [signal.SIGINT]
    assert not interrupt.is_noted


def test_in_another_thread_the_items_come_as_they_are() -> None:
    found: list[int] = []

    def take() -> None:
        with Interrupt() as interrupt:
            found.extend(interrupt.until_noted(iter(range(3))))

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    assert found == [0, 1, 2]
