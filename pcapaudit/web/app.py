"""The server put together: routes, the door before them, headers behind them, and what runs beside them."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pcapaudit.web.api import captures as api
from pcapaudit.web.api import live as live_api
from pcapaudit.web.captures.intake import Intake, IntakeError
from pcapaudit.web.captures.lookup import ApiError, NotDoneError
from pcapaudit.web.captures.store import Store
from pcapaudit.web.captures.work import Workshop
from pcapaudit.web.door import login as pages
from pcapaudit.web.door.access import Gate
from pcapaudit.web.door.throttle import SPAN_S
from pcapaudit.web.frames import page as frames
from pcapaudit.web.live import page as live_page
from pcapaudit.web.live.desk import Desk
from pcapaudit.web.settings import Settings, prepare_folder
from pcapaudit.web.state import Site, site_of
from pcapaudit.web.tables import page as tables
from pcapaudit.web.tables.making import TableMaker
from pcapaudit.web.views import anew, capture, compare, home, requests, rules
from pcapaudit.web.views.render import HAS_LIVE, show_error

_PARTS = (api, pages, home, capture, anew, rules, frames, requests, compare, tables, live_page, live_api)
"""Modules with routes; each has the page or the requests of one subject."""
_TIDY_EVERY_S = 3600.0
_WAIT = str(round(SPAN_S))
_ERRORS = (ApiError, IntakeError, HTTPException, sqlite3.OperationalError, Exception)
_MOST_PARAMETERS = 200
"""No page asks for more; what works on each with all the others stays quick."""
_OPEN_FOLDER = "/static/"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": with that a form comes with "Origin: null" (Fetch standard, section 3.2, Origin header).
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def build_app(settings: Settings) -> Starlette:
    """The server as an ASGI application. Raises UsageError when the data folder cannot be used."""
    prepare_folder(settings.data_dir)
    store = Store(settings.data_dir)
    workshop, maker = Workshop(settings, store), TableMaker(settings, store)
    desk = Desk(settings.live) if settings.live else None
    site = Site(settings, store, workshop, Gate(settings), Intake(settings), maker, desk)

    @contextlib.asynccontextmanager
    async def live(_app: Starlette) -> AsyncIterator[None]:
        _drop_unfinished(settings)
        await site.workshop.open()
        tidying = asyncio.create_task(_tidy(site))
        if desk is not None:
            await desk.open()
        try:
            yield
        finally:
            tidying.cancel()
            if desk is not None:
                await desk.close()
            await site.tables.close()
            await site.workshop.close()
            store.close()

    app = Starlette(
        routes=[route for part in _PARTS for route in part.ROUTES],
        lifespan=live,
        exception_handlers=dict.fromkeys(_ERRORS, _answer_error),
    )
    app.state.site = site
    app.add_middleware(_Door)
    return app


async def _answer_error(request: Request, error: Exception) -> Response:
    """What went wrong: JSON for a script, a page for a person; of a fault of ours no detail."""
    if isinstance(error, NotDoneError) and not request.url.path.startswith("/api/"):
        return RedirectResponse(f"/captures/{error.entry_id}", 303)
    if isinstance(error, ApiError | IntakeError):
        return _say(request, error.status, error.reason)
    if isinstance(error, sqlite3.OperationalError):
        return _say(request, 507, "the list cannot be written: the disk is full, or it does not work")
    if isinstance(error, HTTPException):
        return _say(request, error.status_code, HTTPStatus(error.status_code).phrase, error.headers)
    # The framework answers this one outside of the door, so its headers are put here.
    return _say(request, 500, "a fault of pcapaudit; its log says where", _HEADERS)


def _say(request: Request, status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    answer: Response
    if request.scope["path"].startswith("/api/"):
        answer = JSONResponse({"error": reason}, status)
    else:
        answer = show_error(status, reason, is_inside=site_of(request).gate.knows(request))
    answer.headers.update(headers or {})
    return answer


def _drop_unfinished(settings: Settings) -> None:
    """What a killed server was still receiving is of no use."""
    for path in settings.incoming.iterdir():
        path.unlink(missing_ok=True)


async def _tidy(site: Site) -> None:
    """Delete captures whose time is over."""
    while site.settings.keep_s is not None:
        # A list that cannot be written now can be in an hour.
        with contextlib.suppress(sqlite3.OperationalError):
            for entry in site.store.older_than(time.time() - site.settings.keep_s):
                await site.workshop.cancel(entry.id)
                site.store.delete(entry.id)
        await asyncio.sleep(_TIDY_EVERY_S)


class _Door:
    """Lets in who may, and puts the safety headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        request = Request(scope)
        HAS_LIVE.set(site_of(request).desk is not None)
        refusal = _refuse(request)
        await (refusal or self._app)(scope, receive, send_safely)


def _refuse(request: Request) -> Response | None:
    """The answer for a request that may not pass; None for one that may.

    Only the path that is routed counts: one put together with the Host header would be in a stranger's hand.
    """
    gate, path = site_of(request).gate, request.scope["path"]
    if not gate.trusts_host(request):
        return JSONResponse({"error": "this server has another name; --url tells it the one to answer to"}, 421)
    if not gate.trusts_origin(request):
        return JSONResponse({"error": "this request comes from a page of another server"}, 403)
    if request.scope["query_string"].count(b"&") >= _MOST_PARAMETERS:
        return JSONResponse({"error": f"at most {_MOST_PARAMETERS} parameters are taken"}, 400)
    if path == "/login" or path.startswith(_OPEN_FOLDER) or gate.knows(request):
        return None
    if path.startswith("/api/"):
        return _refuse_script(is_shut=gate.is_shut_for(request))
    query = request.scope["query_string"].decode("latin-1")
    wanted = path + (f"?{query}" if query else "")
    return RedirectResponse("/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}", 303)


def _refuse_script(*, is_shut: bool) -> Response:
    if is_shut:
        return JSONResponse({"error": "too many wrong tokens from this address: wait"}, 429, {"Retry-After": _WAIT})
    return JSONResponse({"error": "log in, or send the token"}, 401, {"WWW-Authenticate": "Bearer"})
