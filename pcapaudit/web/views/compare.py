"""Compares two uploads: what changed between two captures of the same device, for the mail after a change."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pcapaudit.model.records import dataclass
from pcapaudit.report import compare as comparing
from pcapaudit.report.compare import words
from pcapaudit.report.compare.change import Change
from pcapaudit.report.compare.document import Comparison
from pcapaudit.report.compare.forms import rows_of, say_rung
from pcapaudit.report.escape import clean, make_visible
from pcapaudit.web.captures.lookup import ApiError, find_done, find_place, load_report
from pcapaudit.web.captures.store import Entry, JobState, when_taken
from pcapaudit.web.state import site_of
from pcapaudit.web.views.render import show

_FORMS = {"json": ("application/json", "json"), "text": ("text/plain", "txt"), "markdown": ("text/markdown", "md")}
"""Format -> its media type and the end of its file name."""
_SHOWN = 25
"""Devices that the page shows in full, those that need attention first."""
_BADGES = {
    **dict.fromkeys((Change.WORSE, Change.FAILS, Change.STILL), "failed"),
    **dict.fromkeys((Change.CANNOT_TELL, Change.NOTHING), "undecided"),
    Change.BETTER: "degraded",
    **dict.fromkeys((Change.REPAIRED, Change.WORKS, Change.SHOWN), "healthy"),
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request wants compared; ``names`` are those of the device in the one and in the other."""

    one: Entry
    other: Entry
    names: tuple[str, ...]

    @property
    def query(self) -> str:
        """The same as parameters of an address."""
        return urlencode([("a", self.one.id), ("b", self.other.id), *(("device", name) for name in self.names)])


async def show_choice(request: Request) -> Response:
    """Other captures of the same device, the one before this chosen already."""
    entry = find_done(request)
    place = find_place(request, await load_report(request, entry))
    alike = site_of(request).store.find_alike(entry.id, place)
    before = next(
        (other.id for other in alike if when_taken(other) < when_taken(entry)), alike[0].id if alike else None
    )
    return show(
        "compare_with.html", entry=entry, pane="compare", place=place, alike=alike, chosen=before, taken=when_taken
    )


async def show_comparison(request: Request) -> Response:
    """Two captures side by side, and the mail to send."""
    chosen = request.query_params.getlist("capture")
    if chosen:
        # The list's check boxes say which two, not which of them is the first.
        if len(chosen) != 2:
            raise ApiError(400, "choose two captures to compare them")
        return RedirectResponse(f"/compare?{urlencode({'a': chosen[0], 'b': chosen[1]})}", 303)
    asked = _read(request)
    found = await run_in_threadpool(clean, await _compare(request, asked), make_visible)
    before, after = (asked.other, asked.one) if found.is_swapped else (asked.one, asked.other)
    return show(
        "compare.html",
        comparison=found,
        shown=found.devices[:_SHOWN],
        more=found.devices[_SHOWN:],
        before=before,
        after=after,
        asked=asked,
        mail=words.say_mail(found),
        say=words,
        badges=_BADGES,
        rows_of=rows_of,
        say_rung=say_rung,
    )


async def get_comparison(request: Request) -> Response:
    """``GET /api/compare?a=…&b=…``: the comparison document; ``&format=text|markdown`` gives another form."""
    form = request.query_params.get("format", "json")
    if form not in _FORMS:
        raise ApiError(400, f"there is no format {make_visible(form[:40])!r}; known are: {', '.join(_FORMS)}")
    asked = _read(request)
    found = await _compare(request, asked)
    media, end = _FORMS[form]
    name = f"pcapaudit-{asked.one.id}-{asked.other.id}.{end}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(await run_in_threadpool(comparing.render, found, form), media_type=media, headers=headers)


ROUTES = (
    Route("/captures/{id}/compare", show_choice, methods=["GET"]),
    Route("/compare", show_comparison, methods=["GET"]),
    Route("/api/compare", get_comparison, methods=["GET"]),
)


def _read(request: Request) -> _Asked:
    """What is asked for. Raises ApiError (400, 404, 409)."""
    names = [name.strip() for name in request.query_params.getlist("device") if name.strip()]
    if len(names) > 2:
        raise ApiError(400, "give a device once, or twice when it has another name in the second capture")
    one, other = (_find(request, name) for name in ("a", "b"))
    return _Asked(one, other, tuple(names))


def _find(request: Request, name: str) -> Entry:
    wanted = request.query_params.get(name)
    if not wanted:
        raise ApiError(400, "say which two captures to compare: ?a=ID&b=ID")
    entry = site_of(request).store.get(wanted)
    if entry is None:
        raise ApiError(404, f"there is no capture of the id given as {name}")
    if entry.state is not JobState.DONE:
        raise ApiError(409, f"{make_visible(entry.name)} has no report: the analysis is {entry.state}")
    return entry


async def _compare(request: Request, asked: _Asked) -> Comparison:
    one, other = [await load_report(request, entry) for entry in (asked.one, asked.other)]
    return await run_in_threadpool(comparing.compare, one, other, asked.names)
