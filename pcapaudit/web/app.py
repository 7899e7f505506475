"""The server put together: routes, the door before them, headers behind them, and what runs beside them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pcapaudit.web import api, capture, home, pages
from pcapaudit.web.access import Gate
from pcapaudit.web.intake import IntakeError
from pcapaudit.web.lookup import ApiError
from pcapaudit.web.render import show_error
from pcapaudit.web.settings import Settings, prepare_folder
from pcapaudit.web.state import Site, site_of
from pcapaudit.web.store import Store
from pcapaudit.web.work import Workshop

_PARTS = (api, pages, home, capture)
"""Modules with routes; each has the page or the requests of one subject."""
_TIDY_EVERY_S = 3600.0
_OPEN_PATHS = ("/login", "/static/")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def build_app(settings: Settings) -> Starlette:
    """The server as an ASGI application. Raises UsageError when the data folder cannot be used."""
    prepare_folder(settings.data_dir)
    store = Store(settings.data_dir)
    site = Site(settings, store, Workshop(settings, store), Gate(settings))

    @contextlib.asynccontextmanager
    async def live(_app: Starlette) -> AsyncIterator[None]:
        _drop_unfinished(settings)
        await site.workshop.open()
        tidying = asyncio.create_task(_tidy(site))
        try:
            yield
        finally:
            tidying.cancel()
            await site.workshop.close()
            store.close()

    app = Starlette(
        routes=[route for part in _PARTS for route in part.ROUTES],
        lifespan=live,
        exception_handlers={ApiError: _answer_error, IntakeError: _answer_error},
    )
    app.state.site = site
    app.add_middleware(_Door)
    return app


async def _answer_error(request: Request, error: Exception) -> Response:
    """What went wrong: JSON for a script, a page for a person."""
    status, reason = (error.status, error.reason) if isinstance(error, ApiError | IntakeError) else (500, "a fault")
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": reason}, status)
    return show_error(status, reason)


def _drop_unfinished(settings: Settings) -> None:
    """What a killed server was still receiving is of no use."""
    for path in settings.incoming.iterdir():
        path.unlink(missing_ok=True)


async def _tidy(site: Site) -> None:
    """Delete captures whose time is over."""
    while site.settings.keep_s is not None:
        for entry in site.store.all():
            if entry.created + site.settings.keep_s < time.time():
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

        refusal = _refuse(Request(scope))
        await (refusal or self._app)(scope, receive, send_safely)


def _refuse(request: Request) -> Response | None:
    """The answer for a request that may not pass; None for one that may."""
    gate, path = site_of(request).gate, request.url.path
    if not gate.trusts_host(request):
        return JSONResponse({"error": "this server has another name"}, 421)
    if not gate.trusts_origin(request.method, request):
        return JSONResponse({"error": "this request comes from a page of another server"}, 403)
    if path.startswith(_OPEN_PATHS) or gate.knows(request):
        return None
    if path.startswith("/api/"):
        return JSONResponse({"error": "log in, or send the token"}, 401, {"WWW-Authenticate": "Bearer"})
    return RedirectResponse("/login", 303)
