from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.engine.tables.declare import Column, Kind, Table
from pcapaudit.engine.tables.store import form_of, stamp, stored_rows, write_tables
from pcapaudit.model.errors import UsageError

ODD = Table(
    "odd", "Odd", "One row.",
    (
        Column("ts", Kind.TIME, ""), Column("text", Kind.TEXT, ""), Column("number", Kind.INTEGER, ""),
        Column("part", Kind.NUMBER, ""), Column("truth", Kind.TRUTH, ""), Column("frames", Kind.FRAMES, ""),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def base(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    target = tmp_path_factory.mktemp("tables") / "x.sqlite"
    write_tables([str(checkout / "samples" / "sensorist-blinking-red.pcapng")], AuditOptions(), target)
    with closing(sqlite3.connect(target)) as opened:
        yield opened


def test_every_table_is_there_and_counted(base: sqlite3.Connection) -> None:
    told = dict(base.execute("SELECT name, rows FROM tables"))
    assert list(told) == list(TABLES)
    assert told == {name: base.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in TABLES}
    assert told["dns"] > 0


def test_the_dictionary_is_in_the_file(base: sqlite3.Connection) -> None:
    chosen = 'SELECT name, kind, unit, meaning, zeek FROM "columns" WHERE "table" = ? ORDER BY position'
    for name, table in TABLES.items():
        assert base.execute(chosen, (name,)).fetchall() == [
            (c.name, c.kind.value, c.unit, c.meaning, c.zeek) for c in table.columns
        ]


def test_filled_cells_and_frequent_values_are_counted(base: sqlite3.Connection) -> None:
    filled = dict(base.execute('SELECT name, filled FROM "columns" WHERE "table" = \'flows\''))
    values = dict(base.execute("SELECT value, rows FROM categories WHERE \"table\" = 'flows' AND name = 'proto'"))

    assert (filled["ts"], filled["vlan"]) == (sum(values.values()), 0)
    assert values == dict(base.execute("SELECT proto, count(*) FROM flows GROUP BY 1"))


def test_times_are_in_order_as_text_and_sqlite_understands_them(base: sqlite3.Connection) -> None:
    times = [text for (text,) in base.execute("SELECT ts FROM flows ORDER BY first_frame")]
    assert times == sorted(times)
    assert base.execute("SELECT count(*) FROM flows WHERE julianday(ts) IS NULL").fetchone() == (0,)


def test_lists_are_json_that_sqlite_takes_apart(base: sqlite3.Connection) -> None:
    frames = base.execute("SELECT frames FROM dhcp LIMIT 1").fetchone()[0]
    taken = base.execute("SELECT value FROM dhcp, json_each(frames) WHERE dhcp.rowid = 1").fetchall()
    assert [value for (value,) in taken] == json.loads(frames)


def test_what_a_stranger_made_up_fits_into_the_file() -> None:
    row = (253_402_300_799_000_000_000, "\ud800'; DROP TABLE odd; --", 10**30, 0.5, True, (1, 2))
    (stored,) = stored_rows(ODD, [row])

    assert stored == (
        "9999-12-31T23:59:59.000000000Z", "\\ud800'; DROP TABLE odd; --", 2**63 - 1, 0.5, 1, "[1,2]",
    )  # fmt: skip
    assert list(stored_rows(ODD, [(None, None, None, None, None, ())])) == [(None,) * 6]


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (1_767_600_000_123_456_789, "2026-01-05T08:00:00.123456789Z"),
        (0, "1970-01-01T00:00:00.000000000Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
    ],
)
def test_a_time_has_nine_decimals(time_ns: int, text: str) -> None:
    assert stamp(time_ns) == text


def test_the_form_changes_with_the_columns() -> None:
    other = Table(ODD.name, ODD.title, ODD.row, ODD.columns[:-1])
    assert form_of([ODD]) == form_of([ODD]) != form_of([other])


def test_a_file_that_cannot_be_written_is_named(checkout: Path, tmp_path: Path) -> None:
    target = tmp_path / "missing" / "x.sqlite"
    with pytest.raises(UsageError, match=f"cannot write {target}"):
        write_tables([str(checkout / "samples" / "tek-healthy.pcapng")], AuditOptions(), target)


def test_several_captures_are_refused(checkout: Path, tmp_path: Path) -> None:
    paths = [str(checkout / "samples" / name) for name in ("tek-healthy.pcapng", "skala-nexus-healthy.pcapng")]
    with pytest.raises(UsageError, match="one of them at a time"):
        write_tables(paths, AuditOptions(separate=True), tmp_path / "x.sqlite")
