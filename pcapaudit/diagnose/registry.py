"""The list of rules: what each is called, where it stands, how sure it is, and its text."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING

from pcapaudit.model.records import dataclass
from pcapaudit.model.words import STAGES, Outcome, Stage

if TYPE_CHECKING:
    from pcapaudit.diagnose.facts import Facts
    from pcapaudit.diagnose.fired import Fired


class Evidence(IntEnum):
    """Class of a rule's evidence; the value is its base confidence (catalogue, section 14.3.1)."""

    EXPLICIT = 85
    """A packet says so: a refusal or a wrong answer."""
    BEHAVIOUR = 75
    """The device itself shows that it got no answer (ground rule G1)."""
    ABSENCE = 60
    """Nothing came, and it would have been seen."""
    STATISTICAL = 50
    HEURISTIC = 40


Check = Callable[["Facts"], "Iterator[Fired]"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the catalogue. ``doc`` has four paragraphs: Seen, Means, Not this rule, Ask."""

    id: str
    title: str
    stage: Stage
    outcomes: tuple[Outcome, ...]
    evidence: Evidence
    doc: str
    check: Check

    @property
    def severity(self) -> str:
        """Highest severity that the rule can reach."""
        if Outcome.FAILED in self.outcomes:
            return "error"
        return "warning" if Outcome.DEGRADED in self.outcomes else "note"


_RULES: dict[str, Rule] = {}


def rule(rule_id: str, *, stage: Stage, outcomes: str, evidence: Evidence) -> Callable[[Check], Check]:
    """Register a check.

    Args:
        rule_id: Id of the catalogue.
        stage: Stage it belongs to (a finding may name another one, see the catalogue's table).
        outcomes: Letters of the catalogue: F failed, d degraded, n note, ? undecidable.
        evidence: Class of evidence.

    The first line of the docstring is the rule's title.
    """
    letters = {"F": Outcome.FAILED, "d": Outcome.DEGRADED, "n": Outcome.NOTE, "?": Outcome.UNDECIDABLE}

    def register(check: Check) -> Check:
        doc = inspect.getdoc(check) or ""
        title = doc.splitlines()[0].rstrip(".") if doc else rule_id
        if rule_id in _RULES:
            raise ValueError(f"{rule_id} is registered twice")
        _RULES[rule_id] = Rule(rule_id, title, stage, tuple(letters[c] for c in outcomes), evidence, doc, check)
        return check

    return register


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every device rule, along the ladder, then by id."""
    _load()
    return tuple(sorted(_RULES.values(), key=lambda r: (STAGES.index(r.stage), r.id)))


def lookup(rule_id: str) -> Rule:
    """One rule by its exact id. Raises KeyError when there is none."""
    _load()
    return _RULES[rule_id]


@cache
def _load() -> None:
    """Import the rule modules, each of which registers its rules."""
    from pcapaudit.diagnose import rules  # noqa: F401, PLC0415 - registration happens on import; a cycle otherwise
