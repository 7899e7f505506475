"""Questions about a device that several rules ask: worked out once while it is judged."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar, TypeVarTuple

from pcapaudit.diagnose.facts import Facts

_Subjects = TypeVarTuple("_Subjects")
_Answer = TypeVar("_Answer")


def once(ask: Callable[[Facts, *_Subjects], _Answer]) -> Callable[[Facts, *_Subjects], _Answer]:
    """Keep what a question to the facts gives for the next rule that asks; its askers share it, and do not change it.

    Args:
        ask: A pure function of the facts, and of subjects that live as long as they do (a need), known by identity.
    """

    @wraps(ask)
    def answer(facts: Facts, *subjects: *_Subjects) -> _Answer:
        known, case = facts.worked_out, (ask, *map(id, subjects))
        if case not in known:
            known[case] = ask(facts, *subjects)
        found: _Answer = known[case]
        return found

    return answer
