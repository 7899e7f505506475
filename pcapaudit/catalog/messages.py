"""What pydantic has against a signature file, in words for the person who wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pcapaudit.catalog.document import Document, Path

_EXPECTED = {
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "dict_type": "a mapping (key: value)",
    "tuple_type": "a list",
    "list_type": "a list",
    "string_type": "text",
}
KEY = "[key]"


def complain_about(error: ValidationError, form: type[BaseModel], document: Document) -> None:
    """Note every fault of a file in its document, in the order of the file's lines."""
    for detail in _without_echoes(error.errors()):
        path: Path = tuple(part for part in detail["loc"] if part != KEY)
        is_about_key = detail["type"] == "extra_forbidden" or KEY in detail["loc"]
        place = document.place_of_key(path) if is_about_key else document.place_of(path)
        message, hint = _say(detail, path, form)
        document.complain(place, message, hint)
    document.problems.sort(key=lambda problem: (problem.line, problem.column))


def _without_echoes(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out that a list is too short where that is so only because its entries are faulty."""
    faulty = {detail["loc"][:length] for detail in details for length in range(len(detail["loc"]))}
    return [detail for detail in details if detail["type"] != "too_short" or detail["loc"] not in faulty]


def suggest(word: str, known: Sequence[str]) -> str:
    """Give a hint for a misspelt word: the nearest ones that are known, else all of them."""
    near = get_close_matches(word, known, n=2, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else f"known are: {', '.join(known)}"


def _say(detail: ErrorDetails, path: Path, form: type[BaseModel]) -> tuple[str, str | None]:
    kind, context = detail["type"], detail.get("ctx", {})
    last = str(path[-1]) if path else ""
    if kind == "signature":
        return str(context["message"]), context.get("hint")
    if kind == "extra_forbidden":
        return f"unknown key {last!r}", suggest(last, keys_at(form, path[:-1]))
    if kind == "missing":
        return f"the key {last!r} is missing", None
    if kind in ("literal_error", "enum"):
        return f"{detail['input']!r} is not allowed here", _choices(str(detail["input"]), str(context["expected"]))
    if kind == "too_short":
        return f"{last!r} is empty", None
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, found {_describe(detail['input'])}", None
    return detail["msg"], None


def _choices(found: str, expected: str) -> str:
    words = [word.strip().strip("'") for word in expected.replace(" or ", ", ").split(",")]
    return suggest(found, words)


def _describe(value: object) -> str:
    if isinstance(value, str):
        return f"the text {value!r}" if value else "nothing"
    return "a list" if isinstance(value, list) else "a mapping"


def keys_at(form: type[BaseModel], path: Path) -> list[str]:
    """Keys that the format knows at a place of the file; empty where it knows none."""
    for part in path:
        found = _form_below(form, part)
        if found is None:
            return []
        form = found
    return [field.alias or name for name, field in form.model_fields.items()]


def _form_below(form: type[BaseModel], part: str | int) -> type[BaseModel] | None:
    """The form of one key's value; an index, or a key of the file's own choice, stays in the same form."""
    fields = {field.alias or name: field for name, field in form.model_fields.items()}
    if part not in fields:
        return form
    return next(_forms_in(fields[str(part)].annotation), None)


def _forms_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Annotated, Union, UnionType, tuple, dict):
        for inner in get_args(annotation):
            yield from _forms_in(inner)
