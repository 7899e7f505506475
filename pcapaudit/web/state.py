"""What every handler of a request may reach."""

from __future__ import annotations

from typing import cast

from starlette.requests import HTTPConnection

from pcapaudit.model.records import dataclass
from pcapaudit.web.captures.intake import Intake
from pcapaudit.web.captures.store import Store
from pcapaudit.web.captures.work import Workshop
from pcapaudit.web.door.access import Gate
from pcapaudit.web.live.desk import Desk
from pcapaudit.web.settings import Settings
from pcapaudit.web.tables.making import TableMaker


@dataclass(frozen=True, slots=True)
class Site:
    """One server: its settings, its list, its queue, its door, what is being received, the tables of its captures.

    ``desk`` is that of its live watch; None where it watches nothing.
    """

    settings: Settings
    store: Store
    workshop: Workshop
    gate: Gate
    intake: Intake
    tables: TableMaker
    desk: Desk | None


def site_of(request: HTTPConnection) -> Site:
    """The server that a request came to."""
    return cast("Site", request.app.state.site)
