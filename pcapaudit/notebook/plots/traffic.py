"""Traffic over time, by need."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from pcapaudit.notebook.plots.style import colours_of, days, finish, label, new_axes, say_nothing, show_times

BINS = 80
MAX_NEEDS = 8
"""Colours that can be told apart."""
_REST = "all others"


def draw_traffic(attempts: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the payload of both directions by need, stacked. What a connection carried is spread evenly over its time.

    Args:
        attempts: The table ``attempts``.
        ax: Where to draw; None makes a figure.
    """
    ax = new_axes(ax)
    known = attempts.assign(bytes=attempts[["orig_bytes", "resp_bytes"]].fillna(0).sum(axis=1).astype("int64"))
    known = known[known["bytes"] > 0]
    if known.empty:
        return say_nothing(ax, "No payload was exchanged with any service that a device needs")
    start = days(known["ts"])
    end = start + known["duration_s"].fillna(0).to_numpy() / 86_400
    edges = np.linspace(start.min(), max(end.max(), start.min() + 1 / 86_400), BINS + 1)
    shown = _shown(known)
    needs = list(dict.fromkeys(shown.sort_values(key=lambda names: names.where(names != _REST, "~"))))
    sums = [spread(edges, start, end, np.where(shown == n, known["bytes"], 0)) for n in needs]
    colours = colours_of(needs)
    ax.stackplot(edges[:-1], np.array(sums) / 1e3, step="post", labels=[label(n) for n in needs],
                 colors=[colours[n] for n in needs])  # fmt: skip
    show_times(ax).legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), reverse=True)
    width_s = (edges[1] - edges[0]) * 86_400
    return finish(ax, "Traffic by need", "time (UTC)", f"payload (kB in {width_s:.3g} s)")


def _shown(known: pd.DataFrame) -> pd.Series[str]:
    """The need of each attempt; those that carried least are drawn as one."""
    sums = known.groupby(known["need"].astype(str))["bytes"].sum().sort_values(ascending=False)
    need = known["need"].astype(str)
    return need.where(need.isin(sums.index[: MAX_NEEDS if len(sums) <= MAX_NEEDS else MAX_NEEDS - 1]), _REST)


def spread(
    edges: np.ndarray[tuple[int], np.dtype[np.float64]],
    start: np.ndarray[tuple[int], np.dtype[np.float64]],
    end: np.ndarray[tuple[int], np.dtype[np.float64]],
    amount: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Amounts laid evenly over their spans and summed up in bins.

    Args:
        edges: Of the bins, ascending, shape (bins + 1).
        start: Begin of each span, shape (spans).
        end: Its end, not before the begin.
        amount: What is laid over it.

    Returns:
        Shape (bins); what lies outside all bins is in none.
    """
    length = np.maximum(end - start, 1e-12)
    # Edge by edge: a table of all edges and all flows would not fit into memory.
    before = [float(np.clip((edge - start) / length, 0.0, 1.0) @ amount) for edge in edges]
    return np.diff(np.array(before))
