"""The pages: log in, upload and list, one capture."""

from __future__ import annotations

import time
from functools import cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import parse_qs

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from pcapaudit.catalog import load_signatures
from pcapaudit.report.document import from_json
from pcapaudit.report.html import page_file, render_body
from pcapaudit.web.access import COOKIE
from pcapaudit.web.state import site_of
from pcapaudit.web.store import Entry, JobState

_MAX_FORM = 4096
_STATIC = {"app.css": "text/css", "app.js": "text/javascript", "icon.svg": "image/svg+xml"}
_SHARED = {"report.css": ("style.css", "text/css"), "report.js": ("script.js", "text/javascript")}
"""Names under /static that are files of the report's own page."""


async def show_login(request: Request) -> Response:
    """The form, or straight in with a code in the address."""
    code = request.query_params.get("code")
    return _show("login.html", is_wrong=False) if code is None else _enter(request, code)


async def log_in(request: Request) -> Response:
    """A code or a token from the form."""
    body = (await request.body())[:_MAX_FORM].decode(errors="replace")
    return _enter(request, parse_qs(body).get("secret", [""])[0].strip())


def _enter(request: Request, secret: str) -> Response:
    session = site_of(request).gate.log_in(secret)
    if session is None:
        return _show("login.html", 401, is_wrong=True)
    answer = RedirectResponse("/", 303)
    answer.set_cookie(COOKIE, session, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer


async def log_out(request: Request) -> Response:
    """End the session of this browser."""
    site_of(request).gate.log_out(request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


async def show_home(request: Request) -> Response:
    """Upload, and the list of what was uploaded."""
    query = request.query_params.get("q", "").strip()
    entries = [e for e in site_of(request).store.all() if _matches(e, query.casefold())]
    return _show("home.html", entries=entries, query=query, products=_products())


async def show_capture(request: Request) -> Response:
    """One capture: how far it is, or its report."""
    site = site_of(request)
    entry = site.store.get(request.path_params["id"])
    if entry is None:
        return _show("error.html", 404, reason="There is no such capture")
    is_done = entry.state is JobState.DONE
    body = await run_in_threadpool(_body, site.store.report_path(entry.id)) if is_done else None
    return _show("capture.html", entry=entry, body=body)


async def get_static(request: Request) -> Response:
    """Style and script of the pages."""
    name = request.path_params["name"]
    if name in _SHARED:
        file, media = _SHARED[name]
        return Response(page_file(file), media_type=media)
    if name not in _STATIC:
        return PlainTextResponse("there is no such file", 404)
    return Response(_static_file(name), media_type=_STATIC[name])


ROUTES = (
    Route("/login", show_login, methods=["GET"]),
    Route("/login", log_in, methods=["POST"]),
    Route("/logout", log_out, methods=["POST"]),
    Route("/", show_home, methods=["GET"]),
    Route("/captures/{id}", show_capture, methods=["GET"]),
    Route("/static/{name}", get_static, methods=["GET"]),
)


def show_error(status: int, reason: str) -> Response:
    """A page that says what went wrong."""
    return _show("error.html", status, reason=reason)


def _body(path: Path) -> Markup:
    return render_body(from_json(path.read_text(encoding="utf-8")))


def _matches(entry: Entry, query: str) -> bool:
    """Whether each word of a query (case folded) is somewhere in what the list shows of a capture."""
    shown = [entry.name, entry.note, entry.state, _moment(entry.created)]
    for device in entry.devices:
        shown += [device.title, device.verdict, device.mac or "", device.signature or "", *device.addresses]
    text = " ".join(shown).casefold()
    return all(word in text for word in query.split())


def _show(template: str, status: int = 200, **values: object) -> HTMLResponse:
    is_inside = template not in ("login.html", "error.html")
    page = _environment().get_template(template).render(is_inside=is_inside, **values)
    return HTMLResponse(page, status, {"Cache-Control": "no-store"})


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pcapaudit.web", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(moment=_moment, bytes=_bytes)
    return environment


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def _bytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


@cache
def _products() -> list[tuple[str, str]]:
    return sorted((s.id, f"{s.vendor_title} / {s.title}") for s in load_signatures(None))


@cache
def _static_file(name: str) -> str:
    return files("pcapaudit.web").joinpath("static", name).read_text(encoding="utf-8")
