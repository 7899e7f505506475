"""The report as one page that needs nothing else: to mail, to print, to keep in a closed network.

The page is made of the templates in ``page/``; Jinja2 escapes every string of the report.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from markupsafe import Markup

from pcapaudit.model.report import CaptureInfo, DeviceReport, Report
from pcapaudit.model.words import MarkKind, Role, RuleState, Verdict
from pcapaudit.report import phrases
from pcapaudit.report.escape import clean, make_visible
from pcapaudit.report.pictures import WORDS, draw_mark, draw_timeline
from pcapaudit.report.registry import Look

if TYPE_CHECKING:
    from jinja2 import Environment

_WORST_FIRST = (Verdict.FAILED, Verdict.DEGRADED, Verdict.UNDECIDED, Verdict.HEALTHY)


def render(report: Report, _look: Look) -> str:
    """The whole report, the worst device first; looks the same everywhere."""
    return _fill("report.html", report)


def render_body(report: Report) -> Markup:
    """What stands between a page's begin and end, for a page that has both of its own."""
    return Markup(_fill("body.html", report))  # noqa: S704 - escaped by the template


@cache
def page_file(name: str) -> str:
    """``style.css`` or ``script.js`` of the page."""
    return files("pcapaudit.report").joinpath("page", name).read_text(encoding="utf-8")


def _fill(template: str, report: Report) -> str:
    safe = clean(report, make_visible)
    devices = sorted(safe.devices, key=lambda d: _WORST_FIRST.index(d.verdict))
    return _environment().get_template(template).render(report=safe, devices=devices)


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
    environment.globals.update(
        say=phrases,
        glyphs=phrases.UNICODE,
        timeline=_timeline,
        legend=_legend(),
        has_role=_has_role,
        rule_states=tuple(RuleState),
        style=Markup(page_file("style.css")),  # noqa: S704 - a file of ours
        script=Markup(page_file("script.js")),  # noqa: S704 - a file of ours
        script_hash=_hash_of(page_file("script.js")),
    )
    return environment


def _hash_of(script: str) -> str:
    """The script as a Content Security Policy names it (CSP level 3, section 2.3.1): no other one may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


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
