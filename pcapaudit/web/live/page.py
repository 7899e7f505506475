"""The live watch for people: how the capture does, a row a device, what happened; and a report of any window."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from typing import Any

from sse_starlette import EventSourceResponse
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pcapaudit.web.api.body import read_form
from pcapaudit.web.captures.intake import IntakeError
from pcapaudit.web.captures.lookup import ApiError, find_desk
from pcapaudit.web.captures.wishes import WishError, products, read_wishes
from pcapaudit.web.live.desk import Desk, Happened
from pcapaudit.web.live.view import MOST_LINES, make_entry, make_head, make_lines, say_now
from pcapaudit.web.live.windows import read_span, take_window
from pcapaudit.web.state import site_of
from pcapaudit.web.views.render import fill, show

SHOWN_EVENTS = 100
"""Events that the page shows."""
_MAX_FORM = 80_000
_HEARTBEAT_S = 15
_SEND_S = 30.0
"""Seconds until a reader of events that takes nothing is let go."""
_NUMBER_DIGITS = 18
_FIELDS = ("from", "to", "signature", "device", "led", "log", "mirror_point", "note")


async def show_live(request: Request) -> Response:
    """The page; ``from``, ``to`` and the details of its form can stand in its address."""
    return _show(find_desk(request), request.query_params, {})


async def tell_live(request: Request) -> Response:
    """``GET /live/events?after=…``: the parts of the page, each anew when it changed, as server-sent events."""
    desk = find_desk(request)
    after = read_number(request.headers.get("last-event-id") or request.query_params.get("after"))
    return EventSourceResponse(tell_parts(desk, after), ping=_HEARTBEAT_S, send_timeout=_SEND_S)


async def report_window(request: Request) -> Response:
    """The form of the page, sent: leads to the capture, or shows what stands against it."""
    desk, site = find_desk(request), site_of(request)
    form = {name: values[0] for name, values in (await read_form(request, _MAX_FORM)).items()}
    try:
        wishes = read_wishes(QueryParams(form))
        entry, _ = await take_window(site, desk, read_span(form, desk.now_ns), wishes, form.get("note", ""))
    except WishError as error:
        return _show(desk, form, {error.field: error.reason}, error.status)
    except (ApiError, IntakeError) as error:
        return _show(desk, form, {"window": error.reason}, error.status)
    return RedirectResponse(f"/captures/{entry.id}", 303)


ROUTES = (
    Route("/live", show_live, methods=["GET"]),
    Route("/live/events", tell_live, methods=["GET"]),
    Route("/live/window", report_window, methods=["POST"]),
)


def _show(desk: Desk, said: Mapping[str, str], faults: Mapping[str, str], status: int = 200) -> Response:
    newest = desk.newest(SHOWN_EVENTS)
    return show(
        "live.html",
        status,
        interface=desk.live.interface,
        parts=_fill_parts(desk),
        head=make_head(desk),
        events=[_fill_event(entry) for entry in newest],
        after=newest[0].number if newest else 0,
        said=say_now(desk.now_ns),
        said_before={name: said.get(name, "") for name in _FIELDS},
        is_asked=bool(faults) or any(said.get(name) for name in _FIELDS),
        faults=faults,
        products=products(),
    )


async def tell_parts(desk: Desk, after: int) -> AsyncIterator[dict[str, str]]:
    """A pulse for all that the watch told, even if it changed nothing; parts that changed; events that are new."""
    known: dict[str, str] = {}
    revision = -1
    async for now in desk.watch():
        for happened in desk.after(after):
            after = happened.number
            yield {"event": "happened", "id": str(after), "data": _fill_event(happened)}
        parts = _fill_parts(desk)
        for name, text in parts.items():
            if known.get(name) != text:
                yield {"event": name, "data": text}
        known = parts
        if now != revision and desk.is_fresh:
            yield {"event": "pulse", "data": say_now(desk.now_ns)}
        revision = now


def _fill_parts(desk: Desk) -> dict[str, str]:
    """The parts of the page that change."""
    return {"head": fill("live_head.html", head=make_head(desk)), "devices": _fill_devices(desk, desk.revision)}


@lru_cache(maxsize=2)
def _fill_devices(desk: Desk, _revision: int) -> str:
    """The rows, filled once for all who watch: of a thousand devices that takes its time."""
    status: Mapping[str, Any] = desk.status or {"at": None, "devices": []}
    more = max(0, len(status["devices"]) - MOST_LINES)
    return fill("live_devices.html", lines=make_lines(status), more=more)


def _fill_event(happened: Happened) -> str:
    return fill("live_event.html", entry=make_entry(happened))


def read_number(text: str | None) -> int:
    """The number of an event as a request has it; 0 for none."""
    is_number = text is not None and text.isascii() and text.isdecimal() and len(text) <= _NUMBER_DIGITS
    return int(text) if text is not None and is_number else 0
