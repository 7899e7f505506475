"""Devices and needs: who reaches what."""

from __future__ import annotations

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


def draw_matrix(needs: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the state of each need of each device.

    Args:
        needs: The table ``needs``; at most 60 devices are drawn, those with a failed need first.
        ax: Where to draw; None makes a figure.
    """
    worst = needs.assign(broken=needs["state"].isin(["failed", "degraded"])).groupby("device", observed=True)["broken"]
    devices = list(worst.sum().sort_values(ascending=False, kind="stable").index[:MAX_DEVICES])
    ids = sorted(needs["need"].astype(str).unique())
    ax = new_axes(ax, max(6.0, 2.6 + 0.62 * len(ids)), 1.8 + 0.34 * len(devices))
    if not devices:
        return say_nothing(ax, "No device of a known product in this capture")
    for device, need, state in zip(needs["device"], needs["need"].astype(str), needs["state"].astype(str), strict=True):
        if device in devices:
            _draw_cell(ax, ids.index(need), devices.index(device), state)
    ax.set_xticks(range(len(ids)), [label(name) for name in ids], rotation=60, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(devices)), [label(str(name)) for name in devices])
    ax.set_xlim(-0.5, len(ids) - 0.5)
    ax.set_ylim(len(devices) - 0.5, -0.5)
    return finish(ax, "Who reaches what", "need, by the fact id of the vendor's paper", "device")


def _draw_cell(ax: Axes, x: int, y: int, state: str) -> None:
    colour = STATE_COLOURS[state]
    ax.add_patch(Rectangle((x - 0.46, y - 0.44), 0.92, 0.88, facecolor=colour, edgecolor="none"))
    ink = "white" if colour in (GREEN, RED) else INK
    ax.text(x, y, STATE_MARKS[state], ha="center", va="center", color=ink, fontsize=9)
