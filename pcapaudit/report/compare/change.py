"""What became of something between two captures: the words for it, and how two states give one.

Nothing is called repaired because it was not seen again: only an answer that was seen proves that something works.
"""

from __future__ import annotations

from enum import StrEnum

from pcapaudit.model.words import State, Verdict


class Change(StrEnum):
    """What became of a device, a rung, a need, a far side or a finding; what needs attention first."""

    WORSE = "worse"
    FAILS = "fails"
    """Broken in the second capture; the first one does not show it."""
    STILL = "still"
    """As broken as before."""
    CANNOT_TELL = "cannot_tell"
    """The second capture does not show what came of it."""
    BETTER = "better"
    """Better than before, but not shown to be in order."""
    REPAIRED = "repaired"
    WORKS = "works"
    """In order in both."""
    SHOWN = "shown"
    """In order; the first capture does not show it."""
    NOTHING = "nothing"
    """Neither capture says anything of it."""


CHANGES: tuple[Change, ...] = tuple(Change)
"""All changes, what needs attention first."""
OPEN = (Change.WORSE, Change.FAILS, Change.STILL)
"""What is still to be done."""
GAINED = (Change.REPAIRED, Change.BETTER, Change.SHOWN)
"""What works now and did not, or was not seen to."""

_GRADES = {State.OK: 0, State.IMPLIED: 0, State.DEGRADED: 1, State.FAILED: 2}
_VERDICTS = {Verdict.HEALTHY: 0, Verdict.DEGRADED: 1, Verdict.FAILED: 2}


def is_good(state: State | None) -> bool:
    """Whether it was seen to work, if only by what it made possible."""
    return state in (State.OK, State.IMPLIED)


def is_bad(state: State | None) -> bool:
    """Whether it was seen not to work, or not well."""
    return state in (State.DEGRADED, State.FAILED)


def judge_states(before: State | None, after: State | None) -> Change:
    """What became of a rung, a need or a far side; None where a report does not have it."""
    if before is State.NOT_REACHED:
        # What nobody could get to did not work, though it was no fault of its own.
        return Change.REPAIRED if is_good(after) else _judge(None, _GRADES.get(after) if after else None)
    if after is State.NOT_REACHED and is_good(before):
        return Change.WORSE
    return _judge(_GRADES.get(before) if before else None, _GRADES.get(after) if after else None)


def judge_verdicts(before: Verdict, after: Verdict) -> Change:
    """What became of a device, by its verdicts alone."""
    return _judge(_VERDICTS.get(before), _VERDICTS.get(after))


def _judge(before: int | None, after: int | None) -> Change:
    """Grades: 0 works, 1 works badly, 2 does not work, None is not known."""
    if after is None:
        return Change.NOTHING if before is None else Change.CANNOT_TELL
    if before is None:
        return Change.FAILS if after else Change.SHOWN
    if after == before:
        return Change.STILL if after else Change.WORKS
    if after > before:
        return Change.WORSE
    return Change.BETTER if after else Change.REPAIRED
