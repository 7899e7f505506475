"""The interface in OpenAPI's words (version 3.1): each request, what it takes, what it answers, with an example."""

from __future__ import annotations

from functools import cache
from typing import Any

from pcapaudit import __version__
from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.model.words import Addressee, Verdict
from pcapaudit.web.api.schemas import COUNT, TEXT, Schema, refer, schemas
from pcapaudit.web.tables.question import RESERVED

_EXAMPLE_ID = "c89c0c32c4299538e5"
_EVENT = 'event: status\ndata: {"id": "c89c0c32c4299538e5", "state": "running", "progress": 0.42, …}\n\n'
_PLACES = {"id": (TEXT, _EXAMPLE_ID), "n": ({"type": "integer", "minimum": 1}, 48)}
_WISHES = {
    "signature": ("The product, as vendor/product.", "sensorist/gateway"),
    "device": ("MAC or IP address of the device.", "02:54:10:2b:30:01"),
    "led": ("What its LED shows.", "blinking red"),
    "log": ("A message in its log.", None),
    "mirror_point": ("Where the capture was taken.", "switch 3, port 12"),
    "note": ("A note for the list.", "before the change"),
}
_NO_REPORT = "the analysis is not done"


@cache
def description() -> dict[str, Any]:
    """The description as a JSON document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pcapaudit",
            "version": __version__,
            "summary": "Why is the device offline?",
            "description": "Upload a capture, watch its analysis, read the report. Errors are objects with `error`.",
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "The lasting token, for scripts."},
                "session": {"type": "apiKey", "in": "cookie", "name": "pcapaudit-8000", "description": "A login."},
            },
            "schemas": schemas(),
        },
        "security": [{"token": []}, {"session": []}],
        "paths": {
            **_list_paths(),
            **_capture_paths(),
            **_answer_paths(),
            **_detail_paths(),
            **_table_paths(),
            **_live_paths(),
            **_own_path(),
        },
    }


def _list_paths() -> dict[str, Any]:
    """Uploads, the list, and what is told of several captures."""
    verdicts = {"type": "string", "enum": [str(verdict) for verdict in Verdict]}
    day = {"type": "string", "format": "date"}
    return {
        "/api/captures": {
            "put": _operation(
                "Upload a capture as the body.",
                {
                    201: _json("taken", refer("Taken"), {"id": _EXAMPLE_ID, "known": False}),
                    200: _json("known: the same file with the same wishes", refer("Taken")),
                    **_errors({400: "a wish that cannot be meant so, or the connection broke off"}),
                    **_errors({408: "nothing came for a minute", 413: "too large", 507: "no room on the disk"}),
                },
                [_query("name", "File name, for people.", example="office.pcapng"), *_wishes()],
                body=_binary(
                    "application/octet-stream", "pcap or pcapng, also compressed (gzip, zstd, lz4, xz, bzip2)"
                ),
            ),
            "get": _operation(
                "Search the captures, the newest first, 50 on a page.",
                {200: _json("the page", refer("CaptureList"))},
                [
                    _query("q", "Words that stand in what the list shows.", example="sensorist"),
                    _query("device", "MAC or IP address, or how it begins.", example="02:54:10"),
                    _query("vendor", "A vendor, or a product as vendor/product.", example="sensorist"),
                    _query("verdict", "Verdict of a device.", verdicts),
                    _query("from", "First day of the upload, UTC.", day),
                    _query("to", "Last day of the upload, UTC.", day),
                    _query("page", "From 1.", {"type": "integer", "minimum": 1}),
                ],
            ),
        },
        "/api/check": {
            "get": _operation(
                "Ask what stands against an upload before it is sent.",
                {200: _json("field and sentence of each fault", refer("Faults"), {"faults": {}})},
                [_query("size", "Bytes of the capture.", COUNT), *_wishes()],
            )
        },
        "/api/events": {
            "get": _operation(
                "The events of up to 50 captures in one stream; `gone` when there is no such capture.",
                {200: _events(), **_errors({400: "no id, or too many"})},
                [_query("id", "A capture; any number of times.", {"type": "array", "items": TEXT})],
            )
        },
    }


def _capture_paths() -> dict[str, Any]:
    """One capture and its analysis."""
    return {
        "/api/captures/{id}": {
            "get": _operation(
                "How far it is, and what was found.", {200: _json("the capture", refer("Capture"))}, _places("id")
            ),
            "patch": _operation(
                "Change the note.",
                {204: _empty("changed"), **_errors({400: "no such object", 413: "too long"})},
                _places("id"),
                body={"application/json": {"schema": refer("Note"), "example": {"note": "after the change"}}},
            ),
            "delete": _operation("Delete file, report and line.", {204: _empty("deleted")}, _places("id")),
        },
        "/api/captures/{id}/cancel": {
            "post": _operation("End the analysis; the file stays.", {204: _empty("ended")}, _places("id"))
        },
        "/api/captures/{id}/again": {
            "post": _operation(
                "Analyse a capture once more that failed or was cancelled.",
                {204: _empty("queued"), **_errors({409: "it neither failed nor was cancelled"})},
                _places("id"),
            )
        },
        "/api/captures/{id}/events": {
            "get": _operation(
                "The status now and after each change, until the analysis has ended.", {200: _events()}, _places("id")
            )
        },
    }


def _answer_paths() -> dict[str, Any]:
    """What was found, in each of its forms."""
    forms = ("html", "markdown", "text", "csv")
    return {
        "/api/captures/{id}/report": {
            "get": _operation(
                "The report document, or another form of it.",
                {
                    200: _json("the report", refer("Report"), more=forms),
                    **_errors({400: "no such form", 409: _NO_REPORT}),
                },
                [*_places("id"), _form("json", *forms)],
            )
        },
        "/api/captures/{id}/requests": {
            "get": _operation(
                "The change requests: what to ask of whom.",
                {
                    200: _json("the requests", refer("ChangeRequests"), more=("text", "csv")),
                    **_errors({400: "no such form or addressee", 409: _NO_REPORT}),
                },
                [
                    *_places("id"),
                    _form("json", "text", "csv"),
                    _query("to", "One addressee.", {"type": "string", "enum": [str(to) for to in Addressee]}),
                    _query("device", "Place of a device in the report, from 0.", COUNT),
                ],
            )
        },
        "/api/captures/{id}/evidence": {
            "get": _operation(
                "The frames that prove it and their flows, as pcapng with a comment on each cited frame.",
                {
                    200: _answer("a capture", _binary("application/vnd.tcpdump.pcap", "pcapng")),
                    **_errors({404: "no such capture, or no frame to cite", 409: _NO_REPORT}),
                },
                _places("id"),
            )
        },
    }


def _detail_paths() -> dict[str, Any]:
    """One frame, and two captures side by side."""
    return {
        "/api/captures/{id}/frames/{n}": {
            "get": _operation(
                "One frame: its fields as Wireshark shows them, its bytes, and what the report rests on it.",
                {
                    200: _json("the frame", refer("DissectedFrame")),
                    **_errors({404: "no such frame", 409: _NO_REPORT, 503: "it could not be read in time"}),
                },
                _places("id", "n"),
            )
        },
        "/api/compare": {
            "get": _operation(
                "What changed between two captures of the same device.",
                {
                    200: _json("the comparison", refer("Comparison"), more=("text", "markdown")),
                    **_errors({400: "a or b is missing, or no such form", 404: "no such capture", 409: _NO_REPORT}),
                },
                [
                    _query("a", "The one capture.", is_needed=True, example=_EXAMPLE_ID),
                    _query("b", "The other one.", is_needed=True),
                    _query(
                        "device", "A device; twice when it has another name in b.", {"type": "array", "items": TEXT}
                    ),
                    _form("json", "text", "markdown"),
                ],
            )
        },
    }


def _table_paths() -> dict[str, Any]:
    """The raw tables."""
    names = {"type": "string", "enum": list(TABLES)}
    meanings = {
        "q": "Words in any text of the table.",
        "sort": "A column, ascending; with - before it, descending.",
        "page": "From 1.",
        "device": "Address, MAC or place of a device.",
    }
    return {
        "/api/captures/{id}/tables": {
            "get": _operation(
                "The raw tables with their columns; `format=sqlite` gives all of them as one file.",
                {
                    200: _json("the tables", refer("Tables"), more=("sqlite",)),
                    202: _json("they are being made: ask again", refer("Making")),
                    **_errors({400: "no such form", 409: _NO_REPORT, 422: "they cannot be made"}),
                },
                [*_places("id"), _form("json", "sqlite")],
            )
        },
        "/api/captures/{id}/tables/{name}": {
            "get": _operation(
                "Rows of a raw table. Each of its columns is a parameter, too, with a condition as its value.",
                {
                    200: _json("a page of 100 rows, or all as CSV or JSON lines", refer("Rows"), more=("csv", "jsonl")),
                    **_errors({400: "no such column, condition or form", 409: _NO_REPORT, 422: "it cannot be made"}),
                },
                [
                    *_places("id"),
                    {"name": "name", "in": "path", "required": True, "schema": names, "example": "dns"},
                    *(_query(name, meanings[name]) for name in RESERVED if name != "format"),
                    _form("json", "csv", "jsonl"),
                ],
            )
        },
    }


def _live_paths() -> dict[str, Any]:
    """The live watch, where there is one."""
    no_watch = {404: "this server watches no interface"}
    window = {"from": "2026-01-01T14:00:00Z", "to": "2026-01-01T14:15:00Z", "device": "02:54:10:2b:30:01"}
    return {
        "/api/live": {
            "get": _operation(
                "How the live watch stands.", {200: _json("the watch", refer("LiveWatch")), **_errors(no_watch)}
            )
        },
        "/api/live/events": {
            "get": _operation(
                "What the watch told, the newest first; at most 500 are kept here.",
                {200: _json("events", refer("LiveEvents")), **_errors({**no_watch, 400: "no such limit"})},
                [_query("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 100})],
            )
        },
        "/api/live/window": {
            "post": _operation(
                "Make a capture of the frames between two moments, as long as they are kept; analysed like an upload.",
                {
                    201: _json("taken", refer("Taken"), {"id": _EXAMPLE_ID, "known": False}),
                    200: _json("known: the same frames with the same wishes", refer("Taken")),
                    **_errors({400: "a field that cannot be meant so", 413: "too large", 507: "no room on the disk"}),
                    **_errors({404: "no watch, or none of these frames is there", 408: "the disk was too slow"}),
                    **_errors({503: "the server is about to end"}),
                },
                body={"application/json": {"schema": refer("Window"), "example": window}},
            )
        },
    }


def _own_path() -> dict[str, Any]:
    return {
        "/api/openapi.json": {
            "get": _operation("This description.", {200: _json("OpenAPI", {"type": "object"})}),
        }
    }


# --- parts ----------------------------------------------------------------------------------------------

_FORMS = {
    "html": "text/html",
    "markdown": "text/markdown",
    "text": "text/plain",
    "csv": "text/csv",
    "jsonl": "application/x-ndjson",
    "sqlite": "application/vnd.sqlite3",
}
"""Form of an answer -> its media type."""


def _operation(
    summary: str,
    answers: dict[int, Schema],
    parameters: list[Schema] | None = None,
    body: Schema | None = None,
) -> dict[str, Any]:
    common = {
        401: "neither token nor session",
        421: "called by a name that is not the server's",
        429: "too many guesses",
    }
    if any(parameter["in"] == "path" for parameter in parameters or []):
        common[404] = "there is no such capture"
    common[403] = "from a page of another server"
    said = {**_errors(common), **answers}
    operation = {
        "summary": summary,
        "parameters": parameters or [],
        "responses": {str(code): said[code] for code in sorted(said)},
    }
    return operation if body is None else {**operation, "requestBody": {"required": True, "content": body}}


def _answer(text: str, content: Schema) -> Schema:
    return {"description": text, "content": content}


def _empty(text: str) -> Schema:
    return {"description": text}


def _json(text: str, schema: Schema, example: Any = None, *, more: tuple[str, ...] = ()) -> Schema:
    """JSON, and the other forms that are given as files."""
    shown = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return _answer(text, {"application/json": shown, **{_FORMS[form]: {"schema": TEXT} for form in more}})


def _events() -> Schema:
    text = "server-sent events; the data of each is a Status"
    return _answer(text, {"text/event-stream": {"schema": TEXT, "example": _EVENT}})


def _binary(media: str, text: str) -> Schema:
    return {media: {"schema": {"type": "string", "format": "binary", "description": text}}}


def _errors(said: dict[int, str]) -> dict[int, Schema]:
    return {code: _json(text, refer("Error")) for code, text in said.items()}


def _places(*names: str) -> list[Schema]:
    """The parts of a path."""
    return [
        {"name": name, "in": "path", "required": True, "schema": _PLACES[name][0], "example": _PLACES[name][1]}
        for name in names
    ]


def _query(
    name: str, text: str, schema: Schema | None = None, *, is_needed: bool = False, example: str | None = None
) -> Schema:
    parameter = {"name": name, "in": "query", "required": is_needed, "description": text, "schema": schema or TEXT}
    return parameter if example is None else {**parameter, "example": example}


def _form(*forms: str) -> Schema:
    return _query("format", "The form of the answer.", {"type": "string", "enum": list(forms), "default": forms[0]})


def _wishes() -> list[Schema]:
    """What the admin knows beforehand."""
    params = {"type": "array", "items": {"type": "string", "pattern": "^[a-z_]+=[0-9]+$"}}
    wishes = [_query(name, text, example=example) for name, (text, example) in _WISHES.items()]
    return [*wishes, _query("param", "A parameter of the product as NAME=VALUE; any number of times.", params)]
