"""DNS over time: how long answers take, and which codes they bring."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from pcapaudit.notebook.plots.style import (
    GREEN,
    RED,
    colours_of,
    finish,
    label,
    new_axes,
    say_nothing,
    show_times,
    use_plain_numbers,
)

_GOOD = "NOERROR"
_FAST_S = 1e-5
"""Answers are drawn no lower: a capture on the resolver itself may show zero."""


def draw_dns(dns: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw each question at its time: answered ones by how long it took, the others on a line above all.

    Args:
        dns: The table ``dns``.
        ax: Where to draw; None makes a figure.
    """
    ax = new_axes(ax)
    if dns.empty:
        return say_nothing(ax, "No DNS in this capture")
    answered = dns[dns["is_answered"].fillna(False).astype(bool) & dns["rtt_s"].notna()]
    codes = sorted(answered["rcode_name"].astype(str).unique(), key=lambda code: (code != _GOOD, code))
    colours = {**colours_of([c for c in codes if c != _GOOD]), _GOOD: GREEN}
    for code in codes:
        part = answered[answered["rcode_name"].astype(str) == code]
        marker = "o" if code == _GOOD else "s"
        ax.scatter(part["ts"], part["rtt_s"].clip(lower=_FAST_S) * 1e3, s=18, marker=marker, color=colours[code],
                   label=f"{label(code)} ({len(part)})")  # fmt: skip
    silent = dns[~dns["is_answered"].fillna(False).astype(bool)]
    ax.set_yscale("log")
    use_plain_numbers(ax.yaxis)
    if len(silent):
        top = float(answered["rtt_s"].max() * 1e3 * 3) if len(answered) else 1000.0
        ax.scatter(silent["ts"], [top] * len(silent), s=34, marker="^", color=RED, label=f"no answer ({len(silent)})")
    show_times(ax).legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return finish(ax, "DNS answers", "time (UTC)", "answered after (ms)")
