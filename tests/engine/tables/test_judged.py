from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.engine.tables.declare import Kind
from pcapaudit.engine.tables.judged import REPORT_TABLES, read_report, read_time
from pcapaudit.report.document import from_json

DOCUMENTS = Path(__file__).resolve().parents[2] / "report" / "documents"


@pytest.mark.parametrize("name", ["e1_blinking_red", "e3_no_lease", "ring_outside_view", "undecided_late_start"])
def test_every_row_has_a_cell_for_each_column_and_only_known_words(name: str) -> None:
    report = from_json((DOCUMENTS / f"{name}.json").read_text(encoding="utf-8"))
    for table in REPORT_TABLES.values():
        for _, rows in read_report(report, table):
            for row in rows:
                assert len(row) == len(table.columns), table.name
                for column, cell in zip(table.columns, row, strict=True):
                    assert cell is None or not column.words or cell in column.words, (table.name, column.name, cell)


def test_the_rows_are_those_of_the_document() -> None:
    report = from_json((DOCUMENTS / "e1_blinking_red.json").read_text(encoding="utf-8"))
    counts = {name: sum(len(rows) for _, rows in read_report(report, table)) for name, table in REPORT_TABLES.items()}
    assert counts == {
        "devices": len(report.devices),
        "stages": sum(len(d.stages) for d in report.devices),
        "needs": sum(len(d.needs) for d in report.devices),
        "endpoints": sum(len(n.endpoints) for d in report.devices for n in d.needs),
        "findings": sum(len(d.findings) for d in report.devices),
        "health": sum(len(c.health) for c in report.captures),
    }


def test_units_and_meanings_are_there_and_names_do_not_repeat() -> None:
    for table in REPORT_TABLES.values():
        names = [column.name for column in table.columns]
        assert len(set(names)) == len(names)
        assert all(column.meaning for column in table.columns)
        assert all(column.unit == "UTC" for column in table.columns if column.kind is Kind.TIME)


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [("1970-01-01T00:00:01.000002Z", 1_000_002_000), (None, None), ("yesterday", None), ("2026-01-01", None)],
)
def test_a_time_of_the_document_becomes_nanoseconds(text: str | None, time_ns: int | None) -> None:
    assert read_time(text) == time_ns
