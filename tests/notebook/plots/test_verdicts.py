from __future__ import annotations

import pandas as pd

from pcapaudit.notebook.plots.verdicts import MAX_CAPTURES, draw_verdicts


def test_the_worst_capture_stands_on_top_and_every_device_counts() -> None:
    rows = [("a", "healthy"), ("a", "healthy"), ("b", "failed"), ("b", "healthy")]
    ax = draw_verdicts(pd.DataFrame(rows, columns=["capture", "verdict"]))
    assert [t.get_text() for t in ax.get_yticklabels()] == ["b", "a"]
    assert sum(bar.get_width() for bar in ax.patches) == len(rows)  # type: ignore[attr-defined]


def test_many_captures_are_bounded_and_no_device_is_said() -> None:
    many = pd.DataFrame([(f"c{n}", "failed") for n in range(200)], columns=["capture", "verdict"])
    assert len(draw_verdicts(many).get_yticklabels()) == MAX_CAPTURES
    assert "No device" in draw_verdicts(many.iloc[:0]).texts[0].get_text()
