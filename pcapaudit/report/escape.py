r"""Makes every string of a report harmless before it is shown.

Names, banners and file names come from strangers. A control character could move the cursor,
a bidirectional mark could show a name backwards, a combining flood could hide a line. Shown
is what was there, spelled out: ``\x1b``, ``\u202e``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that are not shown: control, format, surrogate, private, unassigned, separators."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

T = TypeVar("T")


def make_visible(text: str) -> str:
    """The text with every character spelled out that a screen would obey or hide."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spell(c) if unicodedata.category(c) in _HIDDEN else c for c in text)


def make_ascii(text: str) -> str:
    """As ``make_visible``, and everything beyond ASCII spelled out as well, our own marks by a twin."""
    return make_visible(text).translate(_TWINS).encode("ascii", "backslashreplace").decode("ascii")


_TWINS = str.maketrans({"…": "...", "·": "-", "–": "-", "—": "-", "×": "x", "→": "->", "µ": "u", "≥": ">=", "≤": "<="})
_TWINS |= str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "\u00a0": " "})


def quote_cell(text: str) -> str:
    """The text so that no spreadsheet runs it: what begins like a formula gets an apostrophe in front."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def clean(value: T, spell: Callable[[str], str]) -> T:
    """A copy of a report, or of a part of it, with every string passed through ``spell``."""
    return _clean(value, spell)  # type: ignore[no-any-return]


def _clean(value: Any, spell: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return value if isinstance(value, StrEnum) else spell(value)
    if isinstance(value, (tuple, list)):
        return tuple(_clean(item, spell) for item in value)
    if isinstance(value, Mapping):
        return {spell(str(key)): _clean(item, spell) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _clean(getattr(value, f.name), spell) for f in fields(value)})
    return value


def _spell(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
