"""The report as JSON text, back again, and the JSON Schema of it.

All three follow the dataclasses of ``model.report``; nothing is listed twice. A key is the
field's name without a trailing underscore (``from_`` stands for ``from``). Objects keep the
order of the fields, mappings are sorted by key: the same report gives the same bytes.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, cast

from pcapaudit.model.errors import ReportError
from pcapaudit.model.report import SCHEMA, Report
from pcapaudit.report.serialize import serialize

Json = dict[str, Any]


def to_json(report: Report) -> str:
    """The document, indented by two blanks, ASCII only, with a newline at the end.

    Raises:
        TypeError: A mapping of the report holds something that JSON has not.
        ValueError: A number is infinite or none.
    """
    return serialize(report) + "\n"


def from_json(text: str | bytes) -> Report:
    """The report that a document holds. Unknown keys are passed over: the form may grow.

    Raises:
        ReportError: The text is no JSON, of another schema, or a value has the wrong type; the error names the place.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReportError(f"this is no JSON ({error})", where="$") from error
    found = value.get("schema") if isinstance(value, dict) else None
    if found != SCHEMA:
        raise ReportError(f"expected {SCHEMA!r}, found {found!r}", where="$.schema")
    report = cast(Report, _read(value, Report, "$"))
    _check_indexes(report)
    return report


def json_schema() -> Json:
    """JSON Schema (Draft 2020-12) that every document keeps; further keys are allowed."""
    definitions: Json = {}
    root = _describe(Report, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": "Report of pcapaudit",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


def _key(name: str) -> str:
    return name.rstrip("_")


def _read(value: object, kind: Any, where: str) -> object:
    """``value`` as an instance of the annotated type ``kind``."""
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else _read(value, _not_none(kind), where)
    if origin is tuple:
        return _read_list(value, typing.get_args(kind)[0], where)
    if origin is Mapping:
        return _read_mapping(value, typing.get_args(kind)[1], where)
    if kind is object:
        return value
    return _read_object(value, kind, where) if is_dataclass(kind) else _read_scalar(value, kind, where)


def _check_indexes(report: Report) -> None:
    """Every ``capture`` must point at one. Raises ReportError."""
    for number, device in enumerate(report.devices):
        pointers = [device.capture, *(finding.evidence.capture for finding in device.findings)]
        if not all(0 <= pointer < len(report.captures) for pointer in pointers):
            raise ReportError("it names a capture that is not in the document", where=f"$.devices[{number}]")


def _not_none(kind: Any) -> Any:
    """The one member of ``X | None`` that is not None."""
    return next(arg for arg in typing.get_args(kind) if arg is not types.NoneType)


def _read_list(value: object, item: Any, where: str) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise ReportError(f"expected a list, found {_name(value)}", where=where)
    return tuple(_read(entry, item, f"{where}[{number}]") for number, entry in enumerate(value))


def _read_mapping(value: object, item: Any, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ReportError(f"expected an object, found {_name(value)}", where=where)
    return {key: _read(entry, item, f"{where}.{key}") for key, entry in value.items()}


def _read_object(value: object, kind: Any, where: str) -> object:
    if not isinstance(value, dict):
        raise ReportError(f"expected an object, found {_name(value)}", where=where)
    found: dict[str, object] = {}
    for entry in fields(kind):
        key = _key(entry.name)
        if key in value:
            found[entry.name] = _read(value[key], _hints(kind)[entry.name], f"{where}.{key}")
        elif entry.default is MISSING:
            raise ReportError(f"the key {key!r} is missing", where=where)
    return kind(**found)


def _read_scalar(value: object, kind: Any, where: str) -> object:
    if issubclass(kind, StrEnum):
        if value not in list(kind):
            raise ReportError(f"{value!r} is none of {', '.join(kind)}", where=where)
        return kind(value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ReportError(f"expected {kind.__name__}, found {_name(value)}", where=where)
    return value


def _name(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _describe(kind: Any, definitions: Json) -> Json:
    """The schema of an annotated type; dataclasses and enums go to ``definitions`` by name."""
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [_describe(_not_none(kind), definitions), {"type": "null"}]}
    if origin is tuple:
        return {"type": "array", "items": _describe(typing.get_args(kind)[0], definitions)}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _describe(typing.get_args(kind)[1], definitions)}
    if kind is object:
        return {}
    if kind is Report:
        return _describe_object(kind, definitions)
    if is_dataclass(kind) or issubclass(kind, StrEnum):
        return _refer(kind, definitions)
    return {"type": {str: "string", bool: "boolean", int: "integer", float: "number"}[kind]}


def _refer(kind: Any, definitions: Json) -> Json:
    if kind.__name__ not in definitions:
        described = _describe_object if is_dataclass(kind) else _describe_enum
        definitions[kind.__name__] = described(kind, definitions)
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _describe_object(kind: Any, definitions: Json) -> Json:
    properties = {_key(f.name): _describe(_hints(kind)[f.name], definitions) for f in fields(kind)}
    if kind is Report:
        properties["schema"] = {"const": SCHEMA}
    return {
        "type": "object",
        "description": _first_line(kind),
        "properties": properties,
        "required": list(properties),
    }


def _describe_enum(kind: Any, _definitions: Json) -> Json:
    return {"type": "string", "description": _first_line(kind), "enum": [str(member) for member in kind]}


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]
