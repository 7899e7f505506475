"""Pictures of a report as SVG: the timeline of a device. No script, no file from elsewhere, prints well.

Colours come from the page's style sheet by class; every kind of mark has a shape of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape

from pcapaudit.model.report import DeviceReport, TimelineLane, TimelineMark
from pcapaudit.model.words import MarkKind

_LABELS = 300
"""Width of the column of labels, in units of the picture."""
_PLOT = 640
_MARGIN = 36
_LANE = 26
_AXIS = 34
_LONGEST_LABEL = 44
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_MAX_TICKS = 8

WORDS = {
    MarkKind.ASKED: "asked",
    MarkKind.UNANSWERED: "asked, no answer",
    MarkKind.ANSWERED: "answered",
    MarkKind.REFUSED: "refused",
}
"""What each mark says, for the legend and for those who cannot see it."""


def draw_timeline(device: DeviceReport, first: str | None, last: str | None) -> str:
    """The timeline of a device as an SVG element; empty for a device without one, or with a time that is none.

    Args:
        device: Whose lanes.
        first: Begin of the capture, RFC 3339.
        last: Its end.
    """
    if not device.timeline or first is None or last is None:
        return ""
    try:
        return _draw(device.timeline, first, last)
    except ValueError:
        # Stored documents are read back, too; one that somebody has changed still gets its page.
        return ""


def _draw(timeline: Sequence[TimelineLane], first: str, last: str) -> str:
    start, length = _seconds(first), max(_seconds(last) - _seconds(first), 0.001)
    height = _LANE * len(timeline) + _AXIS
    width = _LABELS + _PLOT + _MARGIN
    lanes = "".join(_draw_lane(lane, number, start, length) for number, lane in enumerate(timeline))
    return (
        f'<svg class="timeline" viewBox="0 0 {width} {height}" role="img" aria-label="Timeline of the device">'
        f"{_draw_axis(start, length, height)}{lanes}</svg>"
    )


def draw_mark(kind: MarkKind, x: float, y: float) -> str:
    """One mark around a point, without its title."""
    if kind is MarkKind.ANSWERED:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
    if kind is MarkKind.REFUSED:
        return f'<path d="M{x - 5:.1f} {y - 5:.1f}l10 10m0-10l-10 10"/>'
    if kind is MarkKind.UNANSWERED:
        return f'<path d="M{x - 5:.1f} {y + 4:.1f}h10l-5-9z"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>'


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _draw_axis(start: float, length: float, height: int) -> str:
    step = next((s for s in _STEPS_S if length / s <= _MAX_TICKS), length)
    lines = []
    for number in range(int(length / step) + 1):
        x = _LABELS + number * step / length * _PLOT
        lines.append(
            f'<line class="grid" x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{height - _AXIS + 6}"/>'
            f'<text class="tick" x="{x:.1f}" y="{height - 12}">{_tick(number * step, start)}</text>'
        )
    return "".join(lines)


def _tick(offset: float, start: float) -> str:
    """The clock (UTC) at the left edge, time since then elsewhere: ``+20 s``, ``+1:10``, ``+2:00:00``."""
    if not offset:
        return _clock(start)
    if offset < 60:
        return f"+{offset:g} s"
    hours, minutes, seconds = int(offset) // 3600, int(offset) // 60 % 60, int(offset) % 60
    return f"+{hours}:{minutes:02d}:{seconds:02d}" if hours else f"+{minutes}:{seconds:02d}"


def _clock(moment: float) -> str:
    seconds = int(moment) % 86400
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _draw_lane(lane: TimelineLane, number: int, start: float, length: float) -> str:
    y = number * _LANE + _LANE / 2
    label = lane.what if len(lane.what) <= _LONGEST_LABEL else lane.what[: _LONGEST_LABEL - 1] + "…"
    title = f"<title>{escape(lane.what)}</title>"
    head = (
        f'<text class="label" x="{_LABELS - 14}" y="{y + 4:.1f}">{escape(label)}{title}</text>'
        f'<line class="lane" x1="{_LABELS}" y1="{y:.1f}" x2="{_LABELS + _PLOT}" y2="{y:.1f}"/>'
    )
    return head + "".join(_draw_marks(lane.marks, y, start, length))


def _draw_marks(marks: Sequence[TimelineMark], y: float, start: float, length: float) -> Iterator[str]:
    for mark in marks:
        share = min(1.0, max(0.0, (_seconds(mark.at) - start) / length))
        shape = draw_mark(mark.kind, _LABELS + share * _PLOT, y)
        title = f"{mark.at[11:23]} {WORDS[mark.kind]}, frame {mark.frame}"
        yield f'<g class="{mark.kind}">{shape}<title>{escape(title)}</title></g>'
