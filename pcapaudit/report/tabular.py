"""Rows of a table as text: CSV for a spreadsheet, JSON lines for a program."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum

from pcapaudit.engine.tables.declare import LISTS, Column, Kind, Stored
from pcapaudit.report.escape import make_visible, quote_cell

_MICROSECONDS = 26
"""Characters of a stored time up to its sixth decimal."""


class Names(StrEnum):
    """Which names the columns bear."""

    OWN = "own"
    ZEEK = "zeek"
    """Zeek's where the meaning is equal; times are then its seconds since 1970, too."""


def csv_lines(columns: Sequence[Column], rows: Iterable[Sequence[Stored]], names: Names = Names.OWN) -> Iterator[str]:
    """The header, then a line for each row (RFC 4180, lines ended by a line feed).

    An empty cell is unknown; lists are separated by blanks. Text is written so that neither a terminal nor a
    spreadsheet obeys it.
    """
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    write([_name(column, names) for column in columns])
    shown = [_text_of(column.kind, names) for column in columns]
    for row in rows:
        write(["" if cell is None else show(cell) for show, cell in zip(shown, row, strict=True)])
        yield _emptied(out)
    yield _emptied(out)


def json_lines(columns: Sequence[Column], rows: Iterable[Sequence[Stored]], names: Names = Names.OWN) -> Iterator[str]:
    """One JSON object a line, ASCII only; null is unknown."""
    for record in json_records(columns, rows, names):
        yield json.dumps(record, ensure_ascii=True, allow_nan=False, separators=(",", ":")) + "\n"


def json_records(
    columns: Sequence[Column], rows: Iterable[Sequence[Stored]], names: Names = Names.OWN
) -> Iterator[dict[str, object]]:
    """The rows as what JSON knows: lists are lists, truths are true and false."""
    keys = [_name(column, names) for column in columns]
    values = [_value_of(column.kind, names) for column in columns]
    for row in rows:
        cells = (None if cell is None else value(cell) for value, cell in zip(values, row, strict=True))
        yield dict(zip(keys, cells, strict=True))


def list_of(cell: Stored) -> list[object]:
    """The values of a list's cell."""
    return list(json.loads(cell)) if isinstance(cell, str) else []


def _emptied(out: io.StringIO) -> str:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text


def _name(column: Column, names: Names) -> str:
    return column.zeek or column.name if names is Names.ZEEK else column.name


def _text_of(kind: Kind, names: Names) -> Callable[[Stored], str]:
    if kind is Kind.TIME and names is Names.OWN:
        return str
    if kind is Kind.TRUTH:
        return lambda cell: "true" if cell else "false"
    if kind in LISTS:
        return lambda cell: quote_cell(make_visible(" ".join(map(str, list_of(cell)))))
    return _safe_text if kind in (Kind.TEXT, Kind.CATEGORY) else lambda cell: str(_value_of(kind, names)(cell))


def _safe_text(cell: Stored) -> str:
    return quote_cell(make_visible(str(cell)))


def _value_of(kind: Kind, names: Names) -> Callable[[Stored], object]:
    if kind is Kind.TIME and names is Names.ZEEK:
        return _epoch_s
    if kind is Kind.TRUTH:
        return bool
    return list_of if kind in LISTS else lambda cell: cell


def _epoch_s(cell: Stored) -> float:
    """Seconds since 1970 of a stored time, to the microsecond: a double holds no more."""
    return datetime.fromisoformat(f"{str(cell)[:_MICROSECONDS]}+00:00").timestamp()
