"""Analyses a capture once more with other details, without sending it again: as another line of the list."""

from __future__ import annotations

import os
import secrets
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pcapaudit.web.api.body import read_form
from pcapaudit.web.captures.lookup import ApiError, find_entry
from pcapaudit.web.captures.store import Entry, Wishes
from pcapaudit.web.captures.wishes import WishError, find_faults, products, read_wishes
from pcapaudit.web.state import site_of
from pcapaudit.web.views.render import show

_MAX_FORM = 20_000
_FIELDS = ("signature", "device", "led", "log", "mirror_point")


async def show_form(request: Request) -> Response:
    """What was said of the capture, or what the address says of it, to be changed; what is wrong stands beside it."""
    entry, query = find_entry(request), request.query_params
    said = {name: query.get(name, getattr(entry.wishes, name) or "") for name in _FIELDS}
    faults = {fault.field: fault.reason for fault in find_faults(query)}
    return show("anew.html", entry=entry, said_before=said, faults=faults, products=products())


async def analyse_anew(request: Request) -> Response:
    """The form, sent: leads to the capture, or back to the form where something in it cannot be meant so."""
    entry = find_entry(request)
    form = await read_form(request, _MAX_FORM)
    said = {name: form.get(name, [""])[0].strip() for name in _FIELDS}
    kept = entry.wishes.params.items() if said["signature"] == (entry.wishes.signature or "") else ()
    query = QueryParams([*said.items(), *(("param", f"{name}={value}") for name, value in kept)])
    try:
        wishes = read_wishes(query)
    except WishError:
        # A page of its own: the way back in the browser never asks to send a form twice.
        return RedirectResponse(f"/captures/{entry.id}/anew?{urlencode(query.multi_items())}", 303)
    return RedirectResponse(f"/captures/{_take(request, entry, wishes)}", 303)


def _take(request: Request, entry: Entry, wishes: Wishes) -> str:
    """The capture with these details: one that is there already, or a new one that shares the file on disk."""
    site = site_of(request)
    known = site.store.find(entry.sha256, wishes)
    if known is not None:
        return known.id
    shared = site.settings.incoming / f"{secrets.token_hex(9)}.part"
    try:
        os.link(site.store.capture_path(entry.id), shared)
        added = site.store.add(shared, entry.name, entry.sha256, wishes, entry.note)
    except OSError as error:
        raise ApiError(507, "the data folder cannot share the file between two captures: upload it again") from error
    finally:
        shared.unlink(missing_ok=True)
    site.workshop.submit(added.id)
    return added.id


ROUTES = (
    Route("/captures/{id}/anew", show_form, methods=["GET"]),
    Route("/captures/{id}/anew", analyse_anew, methods=["POST"]),
)
