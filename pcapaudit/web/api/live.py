"""The interface for scripts to the live watch: how it stands, what happened, a report of a window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pcapaudit.web.api.body import read_object
from pcapaudit.web.captures.lookup import ApiError, find_desk
from pcapaudit.web.captures.wishes import WISHES, WishError, read_wishes
from pcapaudit.web.live.desk import MOST_EVENTS
from pcapaudit.web.live.windows import read_span, take_window
from pcapaudit.web.state import site_of

_MAX_BODY = 80_000
_USUAL_EVENTS = 100
_TEXTS = ("from", "to", *WISHES, "note")


async def get_live(request: Request) -> Response:
    """``GET /api/live``: how the watch stands."""
    desk = find_desk(request)
    age_s = desk.age_s
    told = {"interface": desk.live.interface, "is_fresh": desk.is_fresh, "fault": desk.fault}
    return JSONResponse({**told, "age_s": age_s and round(age_s, 3), "status": desk.status})


async def get_events(request: Request) -> Response:
    """``GET /api/live/events?limit=…``: the newest events, the newest first."""
    desk, text = find_desk(request), request.query_params.get("limit", str(_USUAL_EVENTS))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 0 < int(text) <= MOST_EVENTS):
        raise ApiError(400, f"limit is a number from 1 to {MOST_EVENTS}")
    return JSONResponse({"events": [{"number": h.number, **h.event} for h in desk.newest(int(text))]})


async def post_window(request: Request) -> Response:
    """``POST /api/live/window``: a capture of this window, to be analysed like an upload."""
    desk, body = find_desk(request), await read_object(request, _MAX_BODY)
    try:
        fields = QueryParams(list(_read_fields(body)))
        span, wishes = read_span(fields, desk.now_ns), read_wishes(fields)
    except WishError as error:
        return JSONResponse({"error": error.reason, "field": error.field}, error.status)
    entry, is_known = await take_window(site_of(request), desk, span, wishes, fields.get("note", ""))
    told = {"id": entry.id, "known": is_known}
    return JSONResponse(told, 200 if is_known else 201, {"Location": f"/api/captures/{entry.id}"})


ROUTES = (
    Route("/api/live", get_live, methods=["GET"]),
    Route("/api/live/events", get_events, methods=["GET"]),
    Route("/api/live/window", post_window, methods=["POST"]),
)


def _read_fields(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The body as the fields of a form. Raises WishError."""
    for name, value in body.items():
        if name == "params" and isinstance(value, dict):
            yield from (("param", f"{key}={_text_of('params', number)}") for key, number in value.items())
        elif name in _TEXTS:
            yield name, _text_of(name, value)
        else:
            raise WishError(name, f"known are: {', '.join(_TEXTS)}, params")


def _text_of(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise WishError(name, "expected a text")
    return str(value)
