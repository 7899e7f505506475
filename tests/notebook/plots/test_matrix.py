from __future__ import annotations

import pandas as pd

from pcapaudit.notebook.plots.matrix import MAX_DEVICES, draw_matrix


def _needs(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["device", "need", "state"]).assign(what="cloud connection")


def _devices(titles: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(titles.items(), columns=["device", "title"])


def test_a_cell_for_each_need_and_the_broken_device_on_top() -> None:
    needs = _needs([("a", "X-1", "ok"), ("b", "X-1", "failed"), ("b", "X-2", "not_reached")])
    ax = draw_matrix(needs, _devices({"a": "Acme / Box", "b": pd.NA}))
    assert [t.get_text() for t in ax.get_yticklabels()] == ["b", "Acme / Box\na"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["X-1 cloud connection", "X-2 cloud connection"]
    assert sorted(t.get_text() for t in ax.texts) == sorted(["✓", "✗", "·"])


def test_many_devices_are_bounded_and_none_is_said() -> None:
    ax = draw_matrix(_needs([(f"d{n}", "X-1", "ok") for n in range(300)]), _devices({}))
    assert len(ax.get_yticklabels()) == MAX_DEVICES
    assert "No device" in draw_matrix(_needs([]), _devices({})).texts[0].get_text()
