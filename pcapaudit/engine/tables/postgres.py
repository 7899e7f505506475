"""PostgreSQL's start-up: a row for each message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapaudit.engine.tables.cells import Ends
from pcapaudit.engine.tables.declare import ENDS, FLOW_MARKS, TS, Column, Kind, Row, Table
from pcapaudit.model.events import Event, PostgresMessage

TABLE = Table(
    "postgres",
    "PostgreSQL",
    "One row for each message of a start-up. Names of users and data bases are never kept.",
    (
        TS,
        *ENDS,
        Column("is_from_client", Kind.TRUTH, "the client sent it"),
        Column("message", Kind.CATEGORY, "what it is: ssl_request, startup, auth_request, auth_ok, ready, error, ..."),
        Column("sqlstate", Kind.TEXT, "code of an error"),
        Column("frame", Kind.FRAME, "frame that completes it"),
        *FLOW_MARKS,
    ),
)


def read(connection: Ends, events: Sequence[Event]) -> Iterator[Row]:
    """The rows of one connection."""
    found = (e for e in events if isinstance(e, PostgresMessage))
    return (
        (e.at.time_ns, *connection.ends, e.from_client, e.kind, e.sqlstate, e.at.frame, *connection.marks)
        for e in found
    )
