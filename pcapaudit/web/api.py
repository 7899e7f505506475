"""The interface for scripts, and what the pages themselves use: JSON in, JSON out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pcapaudit.engine.jobs import run_evidence
from pcapaudit.model.errors import JobError
from pcapaudit.report.document import from_json
from pcapaudit.report.registry import render
from pcapaudit.web.intake import clean_name, receive
from pcapaudit.web.lookup import ApiError, find_done, find_entry
from pcapaudit.web.openapi import description
from pcapaudit.web.state import site_of
from pcapaudit.web.store import Entry, Wishes
from pcapaudit.web.work import Status

_MAX_NOTE = 10_000
_FORMS = {
    "html": ("text/html", "html"),
    "csv": ("text/csv", "csv"),
    "markdown": ("text/markdown", "md"),
    "text": ("text/plain", "txt"),
    "json": ("application/json", "json"),
}
"""Format of a report -> its media type and the end of its file name."""


async def put_capture(request: Request) -> Response:
    """``PUT /api/captures?name=…``: the capture as the body."""
    site, query = site_of(request), request.query_params
    wishes, note = _wishes(request), query.get("note", "")[:_MAX_NOTE]
    announced = request.headers.get("content-length", "")
    received = await receive(request.stream(), int(announced) if announced.isdecimal() else None, site.settings)
    known = site.store.find(received.sha256, wishes)
    if known is not None:
        received.path.unlink()
        return JSONResponse({"id": known.id, "known": True}, 200)
    entry = site.store.add(received.path, clean_name(query.get("name")), received.sha256, wishes, note)
    site.workshop.submit(entry.id)
    return JSONResponse({"id": entry.id, "known": False}, 201, {"Location": f"/api/captures/{entry.id}"})


async def list_captures(request: Request) -> Response:
    """``GET /api/captures``: every capture, the newest first."""
    site = site_of(request)
    return JSONResponse({"captures": [_line(e, site.workshop.status(e.id)) for e in site.store.all()]})


async def get_capture(request: Request) -> Response:
    """``GET /api/captures/{id}``: how far it is, and what was found."""
    entry = find_entry(request)
    return JSONResponse(_line(entry, site_of(request).workshop.status(entry.id)))


async def change_capture(request: Request) -> Response:
    """``PATCH /api/captures/{id}``: another note."""
    entry = find_entry(request)
    try:
        note = json.loads(await request.body())["note"]
    except (ValueError, KeyError, TypeError):
        raise ApiError(400, 'expected a JSON object with "note"') from None
    if not isinstance(note, str) or len(note) > _MAX_NOTE:
        raise ApiError(400, f"a note is a text of at most {_MAX_NOTE} characters")
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


async def get_report(request: Request) -> Response:
    """``GET /api/captures/{id}/report``: the report document; ``?format=`` gives another form of it."""
    entry = find_done(request)
    path = site_of(request).store.report_path(entry.id)
    form = request.query_params.get("format", "json")
    if form not in _FORMS:
        raise ApiError(400, f"there is no format {form!r}; known are: {', '.join(_FORMS)}")
    media, end = _FORMS[form]
    text = await run_in_threadpool(path.read_text, encoding="utf-8")
    shown = text if form == "json" else await run_in_threadpool(lambda: render(from_json(text), form))
    headers = {} if form == "json" else {"Content-Disposition": f'attachment; filename="pcapaudit-{entry.id}.{end}"'}
    return Response(shown, media_type=media, headers=headers)


async def get_evidence(request: Request) -> Response:
    """``GET /api/captures/{id}/evidence``: the frames that prove it, as pcapng with comments."""
    site, entry = site_of(request), find_done(request)
    target = site.store.report_path(entry.id).with_name("evidence.pcapng")
    if not target.exists():
        draft = target.with_suffix(".part")
        source = str(site.store.capture_path(entry.id))
        try:
            await run_evidence([source], entry.wishes.options(), draft, limits=site.settings.limits)
        except JobError as error:
            raise ApiError(404, str(error).replace(source, entry.name)) from error
        draft.replace(target)
    headers = {"Content-Disposition": f'attachment; filename="evidence-{entry.id}.pcapng"'}
    content = await run_in_threadpool(target.read_bytes)
    return Response(content, media_type="application/vnd.tcpdump.pcap", headers=headers)


async def get_events(request: Request) -> Response:
    """``GET /api/captures/{id}/events``: the status now and after each change, as server-sent events."""
    entry = find_entry(request)
    site = site_of(request)

    async def tell() -> AsyncIterator[dict[str, str]]:
        async for status in site.workshop.watch(entry.id):
            yield {"event": "status", "data": json.dumps(asdict(status))}

    return EventSourceResponse(tell())


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
    Route("/api/captures/{id}/report", get_report, methods=["GET"]),
    Route("/api/captures/{id}/evidence", get_evidence, methods=["GET"]),
    Route("/api/captures/{id}/events", get_events, methods=["GET"]),
    Route("/api/openapi.json", get_openapi, methods=["GET"]),
)


def _wishes(request: Request) -> Wishes:
    query = request.query_params
    params = dict(pair.split("=", 1) for pair in query.getlist("param") if "=" in pair)
    named = {name: query.get(name) or None for name in ("signature", "device", "led", "log")}
    return Wishes(**named, params=params)


def _line(entry: Entry, status: Status | None) -> dict[str, Any]:
    values = asdict(entry)
    return {**values, "state": entry.state.value, "progress": status.progress if status else 0.0}
