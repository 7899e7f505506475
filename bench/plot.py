"""The pictures of ``docs/performance.md``: the tools beside each other, and how the cost of a frame grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import ticker
from matplotlib.axes import Axes

from bench.page import Rows, frame_costs, of, ratio
from bench.peers import OURS, YARDSTICK

_OUR_COLOUR, _OTHER_COLOUR = "#1f5fa8", "#a4adb6"


def draw(rows: Rows, folder: Path) -> None:
    """Write ``performance.svg`` and ``scaling.svg``, as far as there are figures for them."""
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "pcapaudit", "font.size": 9, "axes.titlesize": 10})
    if of(rows, "site", cpus=1):
        _draw_site(rows, folder / "performance.svg")
    if of(rows, "frames") and of(rows, "flows"):
        _draw_scaling(rows, folder / "scaling.svg")


def _draw_site(rows: Rows, path: Path) -> None:
    """Time and memory, the fastest on top, as dots on logarithmic axes, because they span decades."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    ordered = sorted(of(rows, "site", cpus=1), key=lambda row: -row.frame_s)
    two = {row.tool: ratio(row, rows) or 0.0 for row in of(rows, "site", cpus=2)}
    names = [row.tool for row in ordered]
    figure, (left, right) = plt.subplots(1, 2, sharey=True, figsize=(9, 0.36 * len(names) + 1.4), layout="constrained")
    _dots(left, names, [ratio(row, rows) or 0.0 for row in ordered], two, "time for a frame, tcpdump = 1")
    left.axvline(1.0, color="#888888", linewidth=0.7, linestyle=":")
    left.legend(loc="upper right", frameon=False, fontsize=8)
    _dots(right, names, [row.peak_bytes / 1e6 for row in ordered], {}, "peak memory, MB")
    whole = max(row.frames for row in ordered)
    figure.suptitle(f"A site's mirror port, {whole / 1e6:.1f} million frames", fontsize=11)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _dots(axes: Axes, names: Sequence[str], values: Sequence[float], two: Mapping[str, float], title: str) -> None:
    """A full dot for each tool, a hollow one for what it takes on two processors, and the number beside them."""
    colours = [_OUR_COLOUR if name == OURS else _OTHER_COLOUR for name in names]
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 2, max(values) * 5)
    axes.hlines(names, min(values) / 2, values, color=colours, linewidth=1.2)
    axes.scatter(values, names, s=52, color=colours, zorder=3, label="one processor")
    shown = [name for name in names if name in two]
    if shown:
        on_two = [two[name] for name in shown]
        axes.scatter(on_two, shown, s=52, facecolors="none", edgecolors="#333333", zorder=4, label="two")
    for name, value in zip(names, values, strict=True):
        place = (max(value, two.get(name, 0.0)) * 1.3, name)
        axes.annotate(f"{value:.2g}" if value < 10 else f"{value:.0f}", place, va="center", fontsize=8)
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))


def _draw_scaling(rows: Rows, path: Path) -> None:
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    figure, both = plt.subplots(1, 2, sharey=True, figsize=(9, 3.2), layout="constrained")
    for axes, part in zip(both, ("frames", "flows"), strict=True):
        for tool, colour in ((OURS, _OUR_COLOUR), (YARDSTICK, "#777777")):
            costs = frame_costs(rows, part, tool)
            shown = {count: cost for count, cost in costs.items() if cost > 0}
            axes.plot(list(shown), list(shown.values()), "o-", color=colour, label=tool, markersize=4)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(f"microseconds a frame, over {part}", loc="left")
        axes.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
        axes.grid(visible=True, which="major", color="#e4e7ea")
        axes.spines[["top", "right"]].set_visible(False)
    both[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
