"""How likely it is that a capture which loses frames lost just the answers."""

from __future__ import annotations

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.health.loss import find_holes

CHANCE = 0.001
"""Silence that a lossy mirror makes this often or less is silence; one report asks for some hundred answers."""
SEGMENTS_PER_HOLE = 1.5
"""A hole may be several segments: 1.3 on average where half of the frames is missing (see ``Holes.share``)."""


def may_be_lost(facts: Facts, tries: int) -> bool:
    """Whether the capture may have lost the answers to so many questions, each asked once.

    A question that the device itself repeats got no answer whatever the mirror loses (ground rule G1); this is for
    questions that it would have asked anyway.
    """
    if not facts.is_lossy:
        return False
    share = min(1.0, SEGMENTS_PER_HOLE * find_holes(facts.traffic).share)
    return bool(share**tries > CHANCE)
