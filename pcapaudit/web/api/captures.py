"""The interface for scripts, and what the pages themselves use: JSON in, JSON out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Any

from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from pcapaudit.model.errors import JobError
from pcapaudit.report.document import from_json
from pcapaudit.report.registry import render
from pcapaudit.web.api.body import read_object
from pcapaudit.web.api.openapi import description
from pcapaudit.web.captures.intake import IntakeError, clean_name
from pcapaudit.web.captures.lookup import ApiError, find_done, find_entry
from pcapaudit.web.captures.search import read_search
from pcapaudit.web.captures.status import Status
from pcapaudit.web.captures.store import Entry
from pcapaudit.web.captures.wishes import MAX_NOTE, WishError, find_faults, read_wishes
from pcapaudit.web.state import site_of

_MAX_NOTE_BODY = 6 * MAX_NOTE + 100
"""Bytes of the longest note when every character is written as ``\\uXXXX``."""
_SIZE_DIGITS = 20
_MOST_WATCHED = 50
_HEARTBEAT_S = 15
_SEND_S = 30.0
"""Seconds until a reader of events that takes nothing is let go."""
_FORMS = {
    "html": ("text/html", "html"),
    "csv": ("text/csv", "csv"),
    "markdown": ("text/markdown", "md"),
    "text": ("text/plain", "txt"),
    "json": ("application/json", "json"),
}
"""Format of a report -> its media type and the end of its file name."""


async def put_capture(request: Request) -> Response:
    """``PUT /api/captures?name=…``: the capture as the body. What cannot be taken is refused before it comes."""
    site, query = site_of(request), request.query_params
    try:
        wishes = read_wishes(query)
    except WishError as error:
        return JSONResponse({"error": error.reason, "field": error.field}, error.status)
    received = await site.intake.receive(request.stream(), _read_size(request.headers.get("content-length")))
    # Nothing is awaited between these two, so that of the same file sent twice at once one is known.
    known = site.store.find(received.sha256, wishes)
    if known is not None:
        received.path.unlink()
        return JSONResponse({"id": known.id, "known": True}, 200)
    try:
        entry = site.store.add(
            received.path, clean_name(query.get("name")), received.sha256, wishes, query.get("note", "")
        )
    finally:
        received.path.unlink(missing_ok=True)
    site.workshop.submit(entry.id)
    return JSONResponse({"id": entry.id, "known": False}, 201, {"Location": f"/api/captures/{entry.id}"})


async def check_upload(request: Request) -> Response:
    """``GET /api/check?size=…``: what stands against an upload with these wishes, asked before it is sent."""
    query = request.query_params
    faults = {fault.field: fault.reason for fault in find_faults(query)}
    try:
        site_of(request).intake.check(_read_size(query.get("size")))
    except IntakeError as error:
        faults["size"] = error.reason
    return JSONResponse({"faults": faults})


async def list_captures(request: Request) -> Response:
    """``GET /api/captures``: the captures that are asked for, the newest first, 50 on a page."""
    site = site_of(request)
    found = site.store.search(read_search(request.query_params))
    lines = [_line(e, site.workshop.status_of(e)) for e in found.entries]
    return JSONResponse({"captures": lines, "total": found.total, "page": found.page, "pages": found.pages})


async def get_capture(request: Request) -> Response:
    """``GET /api/captures/{id}``: how far it is, and what was found."""
    entry = find_entry(request)
    return JSONResponse(_line(entry, site_of(request).workshop.status_of(entry)))


async def change_capture(request: Request) -> Response:
    """``PATCH /api/captures/{id}``: another note."""
    entry = find_entry(request)
    note = (await read_object(request, _MAX_NOTE_BODY)).get("note")
    if not isinstance(note, str) or len(note) > MAX_NOTE:
        raise ApiError(400, f"a note is a text of at most {MAX_NOTE} characters")
    site_of(request).store.change(entry.id, note=note)
    return Response(status_code=204)


async def delete_capture(request: Request) -> Response:
    """``DELETE /api/captures/{id}``: the file, its report and its line; a running analysis is ended."""
    entry = find_entry(request)
    await site_of(request).workshop.cancel(entry.id)
    site_of(request).store.delete(entry.id)
    return Response(status_code=204)


async def cancel_capture(request: Request) -> Response:
    """``POST /api/captures/{id}/cancel``: end the analysis and keep the file."""
    entry = find_entry(request)
    await site_of(request).workshop.cancel(entry.id)
    return Response(status_code=204)


async def analyse_again(request: Request) -> Response:
    """``POST /api/captures/{id}/again``: analyse a capture once more that failed or was cancelled."""
    if not site_of(request).workshop.again(find_entry(request).id):
        raise ApiError(409, "this analysis neither failed nor was cancelled")
    return Response(status_code=204)


async def get_report(request: Request) -> Response:
    """``GET /api/captures/{id}/report``: the report document; ``?format=`` gives another form of it."""
    entry = find_done(request)
    path = site_of(request).store.report_path(entry.id)
    form = request.query_params.get("format", "json")
    if form not in _FORMS:
        raise ApiError(400, f"there is no format {form!r}; known are: {', '.join(_FORMS)}")
    media, end = _FORMS[form]
    if form == "json":
        return FileResponse(path, media_type=media)
    shown = await run_in_threadpool(lambda: render(from_json(path.read_text(encoding="utf-8")), form))
    headers = {"Content-Disposition": f'attachment; filename="pcapaudit-{entry.id}.{end}"'}
    return Response(shown, media_type=media, headers=headers)


async def get_evidence(request: Request) -> Response:
    """``GET /api/captures/{id}/evidence``: the frames that prove it, as pcapng with comments."""
    entry = find_done(request)
    try:
        path = await site_of(request).workshop.evidence(entry)
    except JobError as error:
        raise ApiError(404, str(error)) from error
    return FileResponse(path, media_type="application/vnd.tcpdump.pcap", filename=f"evidence-{entry.id}.pcapng")


async def get_events(request: Request) -> Response:
    """``GET /api/captures/{id}/events``: the status now and after each change, as server-sent events."""
    return _stream_events(request, [find_entry(request).id])


async def get_all_events(request: Request) -> Response:
    """``GET /api/events?id=…&id=…``: the same of several captures in one stream."""
    ids = request.query_params.getlist("id")
    if not 0 < len(ids) <= _MOST_WATCHED:
        raise ApiError(400, f"give between 1 and {_MOST_WATCHED} ids")
    return _stream_events(request, ids)


def _stream_events(request: Request, ids: Sequence[str]) -> Response:
    """Whoever comes again, by whatever ``Last-Event-ID``, is told the whole state first."""
    site = site_of(request)

    async def tell() -> AsyncIterator[dict[str, str]]:
        async for entry_id, status in site.workshop.watch(ids):
            told = {"id": entry_id} if status is None else asdict(status)
            yield {"event": "status" if status else "gone", "data": json.dumps(told)}

    return EventSourceResponse(tell(), ping=_HEARTBEAT_S, send_timeout=_SEND_S)


async def get_openapi(_request: Request) -> Response:
    """``GET /api/openapi.json``: this interface, described."""
    return JSONResponse(description())


ROUTES = (
    Route("/api/captures", put_capture, methods=["PUT"]),
    Route("/api/captures", list_captures, methods=["GET"]),
    Route("/api/captures/{id}", get_capture, methods=["GET"]),
    Route("/api/captures/{id}", change_capture, methods=["PATCH"]),
    Route("/api/captures/{id}", delete_capture, methods=["DELETE"]),
    Route("/api/captures/{id}/cancel", cancel_capture, methods=["POST"]),
    Route("/api/captures/{id}/again", analyse_again, methods=["POST"]),
    Route("/api/check", check_upload, methods=["GET"]),
    Route("/api/events", get_all_events, methods=["GET"]),
    Route("/api/captures/{id}/report", get_report, methods=["GET"]),
    Route("/api/captures/{id}/evidence", get_evidence, methods=["GET"]),
    Route("/api/captures/{id}/events", get_events, methods=["GET"]),
    Route("/api/openapi.json", get_openapi, methods=["GET"]),
)


def _read_size(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < _SIZE_DIGITS else None


def _line(entry: Entry, status: Status) -> dict[str, Any]:
    return {**asdict(entry), **asdict(status)}
