from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.engine.tables.declare import Kind
from pcapaudit.engine.tables.store import write_tables
from pcapaudit.web.captures.lookup import ApiError
from pcapaudit.web.tables import rows
from pcapaudit.web.tables.question import Question, read_question
from tests.web.support import BLINKING

FLOWS = TABLES["flows"]


@pytest.fixture(scope="module")
def counts() -> dict[str, int]:
    return {}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, counts: dict[str, int]) -> Path:
    target = tmp_path_factory.mktemp("odd ?#%41 name") / "x.sqlite"
    counts |= write_tables([str(BLINKING)], AuditOptions(), target)
    return target


def ask(**parameters: str) -> Question:
    return read_question(FLOWS, parameters.items())


def test_rows_come_page_by_page_and_none_is_left_out(
    path: Path, counts: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PAGE", 10)
    whole = list(rows.stream(path, ask()))
    pages = [rows.find(path, ask(page=str(number))) for number in range(1, 8)]

    assert [row for page in pages for row in page.rows] == whole
    assert {(page.total, page.matching, page.pages) for page in pages} == {(counts["flows"], counts["flows"], 6)}
    assert len(whole) == counts["flows"]


def test_a_filter_is_counted_beside_the_whole(path: Path, counts: dict[str, int]) -> None:
    found = rows.find(path, ask(proto="=tcp"))
    at = [column.name for column in FLOWS.columns].index("proto")

    assert {row[at] for row in found.rows} == {"tcp"}
    assert (len(found.rows), found.total) == (found.matching, counts["flows"])
    assert 0 < found.matching < found.total


def test_nothing_found_is_one_empty_page(path: Path) -> None:
    found = rows.find(path, ask(orig_h="nobody"))
    assert (found.rows, found.matching, found.pages) == ([], 0, 1)
    assert list(rows.stream(path, ask(orig_h="nobody"))) == []


def test_what_the_columns_hold_is_told(path: Path, counts: dict[str, int]) -> None:
    told = rows.contents(path, FLOWS)

    assert "vlan" in told.empty
    assert "vlan" not in [column.name for column in rows.shown_columns(FLOWS, told.empty)]
    assert sum(count for _, count in told.values["proto"]) == counts["flows"]
    assert rows.count_rows(path) == counts
    assert rows.shown_columns(FLOWS, frozenset(c.name for c in FLOWS.columns)) == list(FLOWS.columns)


def test_a_question_that_takes_too_long_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "PATIENCE_S", -1.0)
    monkeypatch.setattr(rows, "_STEPS", 1)
    for take in (rows.find, rows.stream):
        with pytest.raises(ApiError, match="ask for less") as caught:
            take(path, ask(q="x"))
        assert caught.value.status == 503


def test_the_file_is_opened_for_reading_alone(path: Path) -> None:
    with rows._opened(path) as base:
        for statement in ("DELETE FROM flows", "CREATE TABLE x (y)", "PRAGMA user_version = 5"):
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                base.execute(statement)


def test_numbers_stand_to_the_right() -> None:
    assert {c.kind for c in FLOWS.columns if rows.is_number(c)} == {Kind.INTEGER, Kind.NUMBER, Kind.FRAME}
