"""HTTP/1.x in the clear: a row for each request with its response."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from pcapaudit.engine.tables.cells import Ends, span_s
from pcapaudit.engine.tables.declare import ENDS, FLOW_MARKS, TS, Column, Kind, Row, Table
from pcapaudit.model.events import Event, HttpRequest, HttpResponse

SWITCHING = 101
"""The one interim status that ends its request (RFC 9110, section 15.2)."""

TABLE = Table(
    "http",
    "HTTP",
    "One row for each request with its final response; an unanswered request is a row, and so is a response whose"
    " request was not seen. Credentials, cookies and queries of addresses are never kept.",
    (
        TS,
        *ENDS,
        Column("method", Kind.CATEGORY, "method of the request", "", "method"),
        Column("host", Kind.TEXT, "header Host", "", "host"),
        Column("target", Kind.TEXT, "request target without its query"),
        Column("version", Kind.CATEGORY, "version of the request, else of the response", "", "version"),
        Column("user_agent", Kind.TEXT, "header User-Agent", "", "user_agent"),
        Column("has_credentials", Kind.TRUTH, "the request carries credentials"),
        Column("upgrade", Kind.CATEGORY, "protocol that the request wants to change to"),
        Column("request_body_bytes", Kind.INTEGER, "length that the request gives its body", "bytes"),
        Column("is_answered", Kind.TRUTH, "a final response was seen"),
        Column("status_code", Kind.INTEGER, "status of the final response", "", "status_code"),
        Column("status_msg", Kind.TEXT, "its reason phrase", "", "status_msg"),
        Column("location", Kind.TEXT, "header Location, without its query"),
        Column("server", Kind.TEXT, "header Server"),
        Column("via", Kind.TEXT, "header Via: a proxy on the way"),
        Column("content_type", Kind.TEXT, "header Content-Type"),
        Column("response_body_bytes", Kind.INTEGER, "header Content-Length of the response", "bytes"),
        Column("rtt_s", Kind.NUMBER, "from the request to the final response", "s"),
        Column("request_frame", Kind.FRAME, "frame that completes the request's head"),
        Column("response_frame", Kind.FRAME, "frame that completes the response's head"),
        *FLOW_MARKS,
    ),
    log="http",
)  # fmt: skip


def read(connection: Ends, events: Sequence[Event]) -> Iterator[Row]:
    """The rows of one connection; responses belong to the requests in their order (RFC 9112, section 9.3)."""
    waiting: deque[HttpRequest] = deque()
    for event in events:
        if isinstance(event, HttpRequest):
            waiting.append(event)
        elif isinstance(event, HttpResponse) and (event.status >= 200 or event.status == SWITCHING):
            yield _row(connection, waiting.popleft() if waiting else None, event)
    for request in waiting:
        yield _row(connection, request, None)


def _row(connection: Ends, request: HttpRequest | None, response: HttpResponse | None) -> Row:
    head = request or response
    assert head is not None  # noqa: S101 - a row has a message
    return (
        head.at.time_ns,
        *connection.ends,
        *_asked(request, head.version),
        *_answered(response),
        span_s(request.at if request else None, response.at if response else None),
        request.at.frame if request else None,
        response.at.frame if response else None,
        *connection.marks,
    )


def _asked(request: HttpRequest | None, version: str) -> Row:
    """The cells from ``method`` to ``request_body_bytes``."""
    if request is None:
        return (None, None, None, version, None, None, None, None)
    r = request
    return (r.method, r.host, r.target, version, r.user_agent, r.has_credentials, r.upgrade, r.body_size)


def _answered(response: HttpResponse | None) -> Row:
    """The cells from ``is_answered`` to ``response_body_bytes``."""
    if response is None:
        return (False, None, None, None, None, None, None, None)
    r = response
    return (True, r.status, r.reason, r.location, r.server, r.via, r.content_type, r.content_length)
