"""The door for people: log in, log out; and the files that every page needs."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from pcapaudit.report.html import page_file
from pcapaudit.web.api.body import read_form
from pcapaudit.web.state import site_of
from pcapaudit.web.views.render import show

_MAX_FORM = 4096
_OWN_PATH = re.compile(r"/(?![/\\])[!-~]*")
"""A path of this server: two slashes, or what a browser takes for them, would begin the name of another one."""
_MEDIA = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_SHARED = {"report.css": "style.css", "report.js": "script.js"}
"""Names under /static that are files of the report's own page."""


async def show_login(request: Request) -> Response:
    """The form, or straight in with a code in the address."""
    code, wanted = request.query_params.get("code"), request.query_params.get("next", "")
    if code is not None:
        return _enter(request, code, wanted)
    if site_of(request).gate.knows(request):
        return RedirectResponse(_own_path(wanted), 303)
    return _show_form(request, wanted)


async def log_in(request: Request) -> Response:
    """A code or a token from the form."""
    form = await read_form(request, _MAX_FORM)
    return _enter(request, form.get("secret", [""])[0].strip(), form.get("next", [""])[0])


def _enter(request: Request, secret: str, wanted: str) -> Response:
    gate = site_of(request).gate
    session = gate.log_in(secret, request)
    if session is None and gate.knows(request):
        return RedirectResponse(_own_path(wanted), 303)
    if session is None:
        return _show_form(request, wanted, is_wrong=True)
    answer = RedirectResponse(_own_path(wanted), 303)
    # "lax", so that a link to a report opens from a ticket or a mail; writes are held to their origin (Gate).
    answer.set_cookie(gate.cookie_name(request), session, httponly=True, samesite="lax", secure=gate.is_secure)
    return answer


def _own_path(wanted: str) -> str:
    """Where to go after the login; the first page for what is no path of this server."""
    return wanted if _OWN_PATH.fullmatch(wanted) else "/"


def _show_form(request: Request, wanted: str, *, is_wrong: bool = False) -> Response:
    is_shut = site_of(request).gate.is_shut_for(request)
    status = 429 if is_shut else 401 if is_wrong else 200
    wanted = _own_path(wanted)
    return show("login.html", status, is_inside=False, is_wrong=is_wrong, is_shut=is_shut, wanted=wanted)


async def log_out(request: Request) -> Response:
    """End the session of this browser."""
    gate = site_of(request).gate
    gate.log_out(request)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(gate.cookie_name(request), secure=gate.is_secure, httponly=True, samesite="lax")
    return answer


async def get_static(request: Request) -> Response:
    """Style and script of the pages; the browser keeps them and asks whether they changed."""
    name = request.path_params["name"]
    if name not in _static_names():
        return PlainTextResponse("there is no such file", 404)
    content, tag = _static_file(name)
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=_MEDIA[name.rsplit(".", 1)[-1]], headers=headers)


ROUTES = (
    Route("/login", show_login, methods=["GET"]),
    Route("/login", log_in, methods=["POST"]),
    Route("/logout", log_out, methods=["POST"]),
    Route("/static/{name}", get_static, methods=["GET"]),
)


@cache
def _static_names() -> frozenset[str]:
    return frozenset(file.name for file in files("pcapaudit.web").joinpath("static").iterdir()) | _SHARED.keys()


@cache
def _static_file(name: str) -> tuple[str, str]:
    """A file and its entity tag."""
    if name in _SHARED:
        content = page_file(_SHARED[name])
    else:
        content = files("pcapaudit.web").joinpath("static", name).read_text(encoding="utf-8")
    return content, f'"{hashlib.sha256(content.encode()).hexdigest()[:16]}"'
