"""Reads the tables of a capture: a page of rows, all rows one by one, what the columns hold. Bounded in time."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from pcapaudit.engine.tables.declare import Column, Kind, Stored, Table
from pcapaudit.model.records import dataclass
from pcapaudit.web.captures.lookup import ApiError
from pcapaudit.web.tables.question import Question

PAGE = 100
"""Rows of one page."""
PATIENCE_S = 10.0
"""A question that takes longer is given up."""
_STEPS = 50_000
"""Steps of SQLite's machine between two looks at the clock: about a millisecond."""
_AT_ONCE = 500

Cells = Sequence[Stored]


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what a question finds.

    Attributes:
        rows: At most ``PAGE``, cells in the order of the table's columns.
        matching: Rows that the conditions leave.
        total: Rows of the table.
    """

    rows: list[Cells]
    matching: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.matching // PAGE))


@dataclass(frozen=True, slots=True)
class Contents:
    """What the columns of a table hold: those without any value, and the frequent values of its categories."""

    empty: frozenset[str]
    values: Mapping[str, Sequence[tuple[str, int]]]


def count_rows(path: Path) -> dict[str, int]:
    """Table -> how many rows it has."""
    with _opened(path) as base:
        return dict(base.execute("SELECT name, rows FROM tables").fetchall())


def find(path: Path, question: Question) -> Found:
    """One page. Raises ApiError (503) when it takes too long."""
    where, values = question.where
    name = f'"{question.table.name}"'
    with _opened(path) as base:
        total = _one(base, f"SELECT count(*) FROM {name}")  # noqa: S608 - a name of ours
        matching = _one(base, f"SELECT count(*) FROM {name}{where}", values) if where else total  # noqa: S608
        place = (question.page - 1) * PAGE
        rows = base.execute(f"{_select(question)} LIMIT {PAGE} OFFSET {place}", values).fetchall()
        return Found(rows, matching, total)


def stream(path: Path, question: Question) -> Iterator[Cells]:
    """All rows that a question finds; the first ones are found before this returns, so that a fault comes then.

    Raises:
        ApiError: 503, it takes too long.
    """
    rows = _stream(path, question)
    first = next(rows, None)

    def go_on() -> Iterator[Cells]:
        if first is not None:
            yield first
            yield from rows

    return go_on()


def _stream(path: Path, question: Question) -> Iterator[Cells]:
    with _opened(path) as base:
        cursor = base.execute(_select(question), question.where[1])
        while batch := cursor.fetchmany(_AT_ONCE):
            yield from batch
            # The time that a slow reader takes is his own.
            _limit(base)


def contents(path: Path, table: Table) -> Contents:
    """What the columns hold."""
    with _opened(path) as base:
        told = base.execute('SELECT name FROM "columns" WHERE "table" = ? AND filled = 0', (table.name,))
        empty = frozenset(name for (name,) in told)
        values: dict[str, list[tuple[str, int]]] = {}
        chosen = 'SELECT name, value, rows FROM categories WHERE "table" = ? ORDER BY name, rows DESC'
        for name, value, rows in base.execute(chosen, (table.name,)):
            values.setdefault(name, []).append((value, rows))
        return Contents(empty, values)


def shown_columns(table: Table, empty: frozenset[str]) -> list[Column]:
    """The columns that have a value somewhere; all where the table has no rows."""
    filled = [column for column in table.columns if column.name not in empty]
    return filled or list(table.columns)


def is_number(column: Column) -> bool:
    """Whether the cells stand to the right."""
    return column.kind in (Kind.INTEGER, Kind.NUMBER, Kind.FRAME)


def _select(question: Question) -> str:
    names = ", ".join(f'"{column.name}"' for column in question.table.columns)
    return f'SELECT {names} FROM "{question.table.name}"{question.where[0]}{question.ordering}'  # noqa: S608 - as above


def _one(base: sqlite3.Connection, sql: str, values: Sequence[Stored] = ()) -> int:
    return int(base.execute(sql, values).fetchone()[0])


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The file for reading alone; it is never changed, only replaced."""
    address = f"file:{quote(str(path))}?mode=ro&immutable=1"
    base = sqlite3.connect(address, uri=True, check_same_thread=False, isolation_level=None)
    try:
        base.execute("PRAGMA trusted_schema = OFF")
        _limit(base)
        yield base
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        reason = f"this takes longer than {PATIENCE_S:g} s: ask for less, or take the SQLite file"
        raise ApiError(503, reason) from error
    finally:
        base.close()


def _limit(base: sqlite3.Connection) -> None:
    end = time.monotonic() + PATIENCE_S
    base.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
