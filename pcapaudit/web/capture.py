"""The page of one capture: how far it is, then its report."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pcapaudit.report.html import render_body
from pcapaudit.web.lookup import find_entry, load_report
from pcapaudit.web.render import show
from pcapaudit.web.store import JobState


async def show_capture(request: Request) -> Response:
    """One capture: how far it is, or its report."""
    entry = find_entry(request)
    if entry.state is not JobState.DONE:
        return show("waiting.html", entry=entry)
    body = await run_in_threadpool(render_body, await load_report(request, entry))
    return show("answer.html", entry=entry, pane="answer", body=body)


ROUTES = (Route("/captures/{id}", show_capture, methods=["GET"]),)
