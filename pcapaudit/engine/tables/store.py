"""Tables as a SQLite file: what other tools read, and where a server sorts, filters and pages."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from pcapaudit import __version__
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.progress import Progress, ignore
from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.engine.tables.declare import LISTS, Cell, Kind, Row, Stored, Table
from pcapaudit.engine.tables.read import Batch, check_single, rows_of_all
from pcapaudit.model.errors import UsageError
from pcapaudit.model.times import rfc3339

MAX_VALUES = 50
"""Values of a category that the file lists, the most frequent ones."""
_LARGEST = (1 << 63) - 1
_TYPES = {Kind.INTEGER: "INTEGER", Kind.FRAME: "INTEGER", Kind.TRUTH: "INTEGER", Kind.NUMBER: "REAL"}
"""Types of SQLite; every other kind is TEXT."""
_INDEXED = ("ts", "frame", "first_frame")
_SCHEMA = """
CREATE TABLE "columns" (
    "table" TEXT NOT NULL, "position" INTEGER NOT NULL, "name" TEXT NOT NULL, "kind" TEXT NOT NULL,
    "unit" TEXT NOT NULL, "meaning" TEXT NOT NULL, "zeek" TEXT, "filled" INTEGER NOT NULL,
    PRIMARY KEY ("table", "position")
) STRICT;
CREATE TABLE "categories" (
    "table" TEXT NOT NULL, "name" TEXT NOT NULL, "value" TEXT NOT NULL, "rows" INTEGER NOT NULL,
    PRIMARY KEY ("table", "name", "value")
) STRICT;
CREATE TABLE "tables" (
    "name" TEXT PRIMARY KEY, "title" TEXT NOT NULL, "row" TEXT NOT NULL, "rows" INTEGER NOT NULL
) STRICT;
CREATE TABLE "about" ("name" TEXT PRIMARY KEY, "value" TEXT NOT NULL) STRICT;
"""


def write_tables(
    sources: Sequence[str],
    options: AuditOptions,
    target: Path,
    *,
    tables: Sequence[Table] = tuple(TABLES.values()),
    progress: Progress = ignore,
) -> dict[str, int]:
    """Write the tables of one capture into a SQLite file, which is there whole or not at all.

    Times are text (RFC 3339 with nine decimals, so that text order is time order), truths 0 and 1, lists JSON. The
    table ``columns`` is the data dictionary and tells how many cells are filled, ``categories`` the frequent values,
    ``tables`` the rows of each, ``about`` who wrote it.

    Args:
        sources: One capture: a file, or the files of one ring.
        options: As for ``rows_of_all``.
        target: The file; one that is there is replaced.
        tables: Which tables.
        progress: Told the bytes that are read.

    Returns:
        Rows of each table.

    Raises:
        CaptureError: The capture cannot be read.
        UsageError: Several captures, or the file cannot be written.
    """
    check_single(sources, options)
    draft = target.with_name(f".{target.name}.part")
    try:
        draft.unlink(missing_ok=True)
        with closing(sqlite3.connect(draft, isolation_level=None)) as base:
            counts = _fill(base, tables, rows_of_all(sources, options, tables, progress))
        draft.replace(target)
    except (OSError, sqlite3.OperationalError) as error:
        raise UsageError(f"cannot write {target}: {getattr(error, 'strerror', None) or error}") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return counts


def _fill(base: sqlite3.Connection, tables: Sequence[Table], batches: Iterable[Batch]) -> dict[str, int]:
    _begin(base, tables)
    counts = dict.fromkeys((table.name for table in tables), 0)
    for table, rows in batches:
        counts[table.name] += len(rows)
        base.executemany(_insertion(table), stored_rows(table, rows))
    _end(base, tables, counts)
    return counts


def form_of(tables: Iterable[Table]) -> str:
    """A short text that changes with the columns of the tables: whoever keeps a file knows that it is out of date."""
    told = [(table.name, [(c.name, c.kind.value) for c in table.columns]) for table in tables]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]


def stored_rows(table: Table, rows: Sequence[Row]) -> Iterable[tuple[Stored, ...]]:
    """The rows as the file holds them; column by column, which takes half the time of cell by cell."""
    columns = zip(*rows, strict=True)
    stored = (map(_storing(column.kind), cells) for column, cells in zip(table.columns, columns, strict=True))
    return zip(*stored, strict=True)


def stamp(time_ns: int) -> str:
    """A time as the file holds it: ``2026-01-05T08:00:00.000000000Z``."""
    return f"{rfc3339(time_ns)[:-1]}{time_ns % 1000:03d}Z"


def _storing(kind: Kind) -> Callable[[Cell], Stored]:
    if kind is Kind.TIME:
        return _store_time
    if kind in LISTS:
        return _store_list
    return _store_text if kind in (Kind.TEXT, Kind.CATEGORY) else _store_number


def _store_time(cell: Cell) -> Stored:
    return stamp(cell) if isinstance(cell, int) else None


def _store_list(cell: Cell) -> Stored:
    return _dump(cell) if cell else None


_dump = partial(json.dumps, ensure_ascii=True, separators=(",", ":"))


def _store_text(cell: Cell) -> Stored:
    """Text without what UTF-8 cannot say."""
    if isinstance(cell, str) and not cell.isascii():
        return cell.encode("utf-8", "backslashreplace").decode("utf-8")
    return cell if isinstance(cell, str) else None


def _store_number(cell: Cell) -> Stored:
    """A number; a length that a stranger made up may be larger than any."""
    if isinstance(cell, int):
        return min(int(cell), _LARGEST)
    return cell if isinstance(cell, float) else None


def _begin(base: sqlite3.Connection, tables: Sequence[Table]) -> None:
    # A draft that is thrown away after a crash needs no journal.
    base.execute("PRAGMA journal_mode = OFF")
    base.execute("PRAGMA synchronous = OFF")
    base.execute("BEGIN")
    for statement in filter(str.strip, _SCHEMA.split(";")):
        base.execute(statement)
    for table in tables:
        columns = ", ".join(f'"{c.name}" {_TYPES.get(c.kind, "TEXT")}' for c in table.columns)
        base.execute(f'CREATE TABLE "{table.name}" ({columns}) STRICT')


def _end(base: sqlite3.Connection, tables: Sequence[Table], counts: dict[str, int]) -> None:
    for table in tables:
        base.execute("INSERT INTO tables VALUES (?, ?, ?, ?)", (table.name, table.title, table.row, counts[table.name]))
        for name in filter(table.by_name.__contains__, _INDEXED):
            base.execute(f'CREATE INDEX "{table.name}_{name}" ON "{table.name}" ("{name}")')
        _tell_columns(base, table)
        _tell_categories(base, table)
    about = {"generator": f"pcapaudit {__version__}", "form": form_of(tables)}
    base.executemany("INSERT INTO about VALUES (?, ?)", about.items())
    base.execute("COMMIT")


def _tell_columns(base: sqlite3.Connection, table: Table) -> None:
    counted = ", ".join(f'count("{c.name}")' for c in table.columns)
    filled = base.execute(f'SELECT {counted} FROM "{table.name}"').fetchone()  # noqa: S608 - names of ours
    told = (
        (table.name, at, c.name, c.kind, c.unit, c.meaning, c.zeek, many)
        for at, (c, many) in enumerate(zip(table.columns, filled, strict=True))
    )
    base.executemany('INSERT INTO "columns" VALUES (?, ?, ?, ?, ?, ?, ?, ?)', told)


def _tell_categories(base: sqlite3.Connection, table: Table) -> None:
    for column in table.columns:
        if column.kind is Kind.CATEGORY:
            base.execute(
                f'INSERT INTO categories SELECT ?1, ?2, "{column.name}", count(*) FROM "{table.name}"'  # noqa: S608
                f' WHERE "{column.name}" IS NOT NULL GROUP BY 3 ORDER BY 4 DESC LIMIT {MAX_VALUES}',
                (table.name, column.name),
            )


def _insertion(table: Table) -> str:
    marks = ", ".join("?" * len(table.columns))
    return f'INSERT INTO "{table.name}" VALUES ({marks})'  # noqa: S608 - a name of ours
