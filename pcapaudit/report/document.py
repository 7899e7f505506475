"""The report as JSON text, back again, and the JSON Schema of it.

All three follow the dataclasses of ``model.report``; nothing is listed twice. A key is the
field's name without a trailing underscore (``from_`` stands for ``from``). Objects keep the
order of the fields, mappings are sorted by key: the same report gives the same bytes.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache, partial
from typing import Any, TypeVar, cast

from pcapaudit.model.errors import ReportError
from pcapaudit.model.report import SCHEMA, Report
from pcapaudit.report.serialize import serialize_pieces

Json = dict[str, Any]
_Reader = Callable[[object], object]
_Kind = TypeVar("_Kind")


class _MisfitError(Exception):
    """A value that is not of its type. The place is put together on the way out: most values fit."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.where = ""
        super().__init__(reason)

    def below(self, place: str) -> _MisfitError:
        """The same, with one more step before its place."""
        self.where = place + self.where
        return self


def to_json(report: Report) -> str:
    """The document, indented by two blanks, ASCII only, with a newline at the end.

    Raises:
        TypeError: A mapping of the report holds something that JSON has not.
        ValueError: A number is infinite or none.
    """
    return "".join(json_pieces(report))


def json_pieces(report: Report) -> Iterator[str]:
    """The same document piece by piece, one for each device: that of a large network is as large as its analysis.

    Raises:
        TypeError, ValueError: As ``to_json``, once the pieces before are told.
    """
    yield from serialize_pieces(report)
    yield "\n"


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
    report = read_as(Report, value)
    _check_indexes(report)
    return report


def read_as(kind: type[_Kind], value: object) -> _Kind:
    """What a part of a document holds, or another document whose form a data class gives.

    Args:
        kind: The data class.
        value: As ``json.loads`` gave it. Unknown keys are passed over: the form may grow.

    Raises:
        ReportError: A value has the wrong type, or a number is infinite or none; the error names the place.
    """
    try:
        return cast(_Kind, _reader(cast(Any, kind))(value))
    except _MisfitError as misfit:
        raise ReportError(misfit.reason, where=f"${misfit.where}") from None


def json_schema(kind: type = Report, name: str = SCHEMA) -> Json:
    """JSON Schema (Draft 2020-12) that every document of a kind keeps; further keys are allowed.

    Args:
        kind: Data class of the whole document; its field ``schema`` holds the name.
        name: The document's name and version.
    """
    definitions: Json = {}
    root = _describe_object(kind, definitions)
    root["properties"]["schema"] = {"const": name}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{name.replace('/', ':')}",
        "title": f"{kind.__name__} of pcapaudit",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


def _key(name: str) -> str:
    return name.rstrip("_")


@cache
def _reader(kind: Any) -> _Reader:
    """What makes a value of JSON into one of the annotated type; put together once for each type."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return partial(_read_optional, _reader(_not_none(kind)))
    if origin is tuple:
        return partial(_read_list, _reader(args[0]))
    if origin is Mapping:
        return partial(_read_mapping, _reader(args[1]))
    if kind is object:
        return _read_anything
    if is_dataclass(kind):
        return partial(_read_object, kind, _entries(kind))
    if issubclass(kind, StrEnum):
        return partial(_read_word, {str(member): member for member in kind})
    return partial(_read_scalar, kind)


def _entries(kind: Any) -> tuple[tuple[str, str, _Reader, bool], ...]:
    """Key, field, reader of each field, and whether the key must be there."""
    hints = _hints(kind)
    return tuple((_key(f.name), f.name, _reader(hints[f.name]), f.default is MISSING) for f in fields(kind))


def _read_anything(value: object) -> object:
    return value


def _read_optional(reader: _Reader, value: object) -> object:
    return None if value is None else reader(value)


def _read_list(reader: _Reader, value: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise _MisfitError(f"expected a list, found {_name(value)}")
    items: list[object] = []
    try:
        for entry in value:
            items.append(reader(entry))  # noqa: PERF401 - their number names the place of one that does not fit
    except _MisfitError as misfit:
        raise misfit.below(f"[{len(items)}]") from None
    return tuple(items)


def _read_mapping(reader: _Reader, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _MisfitError(f"expected an object, found {_name(value)}")
    found: dict[str, object] = {}
    for key, entry in value.items():
        try:
            found[key] = reader(entry)
        except _MisfitError as misfit:
            raise misfit.below(f".{key}") from None
    return found


def _read_object(kind: Any, entries: tuple[tuple[str, str, _Reader, bool], ...], value: object) -> object:
    if not isinstance(value, dict):
        raise _MisfitError(f"expected an object, found {_name(value)}")
    found: dict[str, object] = {}
    for key, name, reader, is_needed in entries:
        if key in value:
            try:
                found[name] = reader(value[key])
            except _MisfitError as misfit:
                raise misfit.below(f".{key}") from None
        elif is_needed:
            raise _MisfitError(f"the key {key!r} is missing")
    return kind(**found)


def _read_word(words: Mapping[str, StrEnum], value: object) -> StrEnum:
    word = words.get(value) if isinstance(value, str) else None
    if word is None:
        raise _MisfitError(f"{value!r:.60} is none of {', '.join(words)}")
    return word


def _read_scalar(kind: type, value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        raise _MisfitError(f"expected a number, found {value}")
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return _widen(value)
    raise _MisfitError(f"expected {kind.__name__}, found {_name(value)}")


def _widen(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise _MisfitError("the number is too large") from None


def _check_indexes(report: Report) -> None:
    """Every ``capture`` must point at one. Raises ReportError."""
    for number, device in enumerate(report.devices):
        pointers = [device.capture, *(finding.evidence.capture for finding in device.findings)]
        if not all(0 <= pointer < len(report.captures) for pointer in pointers):
            raise ReportError("it names a capture that is not in the document", where=f"$.devices[{number}]")


def _not_none(kind: Any) -> Any:
    """The one member of ``X | None`` that is not None."""
    return next(arg for arg in typing.get_args(kind) if arg is not types.NoneType)


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
