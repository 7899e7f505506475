"""What the interface's answers are made of, as JSON Schema: read from the data classes, so that it cannot differ."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pcapaudit.engine.tables.declare import Column
from pcapaudit.model.report import Report
from pcapaudit.report.compare.document import Comparison
from pcapaudit.report.document import json_schema
from pcapaudit.report.requests import ChangeRequest
from pcapaudit.web.captures.status import Status
from pcapaudit.web.captures.store import Entry
from pcapaudit.web.captures.wishes import WISHES
from pcapaudit.web.frames.citations import Citation

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
_MAYBE_TEXT: Schema = {"type": ["string", "null"]}
_MAYBE_NUMBER: Schema = {"type": ["integer", "null"]}
_DOCUMENTS = (Report, Comparison)
"""These name their kind and version in the key ``schema``."""
_PARTS = (Entry, Status, ChangeRequest, Column, Citation)


@cache
def schemas() -> Schema:
    """Every schema by its name."""
    found: Schema = {}
    for kind in (*_DOCUMENTS, *_PARTS):
        found |= _read(kind)
    return found | _written()


def refer(name: str) -> Schema:
    """A schema that is the named one."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(items: Schema) -> Schema:
    """A list of such values."""
    return {"type": "array", "items": items}


def object_of(**properties: Schema) -> Schema:
    """An object that has all of these keys."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _read(kind: type) -> Schema:
    """The schema of a data class and of all that it holds, referring to each other as parts of one description."""
    whole = json_schema(kind) if kind is Report else json_schema(kind, f"pcapaudit/{kind.__name__.lower()}/1")
    text = json.dumps(whole).replace('"#/$defs/', '"#/components/schemas/')
    root = json.loads(text)
    parts = dict(root.pop("$defs"))
    for key in ("$schema", "$id", "title"):
        del root[key]
    if kind not in _DOCUMENTS:
        del root["properties"]["schema"]
    return {**parts, kind.__name__: root}


def _written() -> Schema:
    """What the handlers put together themselves."""
    return {
        "Error": {**object_of(error=TEXT), "description": "What went wrong, in a sentence."},
        "Taken": {**object_of(id=TEXT, known={"type": "boolean"}), "description": "Where an upload is."},
        "Faults": object_of(faults={"type": "object", "additionalProperties": TEXT}),
        "Note": object_of(note={"type": "string", "maxLength": 10_000}),
        "Capture": {"allOf": [refer("Entry"), refer("Status")]},
        "CaptureList": object_of(captures=list_of(refer("Capture")), total=COUNT, page=COUNT, pages=COUNT),
        "ChangeRequests": object_of(requests=list_of({"allOf": [refer("ChangeRequest"), _MAIL]})),
        "Table": object_of(name=TEXT, title=TEXT, row=TEXT, rows=COUNT, columns=list_of(object_of(**_COLUMN))),
        "Tables": object_of(state={"const": "done"}, tables=list_of(refer("Table"))),
        "Making": object_of(state={"const": "running"}, progress={"type": "number", "minimum": 0, "maximum": 1}),
        "Rows": object_of(
            table=TEXT, matching=COUNT, total=COUNT, page=COUNT, pages=COUNT, rows=list_of({"type": "object"})
        ),
        "DissectedFrame": object_of(
            frame=_FRAME,
            dissector=_MAYBE_TEXT,
            note=_MAYBE_TEXT,
            proves=list_of(refer("Citation")),
            previous=_MAYBE_NUMBER,
            next=_MAYBE_NUMBER,
            display_filter=TEXT,
        ),
        "LiveWatch": object_of(
            interface=TEXT, is_fresh={"type": "boolean"}, fault=_MAYBE_TEXT, age_s=_MAYBE_SECONDS, status=_STATUS
        ),
        "LiveEvents": object_of(events=list_of(object_of(number=COUNT, event=TEXT, at=_TIME, text=TEXT))),
        "Window": _WINDOW,
        "Field": _FIELD,
        "Layer": object_of(
            name=TEXT, title=TEXT, position=_MAYBE_NUMBER, size=COUNT, fields=list_of(refer("Field")), part=COUNT
        ),
    }


_TIME: Schema = {"type": "string", "format": "date-time"}
_MAYBE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
_MAYBE_SECONDS: Schema = {"type": ["number", "null"], "minimum": 0}
_NUMBER: Schema = {"type": "number"}
_YES_NO: Schema = {"type": "boolean"}
_COUNTS: Schema = {"type": "object", "additionalProperties": COUNT}
_WATCHED_DEVICE = object_of(
    device=_MAYBE_TEXT,
    mac=_MAYBE_TEXT,
    address=_MAYBE_TEXT,
    signature=_MAYBE_TEXT,
    verdict=_MAYBE_TEXT,
    is_provisional=_YES_NO,
    is_flapping=_YES_NO,
    is_silent=_YES_NO,
    stage=_MAYBE_TEXT,
    rule=_MAYBE_TEXT,
    summary=_MAYBE_TEXT,
    indicator=_MAYBE_TEXT,
    answered=_MAYBE_TIME,
    since=_MAYBE_TIME,
    heard=_MAYBE_TIME,
)
_RING = object_of(folder=TEXT, files=COUNT, octets=COUNT, fault=_MAYBE_TEXT, **{"from": _MAYBE_TIME})
_STATUS: Schema = {
    "oneOf": [
        {"type": "null"},
        object_of(
            at=_MAYBE_TIME,
            source=TEXT,
            since=_MAYBE_TIME,
            frames=COUNT,
            octets=COUNT,
            dropped=COUNT,
            frames_per_s=_NUMBER,
            bits_per_s=_NUMBER,
            lag_s=_NUMBER,
            look_s=_NUMBER,
            directions=_MAYBE_TEXT,
            health=list_of(object_of(id=TEXT, summary=TEXT)),
            tables=_COUNTS,
            is_blind=_YES_NO,
            verdicts=_COUNTS,
            stages=_COUNTS,
            ring={"oneOf": [{"type": "null"}, _RING]},
            devices=list_of(_WATCHED_DEVICE),
        ),
    ],
    "description": "The newest status; null before the first.",
}
_WINDOW: Schema = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("from", "to"), _TIME),
        **dict.fromkeys((*WISHES, "note"), TEXT),
        "params": {"type": "object", "additionalProperties": {"type": ["integer", "string"]}},
    },
    "additionalProperties": False,
    "description": "From a moment up to another; without either the last 15 minutes. The rest is as for an upload.",
}
_MAIL = object_of(subject=TEXT, text=TEXT)
_COLUMN = {"name": TEXT, "kind": TEXT, "unit": TEXT, "meaning": TEXT, "zeek": _MAYBE_TEXT}
_HEX = {"type": "string", "pattern": "^([0-9a-f]{2})*$"}
_FIELD = object_of(
    name=TEXT,
    label=TEXT,
    value=TEXT,
    position=_MAYBE_NUMBER,
    size=COUNT,
    fields=list_of(refer("Field")),
    frame=_MAYBE_NUMBER,
    part=COUNT,
)
_FRAME = object_of(
    number=COUNT,
    time={"type": "string", "format": "date-time"},
    time_ns={"type": "integer"},
    length=COUNT,
    link=TEXT,
    source=TEXT,
    target=TEXT,
    protocol=TEXT,
    info=TEXT,
    data=_HEX,
    layers=list_of(refer("Layer")),
    left_out=COUNT,
    parts=list_of(object_of(name=TEXT, data=_HEX)),
)
