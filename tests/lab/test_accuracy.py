"""The page of results counts what the score found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.accuracy import page
from tests.lab.scoring import Row, score_capture
from tests.lab.truth import read_truth


@pytest.fixture(scope="module")
def rows(checkout: Path) -> list[Row]:
    truth = read_truth(checkout / "samples" / "tek-8844-dropped.yaml")
    return score_capture(truth, ["clean", "twice", "ends after a tenth"])


def test_the_page_counts_right_and_kept_and_undecided(rows: list[Row]) -> None:
    lines = page(rows).splitlines()

    assert "| tek | 1 | 1/1 | 1/1 | 1/1 | 1/1 | 1/1 | 0 |" in lines
    assert "| twice | every frame twice, 40 µs apart | yes | 1 | 1 | 0 | 0 | 0 | 0 |" in lines
    assert "| ends after a tenth | ends early |  | 1 | 0 | 1 | 0 | 0 | 0 |" in lines
    assert lines[-1] == "Nothing."


def test_what_is_wrong_is_named(rows: list[Row]) -> None:
    wrong = Row("story", "clean", (), ("02:00:00:00:00:01: failed dns DNS-NO-REPLY",))

    last = page([*rows, wrong]).splitlines()[-1]

    assert last == "- story, clean: accused: 02:00:00:00:00:01: failed dns DNS-NO-REPLY"


def test_a_worse_capture_that_shows_all_must_not_become_undecided(rows: list[Row]) -> None:
    (cut,) = (row for row in rows if row.artefact == "ends after a tenth")
    claimed = Row(cut.scenario, "twice", cut.marks, ())

    assert cut.faults == []
    assert claimed.faults == [
        "tek-8844-dropped, twice: undecided, tek/pool-ems: undecided instead of failed connect UDP-SERVER-WALK"
    ]
