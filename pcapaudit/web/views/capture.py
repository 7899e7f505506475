"""The page of one capture: how far it is, then its report, in two views."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pcapaudit.report.html import View, render_body
from pcapaudit.report.links import Links
from pcapaudit.web.api.body import read_form
from pcapaudit.web.captures.lookup import ApiError, find_done, find_entry, find_place, load_report
from pcapaudit.web.captures.store import Entry, JobState
from pcapaudit.web.captures.wishes import MAX_NOTE
from pcapaudit.web.state import site_of
from pcapaudit.web.views.render import show

_MAX_FORM = 3 * 4 * MAX_NOTE + 100
"""Bytes of a note's form: a character is at most four bytes, and a form writes each as three."""


async def show_capture(request: Request) -> Response:
    """One capture: how far it is, or what is wrong and what to change."""
    entry = find_entry(request)
    if entry.state is not JobState.DONE:
        return show("waiting.html", entry=entry, status=site_of(request).workshop.status_of(entry))
    return await _show_view(request, entry, View.ANSWER)


async def show_findings(request: Request) -> Response:
    """All that was found and considered."""
    return await _show_view(request, find_done(request), View.FINDINGS)


async def keep_note(request: Request) -> Response:
    """Another note, from the form of the page."""
    entry = find_entry(request)
    form = await read_form(request, _MAX_FORM)
    note = form.get("note", [""])[0].replace("\r\n", "\n")
    if len(note) > MAX_NOTE:
        raise ApiError(400, f"a note is a text of at most {MAX_NOTE} characters")
    site_of(request).store.change(entry.id, note=note)
    return RedirectResponse(f"/captures/{entry.id}", 303)


async def _show_view(request: Request, entry: Entry, view: View) -> Response:
    report = await load_report(request, entry)
    place = find_place(request, report)
    links = Links(frames=f"/captures/{entry.id}/frames/", rules="/rules/")
    body = await run_in_threadpool(lambda: render_body(report, view, links=links, device=place))
    return show(f"{view}.html", entry=entry, pane=view, place=place, body=body)


ROUTES = (
    Route("/captures/{id}", show_capture, methods=["GET"]),
    Route("/captures/{id}/findings", show_findings, methods=["GET"]),
    Route("/captures/{id}/note", keep_note, methods=["POST"]),
)
