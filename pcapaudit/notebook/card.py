"""The card that a capture and a device show of themselves in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from pcapaudit.model.report import DeviceReport, Report
from pcapaudit.model.words import VERDICTS, Verdict
from pcapaudit.report import phrases
from pcapaudit.report.escape import clean, make_visible

MAX_CARDS = 10
COLOURS = {
    Verdict.HEALTHY: "#1a7a4c",
    Verdict.UNDECIDED: "#24588f",
    Verdict.DEGRADED: "#8a5a00",
    Verdict.FAILED: "#b3261e",
}
_CARD = (
    '<div style="border-left:4px solid {colour};padding:.3em .8em;margin:.4em 0;max-width:60em;text-align:left">'
    '<b style="color:{colour}">{verdict}</b> <b>{title}</b> <span style="opacity:.7">{names}</span>'
    "<div>{summary}</div><div>{ladder}</div>{change}</div>"
)


def draw_cards(report: Report, devices: Sequence[DeviceReport]) -> str:
    """Cards of devices, the worst first; beyond ``MAX_CARDS`` their number. Every string is escaped."""
    if not devices:
        return f"<div>{escape(make_visible(phrases.say_absence(report)))}</div>"
    worst = sorted(devices, key=lambda d: -VERDICTS.index(d.verdict))
    more = len(worst) - MAX_CARDS
    rest = f"<div>and {phrases.say_count(more, 'more device')}: see <code>.devices</code></div>" if more > 0 else ""
    return "".join(map(draw_card, worst[:MAX_CARDS])) + rest


def draw_card(device: DeviceReport) -> str:
    """One device: verdict, first broken step, what to change."""
    safe = clean(device, make_visible)
    root = phrases.find_root(safe)
    change = root.remedy if root is not None and root.remedy else safe.next_step
    return _CARD.format(
        colour=COLOURS[safe.verdict],
        verdict=escape(safe.verdict),
        title=escape(phrases.say_title(safe)),
        names=escape(" · ".join(phrases.say_names(safe))),
        summary=escape(safe.summary or ""),
        ladder=_draw_ladder(safe),
        change=f'<div style="opacity:.8">{escape(change)}</div>' if change else "",
    )


def _draw_ladder(device: DeviceReport) -> str:
    """Each step with its mark; the state in words for those who point at it or have it read out."""
    marks = phrases.UNICODE.marks
    return " ".join(
        f'<span title="{escape(rung.state)}" style="white-space:nowrap">{escape(marks[rung.state])} '
        f"{escape(rung.stage)}</span>"
        for rung in device.stages
    )
