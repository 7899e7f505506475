"""What a request asks of a table: conditions, search words, order, page; and the SQL of it.

Names of columns come from the declaration alone, values are parameters. A condition is a column's name and a text:

    orig_h=10.0.0       contains          rtt_s=>0.5          a number: =, !=, <, <=, >, >=, several by blanks
    query==a.example    is exactly        ts=>=2026-01-05T08:00,<2026-01-05T09:00
    query=!example      does not contain  is_answered=no      a truth
    answers==           is unknown        answers=!=          is known
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import field

from pcapaudit.engine.tables.declare import LISTS, NUMBERS, Column, Kind, Stored, Table
from pcapaudit.model.addresses import ip_text, mac_text, parse_ip, parse_mac
from pcapaudit.model.records import dataclass
from pcapaudit.web.captures.lookup import ApiError

RESERVED = ("q", "sort", "page", "device", "format")
"""Parameters that are no columns."""
MAX_TEXT, MAX_WORDS, MAX_CONDITIONS = 200, 8, 40
MAX_DIGITS = 18
MAX_PAGE = 1_000_000

_NUMBER = re.compile(r"(<=|>=|!=|<|>|=)?\s*(-?\d{1,18}(?:\.\d{0,18})?(?:[eE]-?\d{1,2})?)(?:[\s,]+|$)")
_TIME = re.compile(
    r"(<=|>=|!=|<|>|=)?\s*(\d{4}(?:-\d\d(?:-\d\d(?:[T ]\d\d(?::\d\d(?::\d\d(?:\.\d{1,9})?)?)?)?)?)?)Z?(?:[\s,]+|$)"
)
_TRUTHS = {"yes": 1, "true": 1, "1": 1, "no": 0, "false": 0, "0": 0}
_HIGH = "~"
"""Stands behind every character of a time, so that 08:00~ is the end of that minute."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A piece of SQL that is true or false for a row, and its parameters."""

    sql: str
    values: tuple[Stored, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a table; ``order`` is None for the order of the capture."""

    table: Table
    conditions: tuple[Condition, ...] = ()
    order: Column | None = None
    is_descending: bool = False
    page: int = 1
    said: dict[str, str] = field(default_factory=dict)
    """Column -> its condition as it was given."""

    @property
    def where(self) -> tuple[str, list[Stored]]:
        """The WHERE clause, empty without conditions, and its parameters."""
        if not self.conditions:
            return "", []
        values = [value for condition in self.conditions for value in condition.values]
        return " WHERE " + " AND ".join(f"({c.sql})" for c in self.conditions), values

    @property
    def ordering(self) -> str:
        """The ORDER BY clause: unknown cells last, rows that are equal in the order of the capture."""
        if self.order is None:
            return ' ORDER BY "ts", rowid'
        name, way = self.order.name, "DESC" if self.is_descending else "ASC"
        return f' ORDER BY "{name}" IS NULL, "{name}" {way}, rowid'


def read_question(table: Table, parameters: Iterable[tuple[str, str]]) -> Question:
    """What a query string asks.

    Args:
        table: Of which table.
        parameters: Names and values of the query string; empty values ask nothing.

    Raises:
        ApiError: 400, a parameter that is none, or a value that cannot be understood.
    """
    given = [(name, value.strip()) for name, value in parameters if value.strip()]
    own = {name: value for name, value in given if name in RESERVED}
    asked = [(name, value) for name, value in given if name not in RESERVED]
    if len(asked) > MAX_CONDITIONS:
        raise ApiError(400, f"at most {MAX_CONDITIONS} conditions can be asked for")
    conditions = [c for name, value in asked for c in _read_condition(_column(table, name), value)]
    conditions += _search(table, own.get("q", ""))
    conditions += _of_device(table, own.get("device", ""))
    sort = own.get("sort", "")
    return Question(
        table=table,
        conditions=tuple(conditions),
        order=_column(table, sort.removeprefix("-")) if sort else None,
        is_descending=sort.startswith("-"),
        page=_read_page(own.get("page", "1")),
        said=dict(asked),
    )


def _column(table: Table, name: str) -> Column:
    column = table.by_name.get(name)
    if column is None:
        raise ApiError(
            400, f"the table {table.name} has no column {name[:MAX_TEXT]!r}; it has: {', '.join(table.by_name)}"
        )
    return column


def _read_page(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:9]) <= MAX_PAGE:
        raise ApiError(400, f"page: expected a number from 1 to {MAX_PAGE}")
    return int(text[:9])


def _read_condition(column: Column, text: str) -> list[Condition]:
    if len(text) > MAX_TEXT:
        raise ApiError(400, f"{column.name}: a condition has at most {MAX_TEXT} characters")
    name = f'"{column.name}"'
    if text in ("=", "!="):
        return [Condition(f"{name} IS NULL" if text == "=" else f"{name} IS NOT NULL")]
    if column.kind in NUMBERS:
        return [Condition(f"{name} {op or '='} ?", (_number(value),)) for op, value in _tokens(column, text, _NUMBER)]
    if column.kind is Kind.TIME:
        return [_compare_time(name, op, value) for op, value in _tokens(column, text, _TIME)]
    if column.kind is Kind.TRUTH:
        return [_compare_truth(column, text)]
    return [_compare_list(name, text) if column.kind in LISTS else _compare_text(name, text)]


def _tokens(column: Column, text: str, form: re.Pattern[str]) -> list[tuple[str, str]]:
    """Operators and values one behind the other, nothing left over."""
    found, at = [], 0
    while at < len(text):
        match = form.match(text, at)
        if match is None:
            kind = "times such as >=2026-01-05T08:00" if column.kind is Kind.TIME else "numbers such as >=5"
            raise ApiError(400, f"{column.name}: expected {kind}, not {text!r}")
        found.append((match[1] or "", match[2]))
        at = match.end()
    return found


def _number(text: str) -> float | int:
    return int(text) if text.lstrip("-").isdecimal() else float(text)


def _compare_time(name: str, operator: str, value: str) -> Condition:
    """A time stands for all of its minute or day: equal is what begins with it."""
    text = value.replace(" ", "T")
    if operator in ("", "="):
        return Condition(f"{name} BETWEEN ? AND ?", (text, text + _HIGH))
    if operator == "!=":
        return Condition(f"{name} NOT BETWEEN ? AND ?", (text, text + _HIGH))
    return Condition(f"{name} {operator} ?", (text + _HIGH if operator in ("<=", ">") else text,))


def _compare_truth(column: Column, text: str) -> Condition:
    value = _TRUTHS.get(text.removeprefix("=").lower())
    if value is None:
        raise ApiError(400, f"{column.name}: expected yes or no, not {text!r}")
    return Condition(f'"{column.name}" = ?', (value,))


def _compare_text(name: str, text: str) -> Condition:
    if text.startswith("!="):
        return Condition(f"{name} IS NOT ?", (text[2:].strip(),))
    if text.startswith("="):
        return Condition(f"{name} = ?", (text[1:].strip(),))
    if text.startswith("!"):
        return Condition(rf"coalesce({name}, '') NOT LIKE ? ESCAPE '\'", (_pattern(text[1:].strip()),))
    return Condition(rf"{name} LIKE ? ESCAPE '\'", (_pattern(text),))


def _compare_list(name: str, text: str) -> Condition:
    """As for a text, but equal is what has such an item."""
    has = f"EXISTS (SELECT 1 FROM json_each({name}) WHERE CAST(value AS TEXT) = ?)"  # noqa: S608 - a name of ours
    if text.startswith("!="):
        return Condition(f"NOT {has}", (text[2:].strip(),))
    return Condition(has, (text[1:].strip(),)) if text.startswith("=") else _compare_text(name, text)


def _pattern(text: str) -> str:
    """A pattern of LIKE that finds the text anywhere."""
    plain = re.sub(r"([\\%_])", r"\\\1", text)
    return f"%{plain}%"


def _search(table: Table, text: str) -> list[Condition]:
    """Each word stands somewhere in the texts of the row, or is one of its whole numbers."""
    names = [c.name for c in table.columns if c.kind in (Kind.TEXT, Kind.CATEGORY, Kind.TEXTS)]
    numbers = [c.name for c in table.columns if c.kind in (Kind.INTEGER, Kind.FRAME)]
    whole = " || char(31) || ".join(f"coalesce(\"{name}\", '')" for name in names)
    found = []
    for word in text[:MAX_TEXT].split()[:MAX_WORDS]:
        parts = [Condition(rf"{whole} LIKE ? ESCAPE '\'", (_pattern(word),))]
        if word.isascii() and word.isdecimal() and len(word) <= MAX_DIGITS:
            parts += (Condition(f'"{name}" = ?', (int(word),)) for name in numbers)
        values = tuple(value for part in parts for value in part.values)
        found.append(Condition(" OR ".join(part.sql for part in parts), values))
    return found


def _of_device(table: Table, text: str) -> list[Condition]:
    """Rows that name the device as one of their ends, by its MAC or IP address."""
    if not text:
        return []
    for what, read in (("mac", lambda t: mac_text(parse_mac(t))), ("h", lambda t: ip_text(parse_ip(t)))):
        value = _try(read, text)
        if value is not None:
            names = table.naming(what)
            return [Condition(" OR ".join(f'"{name}" = ?' for name in names) or "0", (value,) * len(names))]
    raise ApiError(400, f"device: expected a MAC or IP address, not {text[:MAX_TEXT]!r}")


def _try(read: Callable[[str], str], text: str) -> str | None:
    try:
        return read(text)
    except ValueError:
        return None
