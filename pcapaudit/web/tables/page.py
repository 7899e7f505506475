"""The raw tables of a capture: sorted, filtered and paged by the server, as page, as CSV, as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.engine.tables.declare import Table
from pcapaudit.model.errors import JobError
from pcapaudit.report.tabular import csv_lines, json_lines, json_records
from pcapaudit.web.captures.lookup import ApiError, find_done, find_place, load_report
from pcapaudit.web.captures.store import Entry
from pcapaudit.web.state import site_of
from pcapaudit.web.tables import rows
from pcapaudit.web.tables.cells import View
from pcapaudit.web.tables.question import Question, read_question
from pcapaudit.web.views.render import show

_SQLITE = "application/vnd.sqlite3"
_LINES = 500

_MOST_GIVEN = 100
"""Conditions of one question; no table has as many columns."""


async def list_tables(request: Request) -> Response:
    """The tables there are, with their rows; while they are made: how far that is."""
    entry = find_done(request)
    path = site_of(request).tables.find(entry)
    if path is None:
        return _show_making(request, entry)
    counts = await run_in_threadpool(rows.count_rows, path)
    tables = [(table, counts[name]) for name, table in TABLES.items()]
    return show("tables.html", entry=entry, pane="tables", place=_place(request), tables=tables)


async def show_table(request: Request) -> Response:
    """One page of a table."""
    entry, table = find_done(request), _find_table(request)
    given = await _given(request, entry)
    if any(not value for _, value in given):
        # A form sends its empty fields, too; an address to pass on has none of them.
        asked = urlencode([(name, value) for name, value in given if value])
        return RedirectResponse(f"/captures/{entry.id}/tables/{table.name}" + (f"?{asked}" if asked else ""), 303)
    path = site_of(request).tables.find(entry)
    if path is None:
        return _show_making(request, entry)
    question, found, fault = await run_in_threadpool(_ask, path, table, given)
    contents = await run_in_threadpool(rows.contents, path, table)
    view = View(entry.id, question, found, contents, given)
    return show(
        "table.html",
        fault.status if fault else 200,
        entry=entry,
        pane="tables",
        place=_place(request),
        tables=TABLES.values(),
        view=view,
        fault=fault and fault.reason,
    )


async def get_tables(request: Request) -> Response:
    """``GET /api/captures/{id}/tables``: which there are, 202 while they are made; ``?format=sqlite``: the file."""
    entry, maker = find_done(request), site_of(request).tables
    form = _read_form(request, ("json", "sqlite"))
    if form == "sqlite":
        path = await _made(request, entry)
        return FileResponse(path, media_type=_SQLITE, filename=f"pcapaudit-{entry.id}.sqlite")
    found = maker.find(entry)
    if found is None:
        reason = maker.begin(entry)
        if reason is not None:
            raise ApiError(422, reason)
        return JSONResponse({"state": "running", "progress": round(maker.progress(entry), 4)}, 202)
    counts = await run_in_threadpool(rows.count_rows, found)
    return JSONResponse({"state": "done", "tables": [_describe(t, counts[name]) for name, t in TABLES.items()]})


async def get_table(request: Request) -> Response:
    """``GET /api/captures/{id}/tables/{name}``: a page of rows as JSON, or all of them as CSV or JSON lines."""
    entry, table = find_done(request), _find_table(request)
    form = _read_form(request, ("json", "csv", "jsonl"))
    question = read_question(table, await _given(request, entry))
    path = await _made(request, entry)
    if form == "json":
        found = await run_in_threadpool(rows.find, path, question)
        records = list(json_records(table.columns, found.rows))
        told = {"matching": found.matching, "total": found.total, "page": question.page, "pages": found.pages}
        return JSONResponse({"table": table.name, **told, "rows": records})
    cells = await run_in_threadpool(rows.stream, path, question)
    lines, media = (csv_lines, "text/csv") if form == "csv" else (json_lines, "application/x-ndjson")
    headers = {"Content-Disposition": f'attachment; filename="{table.name}-{entry.id}.{form}"'}
    return StreamingResponse(_pieces(lines(table.columns, cells)), media_type=media, headers=headers)


ROUTES = (
    Route("/captures/{id}/tables", list_tables, methods=["GET"]),
    Route("/captures/{id}/tables/{name}", show_table, methods=["GET"]),
    Route("/api/captures/{id}/tables", get_tables, methods=["GET"]),
    Route("/api/captures/{id}/tables/{name}", get_table, methods=["GET"]),
)


def _ask(path: Path, table: Table, given: Sequence[tuple[str, str]]) -> tuple[Question, rows.Found, ApiError | None]:
    """What is asked and found; what cannot be asked stands in the form as it was written, with what is wrong."""
    try:
        question = read_question(table, given)
        return question, rows.find(path, question), None
    except ApiError as error:
        return Question(table, said=dict(given)), rows.Found([], 0, rows.count_rows(path)[table.name]), error


def _show_making(request: Request, entry: Entry) -> Response:
    maker = site_of(request).tables
    reason = maker.begin(entry)
    share = maker.progress(entry)
    return show("making.html", entry=entry, pane="tables", place=_place(request), reason=reason, share=share)


async def _made(request: Request, entry: Entry) -> Path:
    try:
        return await site_of(request).tables.wait(entry)
    except JobError as error:
        raise ApiError(422, str(error)) from error


def _pieces(lines: Iterator[str]) -> Iterator[str]:
    """The lines, many at a time: each piece is passed from thread to thread."""
    while piece := "".join(islice(lines, _LINES)):
        yield piece


def _find_table(request: Request) -> Table:
    table = TABLES.get(request.path_params["name"])
    if table is None:
        raise ApiError(404, f"there is no such table; known are: {', '.join(TABLES)}")
    return table


def _read_form(request: Request, forms: Sequence[str]) -> str:
    form = request.query_params.get("format", "json")
    if form not in forms:
        raise ApiError(400, f"there is no format {form[:80]!r}; known are: {', '.join(forms)}")
    return form


async def _given(request: Request, entry: Entry) -> list[tuple[str, str]]:
    """The query string; a device that is named by its place in the report is named by its address."""
    given = request.query_params.multi_items()
    if len(given) > _MOST_GIVEN:
        # The page repeats the whole query in each of its links: many would make it grow with their square.
        raise ApiError(400, f"{len(given)} conditions are too many: at most {_MOST_GIVEN} are taken")
    if _place(request) is None:
        return given
    report = await load_report(request, entry)
    device = report.devices[find_place(request, report) or 0]
    name = device.mac or next(iter(device.addresses), "")
    return [(key, name if key == "device" else value) for key, value in given]


def _place(request: Request) -> int | None:
    """The number in ``?device=``, if it is one."""
    text = request.query_params.get("device", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _describe(table: Table, count: int) -> dict[str, object]:
    columns = [
        {"name": c.name, "kind": c.kind, "unit": c.unit, "meaning": c.meaning, "zeek": c.zeek} for c in table.columns
    ]
    return {"name": table.name, "title": table.title, "row": table.row, "rows": count, "columns": columns}
