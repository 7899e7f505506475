"""Verdicts over many captures."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pcapaudit.notebook.plots.style import VERDICT_COLOURS, finish, label, new_axes, say_nothing

MAX_CAPTURES = 60


def draw_verdicts(devices: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw a bar for each capture: how many devices have which verdict; the worst capture on top.

    Args:
        devices: The table ``devices``; at most 60 captures are drawn.
        ax: Where to draw; None makes a figure.
    """
    if devices.empty:
        return say_nothing(new_axes(ax), "No device was judged")
    captures = devices["capture"].astype(str) if "capture" in devices else pd.Series("all", index=devices.index)
    counts = pd.crosstab(captures, devices["verdict"].astype(str)).reindex(columns=list(VERDICT_COLOURS), fill_value=0)
    counts = counts.sort_values(["failed", "degraded", "undecided"], ascending=False).head(MAX_CAPTURES)
    ax = new_axes(ax, 9, 1.5 + 0.3 * len(counts))
    left = pd.Series(0, index=counts.index)
    for verdict, colour in reversed(list(VERDICT_COLOURS.items())):
        part = counts[verdict]
        bars = ax.barh(range(len(counts)), part, left=left, color=colour, label=verdict, height=0.7)
        # In black on every colour: a number that is read on paper, too.
        ax.bar_label(bars, labels=[str(n) if n else "" for n in part], label_type="center", fontsize=8)
        left = left + part
    ax.set_yticks(range(len(counts)), [label(str(name)) for name in counts.index])
    ax.set_ylim(len(counts) - 0.4, -0.6)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return finish(ax, "Verdicts by capture", "devices")
