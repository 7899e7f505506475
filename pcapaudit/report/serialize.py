r"""Data classes, mappings, tuples and scalars as JSON text, in one pass.

The standard library writes indented JSON one token at a time, which for some hundred devices takes longer than to read
their capture. Here a data class is one template that is filled, made once for each class and depth. The text is that of
``json.dumps`` with ``indent=2`` and ``ensure_ascii``, to the byte.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from enum import StrEnum
from functools import cache
from json.encoder import encode_basestring_ascii as quote
from operator import attrgetter
from typing import Any, TypeAlias

Write: TypeAlias = Callable[[Any], str]


def serialize(value: object) -> str:
    r"""The text, indented by two blanks, ASCII only. Mappings are sorted by key; ``from_`` gives the key ``from``.

    Characters beyond ASCII are written as ``\uXXXX``, so that a name from the wire can neither steer a terminal nor
    break an encoding.

    Raises:
        TypeError: Something in it is none of the kinds named above.
        ValueError: A number is infinite or none.
    """
    return _writers(0)[type(value)](value)


def serialize_pieces(record: Any) -> Iterator[str]:
    """The same text of a data class in pieces, so that a large one never lies in memory whole.

    Args:
        record: With at least one field. Its tuples come item by item, all else field by field.

    Raises:
        TypeError, ValueError: As ``serialize``, once the pieces before are told.
    """
    inside = _writers(1)
    before = "{"
    for field in fields(record):
        value = getattr(record, field.name)
        key = f"{before}\n  {quote(field.name.rstrip('_'))}: "
        if isinstance(value, tuple) and value:
            yield from _pieces_of(value, key)
        else:
            yield key + inside[type(value)](value)
        before = ","
    yield "\n}"


def _pieces_of(items: Sequence[object], key: str) -> Iterator[str]:
    """The items of a list of a whole document's record, the first with the key of that list before it."""
    inside = _writers(2)
    before = f"{key}["
    for item in items:
        yield f"{before}\n    {inside[type(item)](item)}"
        before = ","
    yield "\n  ]"


def _write_float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value!r} is not JSON compliant")
    return float.__repr__(value)


_LEAVES: dict[type, Write] = {
    str: quote,
    int: int.__repr__,
    float: _write_float,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): lambda _none: "null",
}


@cache
def _writers(depth: int) -> _Writers:
    return _Writers(depth)


class _Writers(dict[type, Write]):
    """What writes values that stand at one depth, by their class; made when a class is first met."""

    def __init__(self, depth: int) -> None:
        super().__init__(_LEAVES)
        margin = "\n" + "  " * depth
        self._depth = depth
        self._first, self._next, self._last = f"{margin}  ", f",{margin}  ", margin

    def __missing__(self, kind: type) -> Write:
        self[kind] = made = self._make(kind)
        return made

    def _make(self, kind: type) -> Write:
        """Raises TypeError for a class that JSON has not."""
        if issubclass(kind, StrEnum):
            return {member: quote(member.value) for member in kind}.__getitem__
        if hasattr(kind, "__dataclass_fields__"):
            return self._for_object(kind)
        if issubclass(kind, Mapping):
            return self._for_mapping()
        if issubclass(kind, tuple | list):
            return self._for_items()
        raise TypeError(f"a {kind.__name__} has no form in JSON")

    def _for_object(self, kind: Any) -> Write:
        """Fills a template: keys, blanks and line ends are the same for all instances of a data class."""
        names = [field.name for field in fields(kind)]
        template = self._enclose("{}", [f"{quote(name.rstrip('_'))}: %s" for name in names])
        read = attrgetter(*names) if len(names) > 1 else lambda value: [getattr(value, name) for name in names]
        inside = _writers(self._depth + 1)
        return lambda value: template % tuple([inside[type(item)](item) for item in read(value)])

    def _for_mapping(self) -> Write:
        inside = _writers(self._depth + 1)

        def write(mapping: Mapping[Any, object]) -> str:
            items = ((key, mapping[key]) for key in sorted(mapping))
            return self._enclose("{}", [f"{quote(str(key))}: {inside[type(item)](item)}" for key, item in items])

        return write

    def _for_items(self) -> Write:
        inside = _writers(self._depth + 1)
        return lambda items: self._enclose("[]", [inside[type(item)](item) for item in items])

    def _enclose(self, brackets: str, lines: Sequence[str]) -> str:
        """Lines between two brackets, one level deeper than these."""
        if not lines:
            return brackets
        return f"{brackets[0]}{self._first}{self._next.join(lines)}{self._last}{brackets[1]}"
