"""What a rule asks of the facts before it fires or stays quiet, written down while it asks.

A rule is a pure function of the facts of one device: what it asked is why it said what it said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from inspect import ismethod
from typing import Any, cast

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Fired
from pcapaudit.diagnose.params import Params
from pcapaudit.diagnose.registry import Rule, all_rules
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.records import dataclass

MAX_ASKED = 2000
"""Questions of one rule that are kept; a rule that loops over thousands of flows asks the same again and again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a rule: the fact's name (``params.syn_wait``, ``has_waited``), its arguments, the answer."""

    name: str
    arguments: tuple[Any, ...]
    answer: Any


@dataclass(frozen=True, slots=True)
class Considered:
    """One rule, what it said of the device, and what it asked; ``asked`` is empty when nobody wanted to know."""

    rule: Rule
    fired: tuple[Fired, ...]
    asked: tuple[Asked, ...] = ()


def consider_rules(facts: Facts, *, is_witnessed: bool) -> list[Considered]:
    """Put every rule to a device, along the ladder; those that stay quiet are listed only where it is said why.

    Args:
        facts: The device.
        is_witnessed: Write down what each rule asks.
    """
    if not is_witnessed:
        return [Considered(rule, fired) for rule in all_rules() if (fired := tuple(rule.check(facts)))]
    return [_witnessed(rule, facts) for rule in all_rules()]


def _witnessed(rule: Rule, facts: Facts) -> Considered:
    asked: list[Asked] = []
    stand_in = cast("Facts", _Witness(facts, "", asked))
    return Considered(rule, tuple(rule.check(stand_in)), tuple(asked))


class _Witness:
    """Stands for an object towards a rule; gives what the object gives and writes it down."""

    def __init__(self, subject: object, prefix: str, asked: list[Asked]) -> None:
        self._subject = subject
        self._prefix = prefix
        self._asked = asked
        # What other rules found out is kept from it: it asks for itself, so that all is written down.
        self.worked_out: dict[Any, Any] = {}

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._subject, name)
        if isinstance(value, Params | Traffic):
            return _Witness(value, f"{name}.", self._asked)
        if ismethod(value):
            return partial(self._ask, name, value)
        self._note(name, (), value)
        return value

    def _ask(self, name: str, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        answer = method(*arguments, **named)
        self._note(name, arguments, answer)
        return answer

    def _note(self, name: str, arguments: Sequence[Any], answer: Any) -> None:
        if len(self._asked) < MAX_ASKED:
            self._asked.append(Asked(self._prefix + name, tuple(arguments), answer))
