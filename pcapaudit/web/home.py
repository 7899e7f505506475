"""The first page: upload, and the list of what was uploaded."""

from __future__ import annotations

from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pcapaudit.catalog import load_signatures
from pcapaudit.web.render import say_moment, show
from pcapaudit.web.state import site_of
from pcapaudit.web.store import Entry


async def show_home(request: Request) -> Response:
    """Upload, and the list of what was uploaded."""
    query = request.query_params.get("q", "").strip()
    entries = [e for e in site_of(request).store.all() if _matches(e, query.casefold())]
    return show("home.html", entries=entries, query=query, products=_products())


ROUTES = (Route("/", show_home, methods=["GET"]),)


def _matches(entry: Entry, query: str) -> bool:
    """Whether each word of a query (case folded) is somewhere in what the list shows of a capture."""
    shown = [entry.name, entry.note, entry.state, say_moment(entry.created)]
    for device in entry.devices:
        shown += [device.title, device.verdict, device.mac or "", device.signature or "", *device.addresses]
    text = " ".join(shown).casefold()
    return all(word in text for word in query.split())


@cache
def _products() -> list[tuple[str, str]]:
    return sorted((s.id, f"{s.vendor_title} / {s.title}") for s in load_signatures(None))
