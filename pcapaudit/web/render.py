"""Pages from templates; Jinja2 escapes every string that is not ours."""

from __future__ import annotations

import time
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse


def show(template: str, status: int = 200, *, is_inside: bool = True, **values: object) -> HTMLResponse:
    """A page.

    Args:
        template: File in ``page/``.
        status: HTTP status.
        is_inside: Whether the browser is logged in, so that the way out is shown.
        values: What the template shows.
    """
    page = _environment().get_template(template).render(is_inside=is_inside, **values)
    return HTMLResponse(page, status, {"Cache-Control": "no-store"})


def show_error(status: int, reason: str) -> HTMLResponse:
    """A page that says what went wrong."""
    return show("error.html", status, reason=reason)


def say_moment(seconds: float) -> str:
    """Seconds since the epoch as date and time, UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def say_bytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pcapaudit.web", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(moment=say_moment, bytes=say_bytes)
    return environment
