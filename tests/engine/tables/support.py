"""What the tests of the tables share."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from pcapaudit.engine.tables.catalogue import TABLES, read_rows
from pcapaudit.engine.tables.declare import Cell
from pcapaudit.flows.traffic import Traffic
from tests.support.scene import read_capture, traffic_of

START_NS = 1_767_600_000_000_000_000
"""Scripts begin at 2026-01-05T08:00:00Z."""

Record = dict[str, Cell]


def records_of(source: str | Path | Traffic, name: str) -> list[Record]:
    """One table of a script, of a file, or of a capture that was read already; each row by its columns."""
    if isinstance(source, Path):
        source = read_capture(source)
    traffic = traffic_of(dedent(source)) if isinstance(source, str) else source
    names = [column.name for column in TABLES[name].columns]
    batches = (rows for _, rows in read_rows(traffic, [TABLES[name]]))
    return [dict(zip(names, row, strict=True)) for rows in batches for row in rows]


def pick(record: Record, *names: str) -> tuple[Cell, ...]:
    """Some cells of a row."""
    return tuple(record[name] for name in names)
