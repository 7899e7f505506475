from __future__ import annotations

import pytest

from pcapaudit.model.words import State, Verdict
from pcapaudit.report.compare.change import Change, is_bad, is_good, judge_states, judge_verdicts


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (State.OK, State.IMPLIED, Change.WORKS),
        (State.FAILED, State.OK, Change.REPAIRED),
        (State.DEGRADED, State.OK, Change.REPAIRED),
        (State.FAILED, State.DEGRADED, Change.BETTER),
        (State.FAILED, State.FAILED, Change.STILL),
        (State.OK, State.DEGRADED, Change.WORSE),
        (State.OK, State.NOT_REACHED, Change.WORSE),
        (State.NOT_REACHED, State.OK, Change.REPAIRED),
        (State.NOT_REACHED, State.FAILED, Change.FAILS),
        (State.NOT_OBSERVED, State.FAILED, Change.FAILS),
        (State.NOT_OBSERVED, State.OK, Change.SHOWN),
        (State.NOT_OBSERVED, State.NOT_OBSERVED, Change.NOTHING),
        (None, State.OK, Change.SHOWN),
        (State.OK, None, Change.CANNOT_TELL),
    ],
)
def test_two_states_give_a_change(before: State | None, after: State | None, change: Change) -> None:
    assert judge_states(before, after) is change


@pytest.mark.parametrize("after", [State.NOT_OBSERVED, State.NOT_REACHED, State.NOT_APPLICABLE, None])
@pytest.mark.parametrize("before", [State.FAILED, State.DEGRADED])
def test_what_is_not_seen_again_is_never_repaired(before: State, after: State | None) -> None:
    assert judge_states(before, after) is Change.CANNOT_TELL


def test_only_what_was_seen_is_good_or_bad() -> None:
    assert [state for state in State if is_good(state)] == [State.OK, State.IMPLIED]
    assert [state for state in State if is_bad(state)] == [State.DEGRADED, State.FAILED]


def test_an_undecided_device_tells_nothing() -> None:
    assert judge_verdicts(Verdict.FAILED, Verdict.UNDECIDED) is Change.CANNOT_TELL
    assert judge_verdicts(Verdict.UNDECIDED, Verdict.FAILED) is Change.FAILS
    assert judge_verdicts(Verdict.UNDECIDED, Verdict.HEALTHY) is Change.SHOWN
