"""Pictures of a report as SVG: the timeline of a device, the weight of a cause. No script; they print well.

Colours come from the page's style sheet by class; every kind of mark has a shape of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape

from pcapaudit.model.records import dataclass
from pcapaudit.model.report import DeviceReport, IndicatorChange, TimelineLane, TimelineMark
from pcapaudit.model.words import MarkKind
from pcapaudit.report.links import Links
from pcapaudit.report.phrases import say_duration, say_frames

_LABELS = 340
"""Width of the column of labels, in units of the picture."""
_PLOT = 640
_MARGIN = 36
_LANE = 26
_AXIS = 34
_SINCE = 20
"""Height of the line that says since when it fails."""
_LONGEST_LABEL = 44
_LABEL_END = 26
_LETTER = 7.2
"""About the width of a letter of the labels."""
_NEAR = 4.0
"""Marks of one kind that stand closer than this are drawn as one."""
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_MAX_TICKS = 8

WORDS = {
    MarkKind.ASKED: "asked",
    MarkKind.UNANSWERED: "asked, no answer",
    MarkKind.ANSWERED: "answered",
    MarkKind.REFUSED: "refused",
}
"""What each mark says, for the legend and for those who cannot see it."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch in which a device asked again and again and no answer was seen."""

    first: TimelineMark
    last: TimelineMark
    asked: int

    @property
    def seconds(self) -> float:
        """From the first question to the last. Raises ValueError for a time that is none."""
        return _seconds(self.last.at) - _seconds(self.first.at)


@dataclass(frozen=True, slots=True)
class _Window:
    """The time that a picture shows, in seconds since the epoch."""

    start: float
    length: float

    def place(self, time: str) -> float:
        """Where a moment stands from left to right; one outside the window stands at its edge."""
        share = (_seconds(time) - self.start) / self.length
        return _LABELS + min(1.0, max(0.0, share)) * _PLOT


def draw_timeline(device: DeviceReport, first: str | None, last: str | None, links: Links | None = None) -> str:
    """The timeline of a device as an SVG element; empty for a device without one, or with a time that is none.

    Args:
        device: Whose lanes.
        first: Begin of the capture, RFC 3339.
        last: Its end.
        links: Where a mark leads to.
    """
    if not device.timeline or first is None or last is None:
        return ""
    try:
        window = _Window(_seconds(first), max(_seconds(last) - _seconds(first), 0.001))
        return _draw(device, window, links)
    except ValueError:
        # Stored documents are read back, too; one that somebody has changed still gets its page.
        return ""


def find_silences(lane: TimelineLane) -> list[Silence]:
    """Where two questions or more followed each other and none got an answer."""
    found, run = list[Silence](), list[TimelineMark]()
    for mark in (*lane.marks, None):
        if mark is not None and mark.kind is MarkKind.UNANSWERED:
            run.append(mark)
            continue
        if len(run) > 1:
            found.append(Silence(run[0], run[-1], len(run)))
        run = []
    return found


def say_silences(lane: TimelineLane) -> str:
    """The same in words: ``1 min 27 s (12 times)``; empty where every question was answered, or a time is none."""
    try:
        return ", ".join(f"{say_duration(found.seconds)} ({found.asked} times)" for found in find_silences(lane))
    except ValueError:
        return ""


def draw_mark(kind: MarkKind, x: float, y: float) -> str:
    """One mark around a point, without its title."""
    if kind is MarkKind.ANSWERED:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
    if kind is MarkKind.REFUSED:
        return f'<path d="M{x - 5:.1f} {y - 5:.1f}l10 10m0-10l-10 10"/>'
    if kind is MarkKind.UNANSWERED:
        return f'<path d="M{x - 5:.1f} {y + 4:.1f}h10l-5-9z"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>'


def draw_weight(weight: int) -> str:
    """The weight of a cause as a bar; its number stands beside it in words."""
    width = min(100, max(0, weight))
    return (
        '<svg class="weight" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="rail" width="100" height="8"/><rect class="share" width="{width}" height="8"/></svg>'
    )


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _draw(device: DeviceReport, window: _Window, links: Links | None) -> str:
    changes = device.indicator.history if device.indicator is not None else ()
    rows = [_draw_changes(changes, window)] if len(changes) > 1 else []
    rows += [_draw_lane(lane, window, links) for lane in device.timeline]
    top = _SINCE if device.since else 0
    height = top + _LANE * len(rows) + _AXIS
    lanes = "".join(f'<g transform="translate(0 {top + at * _LANE})">{row}</g>' for at, row in enumerate(rows))
    # What can be followed is no plain image to a screen reader.
    role = "group" if links else "img"
    since = _draw_since(device.since, window, height) if device.since else ""
    return (
        f'<svg class="timeline" viewBox="0 0 {_LABELS + _PLOT + _MARGIN} {height}" role="{role}" '
        f'aria-label="Timeline of the device">{_draw_axis(window, height)}{since}{lanes}</svg>'
    )


