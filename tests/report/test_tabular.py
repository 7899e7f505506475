from __future__ import annotations

import csv
import io
import json

from pcapaudit.engine.tables.declare import Column, Kind
from pcapaudit.report.tabular import Names, csv_lines, json_lines, list_of

COLUMNS = (
    Column("ts", Kind.TIME, "", "UTC", "ts"),
    Column("orig_h", Kind.TEXT, "", "", "id.orig_h"),
    Column("rtt_s", Kind.NUMBER, "", "s"),
    Column("is_good", Kind.TRUTH, ""),
    Column("frames", Kind.FRAMES, ""),
)
ROW = ("2026-01-05T08:00:00.123456789Z", "10.0.0.5", -1.5, 0, "[3,4]")


def cells(*rows: tuple[str | float | int | None, ...]) -> list[list[str]]:
    return list(csv.reader(io.StringIO("".join(csv_lines(COLUMNS, rows)))))


def test_csv_has_a_header_and_a_line_for_each_row() -> None:
    assert cells(ROW) == [
        ["ts", "orig_h", "rtt_s", "is_good", "frames"],
        ["2026-01-05T08:00:00.123456789Z", "10.0.0.5", "-1.5", "false", "3 4"],
    ]


def test_a_table_without_rows_has_its_header_and_an_unknown_cell_is_empty() -> None:
    assert cells() == [["ts", "orig_h", "rtt_s", "is_good", "frames"]]
    assert cells((None,) * 5)[1] == [""] * 5


def test_no_spreadsheet_and_no_terminal_obeys_a_text() -> None:
    for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"):
        shown = cells((None, text, None, None, None))[1][1]
        assert not shown.startswith(("=", "+", "-", "@", "\t", "\r")), text
    assert cells((None, "\x1b[2J\u202e", None, None, None))[1][1] == "\\x1b[2J\\u202e"
    assert cells((None, 'a,"b\nc', None, None, None))[1][1] == 'a,"b\\x0ac'


def test_a_list_that_begins_like_a_formula_is_quoted() -> None:
    columns = (Column("names", Kind.TEXTS, ""),)
    assert "".join(csv_lines(columns, [('["=cmd","b"]',)])) == "names\n'=cmd b\n"


def test_json_has_lists_truths_and_null() -> None:
    (line,) = json_lines(COLUMNS, [(*ROW[:2], None, 1, "[3,4]")])
    assert line.endswith("\n")
    assert json.loads(line) == {
        "ts": "2026-01-05T08:00:00.123456789Z", "orig_h": "10.0.0.5", "rtt_s": None, "is_good": True, "frames": [3, 4],
    }  # fmt: skip


def test_zeeks_names_bring_zeeks_times() -> None:
    (line,) = json_lines(COLUMNS, [ROW], Names.ZEEK)
    assert json.loads(line) == {
        "ts": 1767600000.123456, "id.orig_h": "10.0.0.5", "rtt_s": -1.5, "is_good": False, "frames": [3, 4],
    }  # fmt: skip
    header, row = csv_lines(COLUMNS, [ROW], Names.ZEEK)
    assert (header + row).splitlines()[1].startswith("1767600000.123456,")


def test_an_unknown_list_is_empty() -> None:
    assert (list_of(None), list_of("[]"), list_of('["a"]')) == ([], [], ["a"])
