"""The first page: upload, and the list of what was uploaded, to search, to compare and to delete."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pcapaudit.catalog import load_signatures
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import VERDICTS, Verdict
from pcapaudit.web.api.body import read_form
from pcapaudit.web.captures.search import PER_PAGE, read_search
from pcapaudit.web.captures.store import DeviceLine, Entry
from pcapaudit.web.captures.wishes import products
from pcapaudit.web.state import Site, site_of
from pcapaudit.web.views.render import show

_SHOWN_DEVICES = 3
_MAX_FORM = 16_384


@dataclass(frozen=True, slots=True)
class Row:
    """One capture as the list shows it.

    Attributes:
        entry: The capture.
        devices: Its worst devices, each with its place in the report.
        more: How many devices are not shown.
        gone: When it is deleted, seconds since the epoch; None when it stays.
    """

    entry: Entry
    devices: tuple[tuple[int, DeviceLine], ...]
    more: int
    gone: float | None


async def show_home(request: Request) -> Response:
    """Upload, and the list of what was uploaded."""
    site, search = site_of(request), read_search(request.query_params)
    found = site.store.search(search)
    return show(
        "home.html",
        rows=[_row(entry, site) for entry in found.entries],
        found=found,
        first=(found.page - 1) * PER_PAGE + 1,
        search=search,
        query=urlencode(search.as_query()),
        counts=site.store.count_verdicts(),
        verdicts=VERDICTS[::-1],
        products=products(),
        vendors=_vendors(),
    )


async def delete_chosen(request: Request) -> Response:
    """The captures of the form, with their files; asks first, unless the form says that this was done."""
    site, form = site_of(request), await read_form(request, _MAX_FORM)
    entries = [entry for entry in map(site.store.get, form.get("capture", [])) if entry is not None]
    # Read and written anew, so that whatever a form says, the way back leads to the list.
    back = urlencode(parse_qsl(form.get("back", [""])[0]))
    if entries and "sure" not in form:
        return show("delete.html", entries=entries, back=back)
    for entry in entries:
        await site.workshop.cancel(entry.id)
        site.store.delete(entry.id)
    return RedirectResponse(f"/?{back}#history", 303)


ROUTES = (
    Route("/", show_home, methods=["GET"]),
    Route("/captures/delete", delete_chosen, methods=["POST"]),
)


def _row(entry: Entry, site: Site) -> Row:
    numbered = sorted(enumerate(entry.devices), key=lambda pair: -VERDICTS.index(Verdict(pair[1].verdict)))
    shown = tuple(numbered[:_SHOWN_DEVICES])
    gone = None if site.settings.keep_s is None else entry.created + site.settings.keep_s
    return Row(entry, shown, len(numbered) - len(shown), gone)


@cache
def _vendors() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Id and name of each vendor, with its products."""
    return list(_grouped())


def _grouped() -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    signatures = sorted(load_signatures(None), key=lambda s: s.id)
    for vendor in dict.fromkeys(s.vendor for s in signatures):
        own = [s for s in signatures if s.vendor == vendor]
        yield vendor, own[0].vendor_title, [(s.id, s.title) for s in own]
