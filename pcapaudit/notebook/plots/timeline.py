"""The timeline of a device: whom it asked when, what came back, and its ladder above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from matplotlib.axes import Axes

from pcapaudit.model.report import CaptureInfo, DeviceReport, StageReport, TimelineLane
from pcapaudit.model.words import MarkKind
from pcapaudit.notebook.plots.style import (
    GREEN,
    GREY,
    INK,
    RED,
    STATE_COLOURS,
    STATE_MARKS,
    days,
    finish,
    label,
    new_axes,
    say_nothing,
    show_times,
)
from pcapaudit.report.phrases import say_title

_LOOKS: Mapping[MarkKind, tuple[str, str, str]] = {
    MarkKind.ASKED: ("o", "none", GREY),
    MarkKind.UNANSWERED: ("^", RED, RED),
    MarkKind.ANSWERED: ("o", GREEN, GREEN),
    MarkKind.REFUSED: ("X", RED, RED),
}
"""Kind -> marker, colour inside, colour of the edge: the shape alone tells them apart, too."""
_LEAST_MARGIN = 0.05 / 86_400
"""Days beside the first and the last mark."""
_WORDS = {
    MarkKind.ASKED: "asked",
    MarkKind.UNANSWERED: "asked, no answer",
    MarkKind.ANSWERED: "answered",
    MarkKind.REFUSED: "refused",
}


def draw_timeline(device: DeviceReport, capture: CaptureInfo, ax: Axes | None = None) -> Axes:
    """Draw the lanes of a device over the time of the capture (UTC).

    Args:
        device: Whose.
        capture: Where it was seen; gives begin and end.
        ax: Where to draw; None makes a figure.
    """
    lanes = device.timeline
    ax = new_axes(ax, 10, 1.9 + 0.32 * len(lanes))
    if not lanes or capture.first is None or capture.last is None:
        return say_nothing(ax, f"{say_title(device)}: no timeline, as no signature says what it needs")
    for place, lane in enumerate(lanes):
        _draw_lane(ax, place, lane)
    ax.set_yticks(range(len(lanes)), [label(lane.what) for lane in lanes])
    ax.set_ylim(len(lanes) - 0.5, -0.6)
    begin, end = _time(capture.first), _time(capture.last)
    margin = max((end - begin) * 0.015, _LEAST_MARGIN)
    ax.set_xlim(begin - margin, end + margin)
    _draw_ladder(show_times(ax), device.stages)
    handles, names = ax.get_legend_handles_labels()
    known = dict(zip(names, handles, strict=True))
    ax.legend(known.values(), known.keys(), loc="upper left", bbox_to_anchor=(0, -0.13), ncols=4, frameon=False)
    return finish(ax, f"{device.verdict.upper()}: {say_title(device)}", "time (UTC)", pad=34)


def _draw_lane(ax: Axes, place: int, lane: TimelineLane) -> None:
    ax.axhline(place, color=GREY, linewidth=0.5, linestyle=(0, (1, 3)), zorder=0)
    for kind, (marker, face, edge) in _LOOKS.items():
        times = [_time(mark.at) for mark in lane.marks if mark.kind is kind]
        if times:
            ax.scatter(
                times, [place] * len(times), marker=marker, s=34, facecolors=face, edgecolors=edge, label=_WORDS[kind]
            )  # fmt: skip


def _draw_ladder(ax: Axes, stages: Sequence[StageReport]) -> None:
    """The steps as a row of boxes above the lanes."""
    width = 1 / max(1, len(stages))
    for at, rung in enumerate(stages):
        is_dark = STATE_COLOURS[rung.state] in (GREEN, RED)
        ax.text(
            (at + 0.5) * width, 1.02, f"{STATE_MARKS[rung.state]} {rung.stage}", transform=ax.transAxes,
            ha="center", va="bottom", fontsize=8, color="white" if is_dark else INK,
            bbox={"boxstyle": "round,pad=0.35", "facecolor": STATE_COLOURS[rung.state], "edgecolor": "none"},
        )  # fmt: skip


def _time(text: str) -> float:
    """A time of the document as matplotlib counts it, in days."""
    return float(days(datetime.fromisoformat(text)))
