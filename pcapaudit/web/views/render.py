"""Pages from templates; every string that is not ours is escaped, and shown as what it is."""

from __future__ import annotations

import time
from contextvars import ContextVar
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from pcapaudit.report.escape import make_visible
from pcapaudit.report.html import lamp_classes

HAS_LIVE: ContextVar[bool] = ContextVar("HAS_LIVE", default=False)
"""Whether the server of this request watches live: the head of every page leads there."""


def show(template: str, status: int = 200, /, *, is_inside: bool = True, **values: object) -> HTMLResponse:
    """A page.

    Args:
        template: File in ``page/``.
        status: HTTP status.
        is_inside: Whether the browser is logged in, so that the way out is shown.
        values: What the template shows.
    """
    page = fill(template, is_inside=is_inside, has_live=HAS_LIVE.get(), **values)
    return HTMLResponse(page, status, {"Cache-Control": "no-store"})


def fill(template: str, /, **values: object) -> str:
    """A template of ``page/`` with these values: a page, or a part of one."""
    return _environment().get_template(template).render(**values)


def show_error(status: int, reason: str, *, is_inside: bool = True) -> HTMLResponse:
    """A page that says what went wrong."""
    return show("error.html", status, is_inside=is_inside, reason=reason)


def say_moment(seconds: float) -> str:
    """Seconds since the epoch as date and time, UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def say_bytes(size: int) -> str:
    """A size for people."""
    if size < 1000:
        return f"{size} bytes"
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


def _harmless(value: object) -> object:
    """What a template shows, with characters spelled out that would steer the screen; lines stay lines."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return "\n".join(make_visible(line) for line in value.replace("\r\n", "\n").split("\n"))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pcapaudit.web", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(moment=say_moment, bytes=say_bytes, lamp=lamp_classes)
    return environment
