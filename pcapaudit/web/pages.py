"""The door for people: log in, log out; and the files that every page needs."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from pcapaudit.report.html import page_file
from pcapaudit.web.access import COOKIE
from pcapaudit.web.render import show
from pcapaudit.web.state import site_of

_MAX_FORM = 4096
_MEDIA = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_SHARED = {"report.css": ("style.css", "text/css"), "report.js": ("script.js", "text/javascript")}
"""Names under /static that are files of the report's own page."""


async def show_login(request: Request) -> Response:
    """The form, or straight in with a code in the address."""
    code = request.query_params.get("code")
    return _show_form() if code is None else _enter(request, code)


async def log_in(request: Request) -> Response:
    """A code or a token from the form."""
    body = (await request.body())[:_MAX_FORM].decode(errors="replace")
    return _enter(request, parse_qs(body).get("secret", [""])[0].strip())


def _enter(request: Request, secret: str) -> Response:
    session = site_of(request).gate.log_in(secret)
    if session is None:
        return _show_form(401, is_wrong=True)
    answer = RedirectResponse("/", 303)
    answer.set_cookie(COOKIE, session, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer


def _show_form(status: int = 200, *, is_wrong: bool = False) -> Response:
    return show("login.html", status, is_inside=False, is_wrong=is_wrong)


async def log_out(request: Request) -> Response:
    """End the session of this browser."""
    site_of(request).gate.log_out(request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


async def get_static(request: Request) -> Response:
    """Style and script of the pages."""
    name = request.path_params["name"]
    if name in _SHARED:
        file, media = _SHARED[name]
        return Response(page_file(file), media_type=media)
    if name not in _static_names():
        return PlainTextResponse("there is no such file", 404)
    return Response(_static_file(name), media_type=_MEDIA[name.rsplit(".", 1)[-1]])


ROUTES = (
    Route("/login", show_login, methods=["GET"]),
    Route("/login", log_in, methods=["POST"]),
    Route("/logout", log_out, methods=["POST"]),
    Route("/static/{name}", get_static, methods=["GET"]),
)


@cache
def _static_names() -> frozenset[str]:
    return frozenset(file.name for file in files("pcapaudit.web").joinpath("static").iterdir())


@cache
def _static_file(name: str) -> str:
    return files("pcapaudit.web").joinpath("static", name).read_text(encoding="utf-8")