def _draw_axis(window: _Window, height: int) -> str:
    step = next((s for s in _STEPS_S if window.length / s <= _MAX_TICKS), window.length)
    lines = []
    for number in range(int(window.length / step) + 1):
        x = _LABELS + number * step / window.length * _PLOT
        lines.append(
            f'<line class="grid" x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{height - _AXIS + 6}"/>'
            f'<text class="tick" x="{x:.1f}" y="{height - 12}">{_tick(number * step, window.start)}</text>'
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


def _draw_since(since: str, window: _Window, height: int) -> str:
    """A line through all lanes where the failure began; its words stand on the side that has room."""
    x = window.place(since)
    side, anchor = (6, "start") if x < _LABELS + _PLOT / 2 else (-6, "end")
    words = f"failing since {_clock(_seconds(since))}"
    return (
        f'<line class="since" x1="{x:.1f}" y1="4" x2="{x:.1f}" y2="{height - _AXIS + 6}"/>'
        f'<text class="since" x="{x + side:.1f}" y="14" text-anchor="{anchor}">{words}</text>'
    )


def _draw_changes(changes: Sequence[IndicatorChange], window: _Window) -> str:
    """What the device showed and when, as a row of boxes."""
    ends = [*(window.place(change.at) for change in changes[1:]), _LABELS + _PLOT]
    boxes = [_label("shown on the device")]
    for change, end in zip(changes, ends, strict=True):
        x = window.place(change.at)
        room = max(0.0, end - x)
        words = change.state if len(change.state) * _LETTER < room - 8 else ""
        boxes.append(
            f'<g class="shown"><rect x="{x:.1f}" y="4" width="{room:.1f}" height="{_LANE - 8}"/>'
            f'<text x="{x + 5:.1f}" y="{_LANE / 2 + 4:.1f}">{escape(words)}</text>'
            f"<title>{escape(change.at[11:19])} {escape(change.state)}</title></g>"
        )
    return "".join(boxes)


def _label(words: str) -> str:
    shown = words
    if len(words) > _LONGEST_LABEL:
        # The end tells lanes of one name apart: address, transport and port.
        shown = f"{words[: _LONGEST_LABEL - _LABEL_END - 1]}…{words[-_LABEL_END:]}"
    title = f"<title>{escape(words)}</title>"
    return f'<text class="label" x="{_LABELS - 14}" y="{_LANE / 2 + 4:.1f}">{escape(shown)}{title}</text>'


def _draw_lane(lane: TimelineLane, window: _Window, links: Links | None) -> str:
    y = _LANE / 2
    rail = f'<line class="lane" x1="{_LABELS}" y1="{y:.1f}" x2="{_LABELS + _PLOT}" y2="{y:.1f}"/>'
    silences = "".join(_draw_silence(silence, window) for silence in find_silences(lane))
    return _label(lane.what) + rail + silences + "".join(_draw_marks(lane.marks, window, links))


def _draw_silence(silence: Silence, window: _Window) -> str:
    x, end = window.place(silence.first.at), window.place(silence.last.at)
    words = f"no answer seen for {say_duration(silence.seconds)}, asked {silence.asked} times"
    return (
        f'<rect class="silence" x="{x:.1f}" y="4" width="{max(0.0, end - x):.1f}" height="{_LANE - 8}" rx="3">'
        f"<title>{escape(words)}</title></rect>"
    )


def _draw_marks(marks: Sequence[TimelineMark], window: _Window, links: Links | None) -> Iterator[str]:
    for group in _gather(marks, window):
        first = group[0]
        shape = draw_mark(first.kind, window.place(first.at), _LANE / 2)
        mark = f'<title>{escape(_title(group))}</title><g class="{first.kind}">{shape}</g>'
        # The table below the picture leads to the same frames by keyboard, with fewer steps.
        yield (
            f'<a class="peek" tabindex="-1" href="{links.frame(first.frame)}">{mark}</a>' if links else f"<g>{mark}</g>"
        )


def _gather(marks: Sequence[TimelineMark], window: _Window) -> list[list[TimelineMark]]:
    """Marks in order of time; those of one kind that would cover each other stand together."""
    groups: list[list[TimelineMark]] = []
    begin = 0.0
    for mark in marks:
        x = window.place(mark.at)
        if groups and groups[-1][0].kind is mark.kind and 0 <= x - begin < _NEAR:
            groups[-1].append(mark)
        else:
            groups.append([mark])
            begin = x
    return groups


def _title(group: Sequence[TimelineMark]) -> str:
    """``12:03:10.682 asked, no answer, frame 48``, with their number where several are drawn as one."""
    first = group[0]
    times = f", {len(group)} times" if len(group) > 1 else ""
    ends = sorted({first.frame, group[-1].frame})
    return f"{first.at[11:23]} {WORDS[first.kind]}{times}, {say_frames(ends)}"
