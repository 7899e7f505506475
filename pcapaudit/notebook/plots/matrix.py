"""Devices and needs: who reaches what."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from pcapaudit.notebook.plots.style import (
    GREEN,
    INK,
    RED,
    STATE_COLOURS,
    STATE_MARKS,
    finish,
    label,
    new_axes,
    say_nothing,
)

MAX_DEVICES = 60
_CHARACTER = 0.07
"""Inches that a character of a label takes."""


def draw_matrix(needs: pd.DataFrame, devices: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the state of each need of each device.

    Args:
        needs: The table ``needs``; at most 60 devices are drawn, those with a failed need first.
        devices: The table ``devices``, for the names of the products.
        ax: Where to draw; None makes a figure.
    """
    worst = needs.assign(broken=needs["state"].isin(["failed", "degraded"])).groupby("device", observed=True)["broken"]
    shown = list(worst.sum().sort_values(ascending=False, kind="stable").index[:MAX_DEVICES])
    ids = sorted(needs["need"].astype(str).unique())
    rows, columns = _name_rows(shown, devices), _name_columns(ids, needs)
    ax = new_axes(
        ax,
        max(6.0, 1.0 + _CHARACTER * _longest(rows) + 0.62 * len(ids)),
        1.2 + _CHARACTER * _longest(columns) + 0.42 * len(shown),
    )
    if not shown:
        return say_nothing(ax, "No device of a known product in this capture")
    for device, need, state in zip(needs["device"], needs["need"].astype(str), needs["state"].astype(str), strict=True):
        if device in shown:
            _draw_cell(ax, ids.index(need), shown.index(device), state)
    ax.set_xticks(range(len(ids)), columns, rotation=60, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(shown)), rows)
    ax.set_xlim(-0.5, len(ids) - 0.5)
    ax.set_ylim(len(shown) - 0.5, -0.5)
    return finish(ax, "Who reaches what", "need, with the fact id of the vendor's paper", "device")


def _name_rows(shown: Sequence[object], devices: pd.DataFrame) -> list[str]:
    """Product and address of each device, one below the other; the address alone where no product is known."""
    titles = dict(zip(devices["device"].astype(str), devices["title"], strict=True))
    named = [(titles.get(str(device)), str(device)) for device in shown]
    return [f"{label(title)}\n{label(device)}" if isinstance(title, str) else label(device) for title, device in named]


def _name_columns(ids: Sequence[str], needs: pd.DataFrame) -> list[str]:
    """Each need's id and what it is for."""
    what = dict(zip(needs["need"].astype(str), needs["what"].astype(str), strict=True))
    return [label(f"{name} {what[name]}") for name in ids]


def _longest(labels: Sequence[str]) -> int:
    return max((len(line) for text in labels for line in text.splitlines()), default=0)


def _draw_cell(ax: Axes, x: int, y: int, state: str) -> None:
    colour = STATE_COLOURS[state]
    ax.add_patch(Rectangle((x - 0.46, y - 0.44), 0.92, 0.88, facecolor=colour, edgecolor="none"))
    ink = "white" if colour in (GREEN, RED) else INK
    ax.text(x, y, STATE_MARKS[state], ha="center", va="center", color=ink, fontsize=9)
