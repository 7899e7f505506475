"""What each rule sees, means and asks for: the pages that the ids of rules lead to."""

from __future__ import annotations

from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pcapaudit.diagnose.explain import Entry, all_entries
from pcapaudit.web.captures.lookup import ApiError
from pcapaudit.web.views.render import show


async def list_rules(_request: Request) -> Response:
    """Every rule and health check, along the ladder."""
    return show("rules.html", entries=_entries().values())


async def show_rule(request: Request) -> Response:
    """One rule in its own words."""
    entry = _entries().get(request.path_params["id"])
    if entry is None:
        raise ApiError(404, "there is no rule of this id")
    return show("rule.html", entry=entry)


ROUTES = (
    Route("/rules", list_rules, methods=["GET"]),
    Route("/rules/{id}", show_rule, methods=["GET"]),
)


@cache
def _entries() -> dict[str, Entry]:
    return {entry.id: entry for entry in all_entries()}
