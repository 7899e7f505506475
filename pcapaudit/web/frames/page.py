"""One dissected frame: what the report rests on it, its fields as Wireshark shows them, its bytes."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pcapaudit.deep.hexview import hex_lines
from pcapaudit.deep.tree import Dissection, DissectionError, Frame, Part, describe, from_json
from pcapaudit.engine.jobs import Limits, run_dissect
from pcapaudit.model.errors import JobError
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import Report
from pcapaudit.model.times import rfc3339
from pcapaudit.report.escape import clean, make_visible
from pcapaudit.web.captures.lookup import ApiError, find_done, load_report
from pcapaudit.web.captures.store import Entry
from pcapaudit.web.frames.citations import Citation, cited_frames, find_citations, neighbours
from pcapaudit.web.frames.desk import Desk
from pcapaudit.web.state import Site, site_of
from pcapaudit.web.views.render import show

_PLACES = 2
"""Dissections at the same time."""
_KEPT = 100
"""Dissected frames that are kept beside each capture."""
_PATIENCE_S = 120.0
_MEMORY = 3 << 30
_SHOWN_BYTES = 4096
"""Bytes of a frame that the page shows; the interface for scripts gives all."""
_UNREAD = "this frame could not be read: "


@dataclass(frozen=True, slots=True)
class FrameView:
    """One frame with all that its page and the interface for scripts say of it.

    Attributes:
        entry: The capture.
        frame: The frame.
        total: Frames of the capture.
        dissector: What made the tree; None when there is none.
        note: What to know of the tree; None when there is nothing.
        proves: What the report rests on this frame.
        before, behind: The cited frames next to it.
    """

    entry: Entry
    frame: Frame
    total: int
    dissector: str | None
    note: str | None
    proves: list[Citation]
    before: int | None
    behind: int | None

    @property
    def display_filter(self) -> str:
        """Shows this frame alone in Wireshark."""
        return f"frame.number == {self.frame.number}"


@dataclass(frozen=True, slots=True)
class Dump:
    """Bytes as text: whose they are, the lines, how many are shown of how many."""

    name: str
    text: str
    shown: int
    size: int


async def show_frame(request: Request) -> Response:
    """The page of one frame."""
    view = await _find_view(request)
    return await run_in_threadpool(_show, view)


def _show(view: FrameView) -> Response:
    frame = view.frame
    return show(
        "frame.html",
        entry=view.entry,
        pane="frame",
        view=view,
        frame=clean(replace(frame, data=b"", parts=()), make_visible),
        time=rfc3339(frame.time_ns),
        proves=clean(view.proves, make_visible),
        size=len(frame.data),
        dumps=[_dump(part) for part in (Part(f"Frame {frame.number}", frame.data), *frame.parts)],
    )


def _dump(part: Part) -> Dump:
    shown = part.data[:_SHOWN_BYTES]
    return Dump(make_visible(part.name), "\n".join(hex_lines(shown)), len(shown), len(part.data))


async def get_frame(request: Request) -> Response:
    """``GET /api/captures/{id}/frames/{n}``: one frame with its fields and bytes, and what the report rests on it."""
    view = await _find_view(request)
    told: dict[str, Any] = {
        "frame": describe(view.frame),
        "dissector": view.dissector,
        "note": view.note,
        "proves": [asdict(citation) for citation in view.proves],
        "previous": view.before,
        "next": view.behind,
        "display_filter": view.display_filter,
    }
    return JSONResponse(told)


ROUTES = (
    Route("/captures/{id}/frames/{n}", show_frame, methods=["GET"]),
    Route("/api/captures/{id}/frames/{n}", get_frame, methods=["GET"]),
)


async def _find_view(request: Request) -> FrameView:
    entry = find_done(request)
    report = await load_report(request, entry)
    number = _read_number(request.path_params["n"], report)
    found = await _dissect(request, entry, number)
    before, behind = neighbours(cited_frames(report), number)
    return FrameView(
        entry,
        found.frames[0],
        _count(report),
        found.dissector,
        found.note,
        find_citations(report, number),
        before,
        behind,
    )


def _count(report: Report) -> int:
    return sum(capture.counters.frames for capture in report.captures)


def _read_number(text: str, report: Report) -> int:
    """The frame number of the address. Raises ApiError (404) for one that the capture has not."""
    total = _count(report)
    # Longer ones are no frame of any capture, and int() refuses the longest with an error of its own.
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else 0
    if not 1 <= number <= total:
        raise ApiError(404, f"there is no frame {make_visible(text[:20])}: this capture has frames 1 to {total:,}")
    return number


async def _dissect(request: Request, entry: Entry, number: int) -> Dissection:
    """The frame, dissected now or before. Raises ApiError (404, 503)."""
    site = site_of(request)
    source = str(site.store.capture_path(entry.id))
    target = site.store.report_path(entry.id).parent / "frames" / f"{number}.json"
    make = partial(_make, site, source, number)
    try:
        await _desk(request).fetch(target, make)
        found = await run_in_threadpool(_read, target)
        if found is None:
            # What another version left there: it is gone now.
            await _desk(request).fetch(target, make)
            found = await run_in_threadpool(_read, target)
    except JobError as error:
        raise ApiError(503, _UNREAD + str(error).replace(source, entry.name)) from error
    except FileNotFoundError as error:
        raise ApiError(404, _UNREAD + "the capture was deleted meanwhile") from error
    if found is None:
        raise ApiError(503, _UNREAD + "its dissection makes no sense; please report it")
    return found


async def _make(site: Site, source: str, number: int, target: Path) -> None:
    given = site.settings.limits
    limits = Limits(memory_bytes=min(given.memory_bytes, _MEMORY), seconds=min(given.seconds, _PATIENCE_S))
    await run_dissect([source], [number], target, limits=limits)


def _read(target: Path) -> Dissection | None:
    """What was kept; None, and gone, when it is of no use. Without a tree it is kept no longer: tshark may come."""
    text = target.read_bytes()
    try:
        found = from_json(text)
    except DissectionError:
        found = None
    if found is None or not found.frames or found.dissector is None:
        target.unlink(missing_ok=True)
    return found if found and found.frames else None


def _desk(request: Request) -> Desk:
    """The server's one desk for frames, made when the first is asked for."""
    state = request.app.state
    if not hasattr(state, "frame_desk"):
        state.frame_desk = Desk(_PLACES, _KEPT)
    return cast("Desk", state.frame_desk)
