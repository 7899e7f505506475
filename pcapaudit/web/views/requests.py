"""The change requests of a capture: a page to copy, mail and download from, and the same for scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pcapaudit.model.report import Report
from pcapaudit.model.words import Addressee
from pcapaudit.report.phrases import say_addressee
from pcapaudit.report.registry import Look
from pcapaudit.report.requests import (
    ChangeRequest,
    as_mapping,
    find_requests,
    say_body,
    say_nothing,
    say_subject,
    write_mails,
)
from pcapaudit.report.requests_csv import tabulate
from pcapaudit.web.captures.lookup import ApiError, find_done, find_place, load_report
from pcapaudit.web.views.render import show

MAX_MAIL = 1900
"""Characters of a mail address with subject and text: some systems pass 2048 on to the mail program and no more."""
MAX_SHOWN = 100
"""Requests on the page; the files have all."""
_SHORTENED = "(Shortened: the whole text is on the page of this capture.)"

_FILES: dict[str, tuple[str, str, Callable[[Sequence[ChangeRequest]], str]]] = {
    "text": ("text/plain", "txt", lambda requests: write_mails(requests, Look())),
    "csv": ("text/csv", "csv", tabulate),
}
"""Format of a file -> its media type, the end of its name, and who writes it."""


async def show_requests(request: Request) -> Response:
    """The page: all requests by addressee, each to copy, to mail, and as files."""
    entry = find_done(request)
    report = await load_report(request, entry)
    place = find_place(request, report)
    wanted = _only(report, place)
    found = await run_in_threadpool(find_requests, wanted)
    shown = found[:MAX_SHOWN]
    groups = [(to, say_addressee(to), [_letter(r) for r in shown if r.to is to]) for to in _addressees(shown)]
    return show(
        "requests.html",
        entry=entry,
        pane="requests",
        place=place,
        groups=groups,
        more=len(found) - len(shown),
        nothing=None if found else say_nothing(wanted),
        is_unplaced=any(d.mirror_point is None for r in found for d in r.devices),
    )


async def get_requests(request: Request) -> Response:
    """``GET /api/captures/{id}/requests``: the same as JSON, text or CSV; ``?to=`` picks one addressee."""
    entry = find_done(request)
    query = request.query_params
    form, to = query.get("format", "json"), query.get("to")
    _check(form, (*_FILES, "json"), "format")
    _check(to, (None, *Addressee), "addressee")
    report = await load_report(request, entry)
    wanted = _only(report, find_place(request, report))
    found = [r for r in await run_in_threadpool(find_requests, wanted) if to in (None, r.to)]
    if form == "json":
        return JSONResponse({"requests": [as_mapping(r) for r in found]})
    media, end, write = _FILES[form]
    name = "-".join(["requests", entry.id, *([to] if to else [])])
    headers = {"Content-Disposition": f'attachment; filename="{name}.{end}"'}
    return Response(await run_in_threadpool(write, found), media_type=media, headers=headers)


ROUTES = (
    Route("/captures/{id}/requests", show_requests, methods=["GET"]),
    Route("/api/captures/{id}/requests", get_requests, methods=["GET"]),
)


def mail_address(request: ChangeRequest) -> str:
    """A ``mailto:`` address (RFC 6068) with subject and text; a long text ends after the last line that fits."""
    address = f"mailto:?subject={quote(say_subject(request), safe='')}&body="
    end = quote(f"\r\n{_SHORTENED}\r\n", safe="")
    room = MAX_MAIL - len(address)
    lines = [quote(f"{line}\r\n", safe="") for line in say_body(request).splitlines()]
    if sum(map(len, lines)) <= room:
        return address + "".join(lines)
    kept, room = [], room - len(end)
    for line in lines:
        room -= len(line)
        if room < 0:
            break
        kept.append(line)
    return address + "".join(kept) + end


def _only(report: Report, place: int | None) -> Report:
    """The report as if the device at this place were the only one; the whole report for None."""
    return report if place is None else replace(report, devices=(report.devices[place],))


def _addressees(requests: Sequence[ChangeRequest]) -> list[Addressee]:
    return list(dict.fromkeys(request.to for request in requests))


def _letter(request: ChangeRequest) -> tuple[str, str, str]:
    """Subject, text and mail address."""
    return say_subject(request), say_body(request), mail_address(request)


def _check(word: str | None, known: Sequence[str | None], what: str) -> None:
    if word not in known:
        names = ", ".join(name for name in known if name)
        raise ApiError(400, f"there is no {what} {word!r}; known are: {names}")
