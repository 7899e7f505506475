from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.engine.tables.declare import LISTS, NUMBERS, Column, Kind, Table
from pcapaudit.engine.tables.store import stored_rows
from pcapaudit.web.captures.lookup import ApiError
from pcapaudit.web.tables.question import MAX_CONDITIONS, RESERVED, read_question

TABLE = Table(
    "things", "Things", "One row.",
    (
        Column("ts", Kind.TIME, ""), Column("orig_mac", Kind.TEXT, ""), Column("orig_h", Kind.TEXT, ""),
        Column("state", Kind.CATEGORY, ""), Column("rtt_s", Kind.NUMBER, ""), Column("is_good", Kind.TRUTH, ""),
        Column("names", Kind.TEXTS, ""), Column("frames", Kind.FRAMES, ""), Column("resp_p", Kind.INTEGER, ""),
    ),
)  # fmt: skip
HOUR_NS = 3_600_000_000_000
START_NS = 1_767_600_000_000_000_000
ROWS = [
    (START_NS, "02:00:00:00:00:01", "10.0.0.1", "S0", 0.5, True, ("a.example",), (1, 2), 53),
    (START_NS + HOUR_NS, "02:00:00:00:00:02", "10.0.0.12", "SF", 2.0, False, ("b.example", "100%"), (3,), 4430),
    (START_NS + 2 * HOUR_NS, None, "fe80::1", "a_b", None, None, (), (), 443),
]


@pytest.fixture(scope="module")
def base() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as opened:
        names = ", ".join(f'"{c.name}"' for c in TABLE.columns)
        opened.execute(f"CREATE TABLE things ({names})")
        marks = ", ".join("?" * len(TABLE.columns))
        opened.executemany(f"INSERT INTO things VALUES ({marks})", stored_rows(TABLE, ROWS))
        yield opened


def found(base: sqlite3.Connection, *parameters: tuple[str, str]) -> list[int]:
    """Numbers of the rows that are found, in their order, from 1."""
    question = read_question(TABLE, parameters)
    where, values = question.where
    return [number for (number,) in base.execute(f"SELECT rowid FROM things{where}{question.ordering}", values)]


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        pytest.param("orig_h", "10.0.0.1", [1, 2], id="a text is contained"),
        pytest.param("orig_h", "=10.0.0.1", [1], id="a text is equal"),
        pytest.param("orig_h", "!=10.0.0.1", [2, 3], id="a text is another"),
        pytest.param("orig_h", "!10.0", [3], id="a text is not contained"),
        pytest.param("orig_mac", "=", [3], id="unknown"),
        pytest.param("orig_mac", "!=", [1, 2], id="known"),
        pytest.param("state", "s", [1, 2], id="case does not matter"),
        pytest.param("state", "_", [3], id="an underline is no wildcard"),
        pytest.param("names", "100%", [2], id="a percent sign is no wildcard"),
        pytest.param("names", "=b.example", [2], id="a list has an item"),
        pytest.param("names", "!=b.example", [1, 3], id="a list has no such item"),
        pytest.param("names", "example", [1, 2], id="a list has a part"),
        pytest.param("frames", "=2", [1], id="a list has a frame"),
        pytest.param("rtt_s", "0.5", [1], id="a number"),
        pytest.param("rtt_s", ">=0.5 <2", [1], id="two bounds"),
        pytest.param("rtt_s", ">0.5,<=2e0", [2], id="two bounds with a comma"),
        pytest.param("rtt_s", "!=0.5", [2], id="another number"),
        pytest.param("rtt_s", "=", [3], id="an unknown number"),
        pytest.param("is_good", "yes", [1], id="true"),
        pytest.param("is_good", "=No", [2], id="false"),
        pytest.param("ts", "2026-01-05 09", [2], id="within the hour"),
        pytest.param("ts", ">=2026-01-05T09:00", [2, 3], id="from a time on"),
        pytest.param("ts", "<=2026-01-05T09:00", [1, 2], id="to the end of a minute"),
        pytest.param("ts", ">2026-01-05T09:00Z", [3], id="behind a minute"),
        pytest.param("ts", ">=2026-01-05T08:30 <2026-01-05T10:00", [2], id="between two times"),
        pytest.param("ts", "!=2026-01-05T09", [1, 3], id="not within the hour"),
        pytest.param("q", "EXAMPLE b.", [2], id="each word somewhere in the row"),
        pytest.param("q", "443 fe80", [3], id="a word may be a whole number"),
        pytest.param("q", "44", [], id="a number is whole"),
        pytest.param("device", "0200.0000.0001", [1], id="a device by its MAC in any form"),
        pytest.param("device", "FE80::0001", [3], id="a device by its address in any form"),
        pytest.param("orig_h", "   ", [1, 2, 3], id="nothing asked"),
    ],
)
def test_a_condition_finds_its_rows(base: sqlite3.Connection, name: str, text: str, rows: list[int]) -> None:
    assert found(base, (name, text)) == rows


