"""A folder of Parquet files with the tables of many captures, written and asked through DuckDB.

Below the folder stands ``<table>/capture=<hash>/<number>.parquet``, and for each capture ``captures/<hash>.json`` with
its files and what went wrong. The hash is that of the capture's content and the options of its audit.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from pcapaudit.engine.many import REPORT_FILE, TABLES_FILE, Done
from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.engine.tables.declare import LISTS, Cell, Column, Kind, Row, Table
from pcapaudit.engine.tables.judged import REPORT_TABLES, read_report
from pcapaudit.model.errors import UsageError
from pcapaudit.model.records import dataclass
from pcapaudit.notebook.frames import frame_of, retype
from pcapaudit.report.document import from_json

ALL_TABLES: Mapping[str, Table] = {**TABLES, **REPORT_TABLES}
CHUNK = 200_000
"""Rows that are in memory at a time while a table is written."""
MEMORY = "2GB"
"""What a query may hold in memory; the rest goes to disk beside the data."""
_TYPES: Mapping[Kind, str] = {
    Kind.TIME: "TIMESTAMP_NS",
    Kind.TEXT: "VARCHAR",
    Kind.CATEGORY: "VARCHAR",
    Kind.INTEGER: "BIGINT",
    Kind.NUMBER: "DOUBLE",
    Kind.TRUTH: "BOOLEAN",
    Kind.FRAME: "BIGINT",
    Kind.FRAMES: "BIGINT[]",
    Kind.TEXTS: "VARCHAR[]",
    Kind.INTEGERS: "BIGINT[]",
}
"""Kind of a column -> DuckDB type. Times are UTC."""


@dataclass(frozen=True, slots=True)
class Member:
    """One capture of a data set: its hash, its files, why it could not be read (None when it was)."""

    hash: str
    files: tuple[str, ...]
    error: str | None


class Dataset:
    """The folder.

    Args:
        folder: Made when it is not there.

    Raises:
        UsageError: DuckDB is not installed, or the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._duckdb = _import_duckdb()
        self.folder = folder
        try:
            (folder / "captures").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{folder} cannot be used: {error.strerror or error}") from error

    # --- writing ---------------------------------------------------------------------------------------

    def add(self, name: str, done: Done) -> None:
        """Take the results of one capture; its earlier ones are replaced.

        Args:
            name: Its hash.
            done: What came of it.
        """
        self._member_path(name).unlink(missing_ok=True)
        for each in ALL_TABLES:
            shutil.rmtree(self._part(each, name), ignore_errors=True)
        if done.error is None:
            for table, frame in _read_results(done.folder):
                self._write(table, name, frame)
        # Written last: a capture is in the data set when this file is there.
        member = Member(name, done.files, done.error)
        draft = self._member_path(name).with_suffix(".part")
        draft.write_text(json.dumps(asdict(member)), encoding="utf-8")
        draft.replace(self._member_path(name))

    def _write(self, table: Table, name: str, frame: pd.DataFrame) -> None:
        folder = self._part(table.name, name)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{len(list(folder.iterdir())):06d}.parquet"
        plain = frame.assign(**{c.name: frame[c.name].dt.tz_localize(None) for c in _of_kind(table, Kind.TIME)})
        columns = ", ".join(f'CAST("{c.name}" AS {_TYPES[c.kind]}) AS "{c.name}"' for c in table.columns)
        self._writer.register("rows", plain)
        self._writer.execute(f"COPY (SELECT {columns} FROM rows) TO {_quote(target)} (FORMAT parquet)")  # noqa: S608
        self._writer.unregister("rows")

    @cached_property
    def _writer(self) -> Any:
        return self._duckdb.connect()

    # --- reading ----------------------------------------------------------------------------------------

    def members(self) -> list[Member]:
        """Every capture of the set, by its first file."""
        found = (json.loads(path.read_text(encoding="utf-8")) for path in self._captures.glob("*.json"))
        members = [Member(at["hash"], tuple(at["files"]), at["error"]) for at in found]
        return sorted(members, key=lambda member: (member.files, member.hash))

    def holds(self, name: str) -> bool:
        """Whether a capture's results are there. One that failed is tried again."""
        path = self._member_path(name)
        return path.exists() and json.loads(path.read_text(encoding="utf-8"))["error"] is None

    def read(self, table: Table, columns: Sequence[Column]) -> pd.DataFrame:
        """A whole table, capture after capture, each in its own order.

        Args:
            table: Which.
            columns: Its columns with ``capture`` in front.
        """
        names = ", ".join(f'"{column.name}"' for column in columns)
        order = "ORDER BY capture, filename, file_row_number"
        found = self._base.execute(f"SELECT {names} FROM {self._source(table)} {order}")  # noqa: S608 - names of ours
        return retype(columns, found.df())

    def ask(self, query: str) -> pd.DataFrame:
        """What a query in SQL finds; the tables have their names, ``capture`` is their first column.

        Raises:
            UsageError: DuckDB does not take the query; says why.
        """
        try:
            answer: pd.DataFrame = self._base.execute(query).df()
        except self._duckdb.Error as error:
            raise UsageError(f"the query cannot be answered: {error}") from error
        return answer

    @cached_property
    def _base(self) -> Any:
        """A data base with a view for each table; what does not fit into memory goes beside the data."""
        base = self._duckdb.connect()
        base.execute(f"SET temp_directory = {_quote(self.folder / 'spill')}")
        base.execute(f"SET memory_limit = '{MEMORY}'")
        base.execute("CREATE TABLE captures (hash VARCHAR, capture VARCHAR, files VARCHAR[], error VARCHAR)")
        for member in self.members():
            values = [member.hash, ", ".join(member.files), list(member.files), member.error]
            base.execute("INSERT INTO captures VALUES (?, ?, ?, ?)", values)
        for table in ALL_TABLES.values():
            hidden = "EXCLUDE (filename, file_row_number)"
            base.execute(f'CREATE VIEW "{table.name}" AS SELECT * {hidden} FROM {self._source(table)}')  # noqa: S608
        return base

    def _source(self, table: Table) -> str:
        """A table as SQL takes it, with its place in the files; without a file it is empty, with all its columns."""
        if any((self.folder / table.name).glob("capture=*/*.parquet")):
            pattern = _quote(self.folder / table.name / "capture=*" / "*.parquet")
            how = "hive_partitioning = true, hive_types = {capture: VARCHAR}, filename = true, file_row_number = true"
            inner = f"SELECT * FROM read_parquet({pattern}, {how})"  # noqa: S608 - a path of ours
        else:
            columns = ", ".join(f'CAST(NULL AS {_TYPES[c.kind]}) AS "{c.name}"' for c in table.columns)
            inner = f"SELECT {columns}, NULL AS capture, NULL AS filename, NULL AS file_row_number WHERE false"
        return (
            f"(SELECT known.capture AS capture, found.* EXCLUDE (capture) "  # noqa: S608 - ours
            f"FROM ({inner}) AS found JOIN captures AS known ON known.hash = CAST(found.capture AS VARCHAR))"
        )

    @property
    def _captures(self) -> Path:
        return self.folder / "captures"

    def _member_path(self, name: str) -> Path:
        return self._captures / f"{name}.json"

    def _part(self, table: str, name: str) -> Path:
        return self.folder / table / f"capture={name}"


