"""How the pictures look: colours that everybody can tell apart, axes, files that come out the same each time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from pcapaudit.model.words import State, Verdict
from pcapaudit.notebook.session import is_notebook
from pcapaudit.report.escape import make_visible

# The palette of Okabe and Ito, which the colour-blind can tell apart; it keeps its order in grey.
GREEN, RED, ORANGE, BLUE, SKY, GREY, INK = "#009E73", "#D55E00", "#E69F00", "#0072B2", "#56B4E9", "#9AA0A6", "#22262B"
CYCLE = (BLUE, ORANGE, GREEN, "#CC79A7", SKY, RED, "#7A5C00", GREY)
STATE_COLOURS: Mapping[str, str] = {
    State.OK: GREEN,
    State.IMPLIED: GREEN,
    State.DEGRADED: ORANGE,
    State.FAILED: RED,
    State.NOT_OBSERVED: SKY,
    State.NOT_REACHED: "#D5D9DD",
    State.NOT_APPLICABLE: "#EEF0F2",
}
STATE_MARKS: Mapping[str, str] = {
    State.OK: "✓",
    State.IMPLIED: "(✓)",
    State.DEGRADED: "!",
    State.FAILED: "✗",
    State.NOT_OBSERVED: "?",
    State.NOT_REACHED: "·",
    State.NOT_APPLICABLE: "–",
}
VERDICT_COLOURS: Mapping[str, str] = {
    Verdict.HEALTHY: GREEN,
    Verdict.UNDECIDED: SKY,
    Verdict.DEGRADED: ORANGE,
    Verdict.FAILED: RED,
}
_LONGEST = 44


def new_axes(ax: Axes | None, width: float = 9.0, height: float = 4.0) -> Axes:
    """The axes that were given, or new ones on a figure of this size (inches)."""
    if ax is not None:
        return ax
    if is_notebook():
        # A notebook shows the figures of pyplot below the cell, and closes them.
        pyplot = import_module("matplotlib.pyplot")
        drawn: Axes = pyplot.subplots(figsize=(width, height), layout="constrained")[1]
        return drawn
    # Elsewhere pyplot would keep every figure until it is told to close it.
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def finish(ax: Axes, title: str, xlabel: str, ylabel: str = "", *, pad: float = 8) -> Axes:
    """Title (so many points above the axes), units, and no more lines than are needed."""
    ax.set_title(plain(title), loc="left", fontsize=11, fontweight="bold", color=INK, pad=pad)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax


def days(times: Any) -> Any:
    """Times as matplotlib counts them: days since 1970."""
    return date2num(times)  # type: ignore[no-untyped-call]


def show_times(ax: Axes) -> Axes:
    """Let the horizontal axis speak of times (UTC)."""
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    return ax


def use_plain_numbers(axis: Axis) -> None:
    """Let a logarithmic axis say 0.1, 1, 10 instead of powers."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def say_nothing(ax: Axes, words: str) -> Axes:
    """Axes that hold one sentence, where there is nothing to draw."""
    ax.text(0.5, 0.5, plain(words), ha="center", va="center", transform=ax.transAxes, color=INK)
    ax.set_axis_off()
    return ax


def plain(text: str) -> str:
    """Text as it is shown: nothing that steers a screen, no mathematics between dollar signs."""
    return make_visible(text).replace("$", r"\$")


def label(text: str) -> str:
    """The same for the label of a row: what is too long loses its middle, as names differ at both ends."""
    shown = make_visible(text)
    if len(shown) > _LONGEST:
        shown = f"{shown[: _LONGEST // 2]}…{shown[-(_LONGEST // 2 - 1) :]}"
    return plain(shown)


def colours_of(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name; they repeat beyond eight."""
    return {name: CYCLE[at % len(CYCLE)] for at, name in enumerate(names)}


def save(ax: Axes, target: Path) -> None:
    """Write the picture; the end of the name says how (svg, png, pdf). The same picture gives the same bytes."""
    target.write_bytes(picture(ax, target.suffix.lstrip(".").lower() or "svg"))


def picture(ax: Axes, form: str) -> bytes:
    """The picture as a file's content.

    Args:
        ax: What was drawn.
        form: svg, png or pdf.
    """
    out = BytesIO()
    no_date = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form)
    figure = ax.get_figure(root=True)
    assert figure is not None  # noqa: S101 - drawn axes have one
    with mpl.rc_context({"svg.hashsalt": "pcapaudit", "svg.fonttype": "none"}):
        figure.savefig(out, format=form, dpi=150, metadata=no_date)
    return out.getvalue()
