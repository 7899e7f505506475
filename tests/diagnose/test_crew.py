from __future__ import annotations

from pcapaudit.diagnose.crew import Alone


def test_one_process_does_all_in_order() -> None:
    done: list[int] = []

    def work(number: int) -> int:
        done.append(number)
        return number * number

    assert Alone().share(work, [3, 1, 2]) == [9, 1, 4]
    assert done == [3, 1, 2]


def test_what_is_gathered_is_worked_out_when_it_is_asked_for() -> None:
    done: list[int] = []

    def work(number: int) -> int:
        done.append(number)
        return -number

    results = Alone().gather(work, [5, 6, 7])
    assert (next(results), done) == (-5, [5])
    assert list(results) == [-6, -7]
