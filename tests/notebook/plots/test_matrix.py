from __future__ import annotations

import pandas as pd

from pcapaudit.notebook.plots.matrix import MAX_DEVICES, draw_matrix


def _needs(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["device", "need", "state"])


def test_a_cell_for_each_need_and_the_broken_device_on_top() -> None:
    ax = draw_matrix(_needs([("a", "X-1", "ok"), ("b", "X-1", "failed"), ("b", "X-2", "not_reached")]))
    assert [t.get_text() for t in ax.get_yticklabels()] == ["b", "a"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["X-1", "X-2"]
    assert sorted(t.get_text() for t in ax.texts) == sorted(["✓", "✗", "·"])


def test_many_devices_are_bounded_and_none_is_said() -> None:
    ax = draw_matrix(_needs([(f"d{n}", "X-1", "ok") for n in range(300)]))
    assert len(ax.get_yticklabels()) == MAX_DEVICES
    assert "No device" in draw_matrix(_needs([])).texts[0].get_text()
