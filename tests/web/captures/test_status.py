from __future__ import annotations

import pytest

from pcapaudit.engine.progress import Judged, Phase, Step
from pcapaudit.model.words import Verdict
from pcapaudit.web.captures.status import MOST_FOUND, Course, Status
from pcapaudit.web.captures.store import Entry, JobState, Wishes

ENTRY = Entry("1", "x.pcap", "0" * 64, 3, JobState.RUNNING, 0.0, Wishes())


def device(name: str, verdict: Verdict = Verdict.HEALTHY) -> Judged:
    return Judged(name, verdict, None, (), None, None, None, None)


def course(*news: Step | Judged) -> Status:
    made = Course()
    for one in news:
        made.note(one)
    return made.status(ENTRY)


def test_before_anything_is_told_nothing_is_done() -> None:
    assert course() == Status("1", JobState.RUNNING, 0.0, None)


def test_what_is_told_of_the_reading_is_passed_on() -> None:
    status = course(Step(Phase.READING, 20, 100, 40.0, 2))
    assert (status.phase, status.done, status.total, status.rate, status.left_s) == ("reading", 20, 100, 40.0, 2)


def test_progress_never_falls_back_and_ends_at_one() -> None:
    steps = [Step(Phase.READING, n, 10) for n in range(11)] + [Step(Phase.JUDGING, n, 4) for n in range(5)]
    shares = [course(step).progress for step in steps]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


@pytest.mark.parametrize("step", [Step(Phase.READING, 9, None), Step(Phase.JUDGING, 0, 0)])
def test_a_total_that_nobody_knows_is_no_share(step: Step) -> None:
    assert 0.0 <= course(step).progress < 1.0


def test_the_worst_devices_stand_first_and_the_rest_is_counted() -> None:
    healthy = [device(str(n)) for n in range(MOST_FOUND)]
    bad = [device("a", Verdict.DEGRADED), device("b", Verdict.FAILED), device("c", Verdict.UNDECIDED)]
    status = course(Step(Phase.JUDGING, 0, 99), *healthy, *bad)
    assert [d.title for d in status.found[:4]] == ["b", "a", "c", "0"]
    assert (len(status.found), status.judged) == (MOST_FOUND, MOST_FOUND + 3)
