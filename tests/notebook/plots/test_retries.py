from __future__ import annotations

import pytest

from pcapaudit.notebook.plots.retries import MAX_ATTEMPTS, STACKS, draw_retries, matching_stacks


@pytest.mark.parametrize(
    ("offsets", "stacks"),
    [
        ((0, 1.03, 3.05, 7.14, 15.2), ["Linux before 6.5"]),
        ((0, 1.0, 2.05, 3.08), ["Linux 6.5 and later"]),
        ((0, 3.0, 6.0), ["lwIP"]),
        ((0, 3.0, 9.0), ["old Windows", "uIP"]),
        ((0, 0.5, 0.9), []),
    ],
)
def test_a_stack_is_known_by_its_offsets(offsets: tuple[float, ...], stacks: list[str]) -> None:
    assert matching_stacks(offsets) == stacks


def test_each_attempt_is_a_row_and_the_stack_that_fits_is_marked() -> None:
    ax = draw_retries([("frame 48", (0, 1.0, 3.0, 7.2)), ("frame 60", (0,))])
    rows = [text.get_text() for text in ax.get_yticklabels()]
    assert rows[0] == "Linux before 6.5 (fits)"
    assert rows[len(STACKS) :] == ["frame 48"]


def test_many_attempts_are_bounded_and_none_is_said() -> None:
    ax = draw_retries([(f"frame {n}", (0, 1.0)) for n in range(500)])
    assert len(ax.get_yticklabels()) == MAX_ATTEMPTS + len(STACKS)
    assert "No SYN was repeated" in draw_retries([]).texts[0].get_text()
