"""Finds what a request speaks of: the capture, its report, one device of it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from pcapaudit.model.report import Report
from pcapaudit.report.document import from_json
from pcapaudit.web.captures.store import Entry, JobState
from pcapaudit.web.live.desk import Desk
from pcapaudit.web.state import site_of

_KEPT_REPORTS = 4


class ApiError(Exception):
    """A request that is answered with an error: the HTTP status and a sentence."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(reason)


class NotDoneError(ApiError):
    """A capture whose analysis is not done, so that only its own page can say something of it."""

    def __init__(self, entry: Entry) -> None:
        self.entry_id = entry.id
        super().__init__(409, f"there is no report: the analysis is {entry.state}")


def find_entry(request: Request) -> Entry:
    """The capture that ``{id}`` of the path names. Raises ApiError (404) when there is none."""
    entry = site_of(request).store.get(request.path_params["id"])
    if entry is None:
        raise ApiError(404, "there is no capture of this id")
    return entry


def find_done(request: Request) -> Entry:
    """The same when its analysis is done. Raises ApiError (404), NotDoneError (409)."""
    entry = find_entry(request)
    if entry.state is not JobState.DONE:
        raise NotDoneError(entry)
    return entry


def find_desk(request: Request) -> Desk:
    """The live watch of the server. Raises ApiError (404) where it watches nothing."""
    desk = site_of(request).desk
    if desk is None:
        raise ApiError(404, "this server watches no interface; pcapaudit serve --live NAME does")
    return desk


async def load_report(request: Request, entry: Entry) -> Report:
    """The report of a capture that is done; the last few stay in memory."""
    path = site_of(request).store.report_path(entry.id)
    return await run_in_threadpool(lambda: _read(path, path.stat().st_mtime_ns))


def find_place(request: Request, report: Report) -> int | None:
    """The device that ``?device=`` names by its place in the report; None without one. Raises ApiError (404)."""
    wanted = request.query_params.get("device")
    if wanted is None:
        return None
    # Longer numbers are no place, and int() refuses the longest with an error of its own.
    if not (wanted.isascii() and wanted.isdecimal() and len(wanted) < 10 and int(wanted) < len(report.devices)):
        raise ApiError(404, "there is no device of this number in the report")
    return int(wanted)


@lru_cache(maxsize=_KEPT_REPORTS)
def _read(path: Path, _changed_ns: int) -> Report:
    return from_json(path.read_text(encoding="utf-8"))
