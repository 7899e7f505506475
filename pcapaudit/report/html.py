"""The report as a page: one file that needs nothing else, or a view that stands inside another page.

The page is made of the templates in ``page/``; Jinja2 escapes every string of the report.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING

from markupsafe import Markup

from pcapaudit.model.records import dataclass
from pcapaudit.model.report import CaptureInfo, DeviceReport, FindingReport, Report
from pcapaudit.model.words import VERDICTS, MarkKind, Role, RuleState, Verdict
from pcapaudit.report import phrases
from pcapaudit.report.escape import clean, make_visible
from pcapaudit.report.glossary import explain_words
from pcapaudit.report.links import Links, link_frames, link_rule, link_span
from pcapaudit.report.pictures import WORDS, draw_mark, draw_timeline, draw_weight, find_silences, say_silences
from pcapaudit.report.registry import Look

if TYPE_CHECKING:
    from jinja2 import Environment

WORST_FIRST = tuple(reversed(VERDICTS))
FULL = 25
"""Devices that the page which stands alone shows in full, the worst ones."""
LISTED = 500
"""Devices that the table of all devices names, the worst ones."""

_LAMPS = ("red", "green", "yellow", "orange", "amber", "blue", "white")


class View(StrEnum):
    """What a page shows of a report."""

    ANSWER = "answer"
    """What is wrong and what to change."""
    FINDINGS = "findings"
    """All that was found and considered, for a support engineer."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A device in the table of all devices; ``index`` is its place in the report."""

    index: int
    verdict: Verdict
    title: str
    names: tuple[str, ...]
    breaks_at: str | None
    summary: str | None


@dataclass(frozen=True, slots=True)
class _Shown:
    """A device that is shown in full, and its place in the report."""

    index: int
    device: DeviceReport


def render(report: Report, _look: Look) -> str:
    """The whole report with both views, the worst device first; looks the same everywhere."""
    return _fill("report.html", report, phrases.order_devices(report)[:FULL], None)


def render_body(
    report: Report, view: View = View.ANSWER, *, links: Links | None = None, device: int | None = None
) -> Markup:
    """One view of one device, for a page that has a begin and an end of its own.

    Args:
        report: The document.
        view: Which view.
        links: Where frames and rules lead to; without them they are plain words.
        device: Place in ``report.devices``; without one the worst device.
    """
    shown = phrases.order_devices(report)[:1] if device is None else [device]
    return Markup(_fill(f"{view}.html", report, shown, links))  # noqa: S704 - escaped by the template


@cache
def page_file(name: str) -> str:
    """``style.css`` or ``script.js`` of the page."""
    return files("pcapaudit.report").joinpath("page", name).read_text(encoding="utf-8")


def _fill(template: str, report: Report, places: Sequence[int], links: Links | None) -> str:
    """A template filled; only what it shows is made safe, as a report may hold a thousand devices."""
    safe = clean(replace(report, devices=()), make_visible)
    return (
        _environment()
        .get_template(template)
        .render(
            report=safe,
            shown=[_Shown(at, clean(report.devices[at], make_visible)) for at in places],
            lines=[clean(_line(report, at), make_visible) for at in phrases.order_devices(report)[:LISTED]],
            total=len(report.devices),
            tally=Counter(device.verdict for device in report.devices),
            links=links,
            cite=partial(link_frames, links=links),
            span=partial(link_span, links=links),
            rule=partial(link_rule, links=links),
        )
    )


def _line(report: Report, at: int) -> _Line:
    device = report.devices[at]
    broken = phrases.find_break(device)
    names = tuple(phrases.say_names(device))
    return _Line(at, device.verdict, phrases.say_title(device), names, broken.stage if broken else None, device.summary)


@cache
def _environment() -> Environment:
    # Loaded with the first page: no other format needs it.
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=PackageLoader("pcapaudit.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(lamp=lamp_classes, silences=find_silences, with_rule=_with_rule)
    environment.globals.update(
        say=phrases,
        explain=explain_words,
        glyphs=phrases.UNICODE,
        timeline=_timeline,
        weight=lambda number: Markup(draw_weight(number)),  # noqa: S704 - a drawing of ours
        say_silences=say_silences,
        legend=_legend(),
        with_role=_with_role,
        worst_first=WORST_FIRST,
        rule_states=tuple(RuleState),
        style=Markup(page_file("style.css")),  # noqa: S704 - a file of ours
        script=Markup(page_file("script.js")),  # noqa: S704 - a file of ours
        script_hash=_hash_of(page_file("script.js")),
    )
    return environment


def _hash_of(script: str) -> str:
    """The script as a Content Security Policy names it (CSP level 3, section 2.3.1): no other one may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def lamp_classes(state: str) -> str:
    """Style classes of the lamp that a LED shows: its colour, and whether it blinks."""
    words = state.casefold().split()
    colour = next((c for c in _LAMPS if c in words), "dark")
    return f"{colour} blinking" if "blinking" in words else colour


def _with_rule(text: str, rule_id: str, rule: Callable[[str], Markup]) -> Markup:
    """A sentence that begins with a rule's id, which leads to its explanation."""
    return rule(rule_id) + text.removeprefix(rule_id)


def _timeline(device: DeviceReport, capture: CaptureInfo, links: Links | None) -> Markup:
    """The picture; its strings are escaped where it is drawn."""
    return Markup(draw_timeline(device, capture.first, capture.last, links))  # noqa: S704 - escaped there


def _legend() -> list[tuple[MarkKind, str, Markup]]:
    return [(kind, words, _icon(kind)) for kind, words in WORDS.items()]


def _icon(kind: MarkKind) -> Markup:
    """One mark of the timeline by itself."""
    svg = '<svg class="timeline icon" viewBox="0 0 16 16" aria-hidden="true"><g class="{}">{}</g></svg>'
    return Markup(svg).format(kind, Markup(draw_mark(kind, 8, 8)))  # noqa: S704 - drawn by us, nothing of the report


def _with_role(device: DeviceReport, role: str) -> list[FindingReport]:
    """Findings of a role without the root cause, which stands elsewhere."""
    root = phrases.find_root(device)
    return [f for f in device.findings if f.role is Role(role) and f is not root]
