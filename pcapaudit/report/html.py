"""The report as one page that needs nothing else: to mail, to print, to keep in a closed network.

The page is made of the templates in ``page/``; Jinja2 escapes every string of the report.
"""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pcapaudit.model.report import CaptureInfo, DeviceReport, Report
from pcapaudit.model.words import MarkKind, Role, RuleState, Verdict
from pcapaudit.report import phrases
from pcapaudit.report.escape import clean, make_visible
from pcapaudit.report.pictures import WORDS, draw_mark, draw_timeline
from pcapaudit.report.registry import Look, renderer

_WORST_FIRST = (Verdict.FAILED, Verdict.DEGRADED, Verdict.UNDECIDED, Verdict.HEALTHY)


@renderer("html")
def render(report: Report, _look: Look) -> str:
    """The whole report, the worst device first; looks the same everywhere."""
    safe = clean(report, make_visible)
    devices = sorted(safe.devices, key=lambda d: _WORST_FIRST.index(d.verdict))
    return _environment().get_template("report.html").render(report=safe, devices=devices)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pcapaudit.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        say=phrases,
        glyphs=phrases.UNICODE,
        timeline=_timeline,
        legend=_legend(),
        has_role=_has_role,
        rule_states=tuple(RuleState),
    )
    return environment


def _timeline(device: DeviceReport, capture: CaptureInfo) -> Markup:
    """The picture; its strings are escaped where it is drawn."""
    return Markup(draw_timeline(device, capture.first, capture.last))  # noqa: S704 - escaped there


def _legend() -> list[tuple[str, Markup]]:
    return [(words, _icon(kind)) for kind, words in WORDS.items()]


def _icon(kind: MarkKind) -> Markup:
    """One mark of the timeline by itself."""
    svg = '<svg class="timeline icon" viewBox="0 0 16 16" aria-hidden="true"><g class="{}">{}</g></svg>'
    return Markup(svg).format(kind, Markup(draw_mark(kind, 8, 8)))  # noqa: S704 - drawn by us, nothing of the report


def _has_role(device: DeviceReport, role: str) -> list[object]:
    """Findings of a role without the root cause, which stands elsewhere."""
    root = phrases.find_root(device)
    return [f for f in device.findings if f.role is Role(role) and f is not root]
