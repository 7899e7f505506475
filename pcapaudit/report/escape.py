r"""Makes every string of a report harmless before it is shown.

Names, banners and file names come from strangers. A control character could move the cursor,
a bidirectional mark could show a name backwards, a combining flood could hide a line. Shown
is what was there, spelled out: ``\x1b``, ``\u202e``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from functools import cache
from operator import is_
from typing import Any, TypeVar

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that are not shown: control, format, surrogate, private, unassigned, separators."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

_PLAIN = (int, float, StrEnum, type(None))
"""What is shown as it is."""

T = TypeVar("T")


def make_visible(text: str) -> str:
    """The text with every character spelled out that a screen would obey or hide."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spell(c) if unicodedata.category(c) in _HIDDEN else c for c in text)


def make_ascii(text: str) -> str:
    """As ``make_visible``, and everything beyond ASCII spelled out as well, our own marks by a twin."""
    shown = make_visible(text)
    return shown if shown.isascii() else shown.translate(_TWINS).encode("ascii", "backslashreplace").decode("ascii")


_TWINS = str.maketrans({"…": "...", "·": "-", "–": "-", "—": "-", "×": "x", "→": "->", "µ": "u", "≥": ">=", "≤": "<="})
_TWINS |= str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "\u00a0": " "})


def quote_cell(text: str) -> str:
    """The text so that no spreadsheet runs it: what begins like a formula gets an apostrophe in front."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def clean(value: T, spell: Callable[[str], str]) -> T:
    """A report, or a part of it, with every string passed through ``spell``; what that leaves alone is shared."""
    return _clean(value, spell)  # type: ignore[no-any-return]


def _clean(value: Any, spell: Callable[[str], str]) -> Any:
    """The value itself where nothing changes: of most reports, that have thousands of parts, nothing does."""
    if isinstance(value, str):
        return value if isinstance(value, StrEnum) else spell(value)
    if isinstance(value, (tuple, list)):
        made = _clean_each(value, spell)
        return value if isinstance(value, tuple) and _are_same(made, value) else tuple(made)
    if is_dataclass(value) and not isinstance(value, type):
        names = _names(type(value))
        held = [getattr(value, name) for name in names]
        made = _clean_each(held, spell)
        return value if _are_same(made, held) else replace(value, **dict(zip(names, made, strict=True)))
    if isinstance(value, Mapping):
        keys, items = _clean_each(map(str, value), spell), _clean_each(value.values(), spell)
        is_same = _are_same(keys, value) and _are_same(items, value.values())
        return value if is_same else dict(zip(keys, items, strict=True))
    return value


def _clean_each(values: Iterable[Any], spell: Callable[[str], str]) -> list[Any]:
    return [value if isinstance(value, _PLAIN) else _clean(value, spell) for value in values]


def _are_same(made: Iterable[object], values: Iterable[object]) -> bool:
    return all(map(is_, made, values))


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _spell(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