def test_conditions_hold_together_and_a_column_may_have_two(base: sqlite3.Connection) -> None:
    assert found(base, ("orig_h", "10.0.0"), ("is_good", "no")) == [2]
    assert found(base, ("rtt_s", ">0.1"), ("rtt_s", "<1")) == [1]


def test_rows_are_sorted_both_ways_with_the_unknown_at_the_end(base: sqlite3.Connection) -> None:
    assert found(base, ("sort", "rtt_s")) == [1, 2, 3]
    assert found(base, ("sort", "-rtt_s")) == [2, 1, 3]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("orig_h", "' OR 1=1 --"),
        ("orig_h", "='; DROP TABLE things; --"),
        ("names", '=" OR 1=1 --'),
        ("names", "!=') OR (1"),
        ("state", "\\"),
        ("q", "%' OR '1'='1"),
    ],
)
def test_a_value_is_never_sql(base: sqlite3.Connection, name: str, text: str) -> None:
    assert found(base, (name, text)) in ([], [1, 2, 3] if text.startswith("!=") else [])
    assert base.execute("SELECT count(*) FROM things").fetchone() == (3,)


@pytest.mark.parametrize(
    "parameters",
    [
        [('orig_h" = 1 OR "', "x")],
        [("rowid", "1")],
        [("sqlite_master", "x")],
        [("sort", "ts; DROP TABLE things")],
        [("sort", "-(SELECT 1)")],
        [("sort", "1")],
        [("rtt_s", "1; DROP TABLE things")],
        [("rtt_s", "1 OR 1=1")],
        [("rtt_s", "9" * 30)],
        [("rtt_s", ">>1")],
        [("ts", "2026 OR 1")],
        [("ts", "yesterday")],
        [("is_good", "maybe")],
        [("device", "printer")],
        [("page", "0")],
        [("page", "-1")],
        [("page", "1e9")],
        [("page", "٣")],
        [("page", "9" * 5000)],
        [("orig_h", "x" * 201)],
        [("orig_h", "x")] * (MAX_CONDITIONS + 1),
    ],
    ids=lambda parameters: str(parameters[0])[:40],
)
def test_what_cannot_be_meant_is_refused(parameters: list[tuple[str, str]]) -> None:
    with pytest.raises(ApiError) as caught:
        read_question(TABLE, parameters)
    assert caught.value.status == 400


def test_no_column_bears_the_name_of_a_parameter() -> None:
    assert not {c.name for table in TABLES.values() for c in table.columns} & set(RESERVED)


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_every_column_can_be_sorted_and_filtered(table: Table) -> None:
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute(f'CREATE TABLE "{table.name}" ({", ".join(chr(34) + c.name + chr(34) for c in table.columns)})')
        for column in table.columns:
            text = ">1" if column.kind in NUMBERS else "2026" if column.kind is Kind.TIME else "=x"
            text = "yes" if column.kind is Kind.TRUTH else "=1" if column.kind in LISTS else text
            question = read_question(table, [(column.name, text), ("sort", column.name), ("q", "x"), ("device", "::1")])
            where, values = question.where
            assert base.execute(f'SELECT 1 FROM "{table.name}"{where}{question.ordering}', values).fetchall() == []