def _read_results(folder: Path) -> Iterator[tuple[Table, pd.DataFrame]]:
    """The tables that an audit left, in parts of ``CHUNK`` rows; those without a row are left out."""
    report = from_json((folder / REPORT_FILE).read_text(encoding="utf-8"))
    for table in REPORT_TABLES.values():
        rows = [row for _, part in read_report(report, table) for row in part]
        if rows:
            yield table, frame_of(table, rows)
    with closing(sqlite3.connect(f"file:{folder / TABLES_FILE}?mode=ro", uri=True)) as base:
        for table in TABLES.values():
            found = base.execute(f'SELECT * FROM "{table.name}"')  # noqa: S608 - a name of ours
            while stored := found.fetchmany(CHUNK):
                yield table, frame_of(table, (_unstored(table, row) for row in stored))


def _unstored(table: Table, row: Sequence[Any]) -> Row:
    """A row of the SQLite file as it was before it was stored."""
    return tuple(_cell(column.kind, value) for column, value in zip(table.columns, row, strict=True))


def _cell(kind: Kind, value: Any) -> Cell:
    if kind in LISTS:
        return tuple(json.loads(value)) if value else ()
    if value is None:
        return None
    if kind is Kind.TIME:
        return pd.Timestamp(value).value
    return bool(value) if kind is Kind.TRUTH else value


def _of_kind(table: Table, kind: Kind) -> list[Column]:
    return [column for column in table.columns if column.kind is kind]


def _quote(path: Path) -> str:
    """A path as SQL has text."""
    return "'" + str(path).replace("'", "''") + "'"


def _import_duckdb() -> Any:
    try:
        import duckdb  # noqa: PLC0415 - an extra; asked for only by those who read many captures
    except ImportError:
        raise UsageError("many captures need DuckDB: pip install 'pcapaudit[notebook]'") from None
    return duckdb
