"""A worse capture of the same network: it may cost certainty, never truth.

From each capture that the lab has left behind others are derived whose truth is known (``tests/lab/artefacts``). A
healthy device must not become broken, a broken one at most undecided, whatever the capture loses, repeats or wraps;
where all is still to be seen, the whole truth must be found.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests.lab.artefacts.original import Original, load_original
from tests.lab.artefacts.table import ARTEFACTS, Artefact
from tests.lab.scoring import audit_copy
from tests.lab.truth import Truth, read_folder

CHECKOUT = Path(__file__).parents[2]
SAMPLES = read_folder(CHECKOUT / "samples")
COMMITTED = read_folder(CHECKOUT / "tests" / "lab" / "captures")

EVERY = 6
"""Of a committed capture's artefacts one in so many is tried here, by turns; ``make lab`` tries all of them."""


def _chosen() -> list[tuple[Truth, Artefact]]:
    """Every capture and every artefact several times, but not each with each."""
    pairs = [(truth, artefact) for truth in SAMPLES for artefact in ARTEFACTS.values()]
    for turn, truth in enumerate(COMMITTED):
        pairs += [(truth, a) for number, a in enumerate(ARTEFACTS.values()) if (number + turn) % EVERY == 0]
    return pairs


@cache
def _original(name: str) -> Original:
    return load_original(next(truth for truth in (*SAMPLES, *COMMITTED) if truth.name == name))


@pytest.mark.parametrize(("truth", "artefact"), [pytest.param(t, a, id=f"{t.name}-{a.name}") for t, a in _chosen()])
def test_a_worse_capture_never_turns_the_truth_round(truth: Truth, artefact: Artefact, tmp_path: Path) -> None:
    row = audit_copy(_original(truth.name), artefact, tmp_path)

    assert row is None or row.faults == []
