from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from pcapaudit.model.report import Report
from pcapaudit.report.csv import COLUMNS
from pcapaudit.report.registry import render
from tests.support.reports import NAMES, any_report, load_report


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_row_stands_for_the_device_each_need_each_endpoint_and_each_finding() -> None:
    rows = read(render(load_report("e1_blinking_red"), "csv"))
    assert [(row["kind"], row["id"]) for row in rows] == [
        ("device", "TCP-ALL-PORTS-FAIL"),
        ("need", "SEN-05"),
        ("endpoint", "SEN-05"),
        ("endpoint", "SEN-05"),
        ("finding", "TCP-ALL-PORTS-FAIL"),
    ]
    assert rows[2]["host"] == "gk.sensorist.com"
    assert rows[2]["port"] == "4321"
    assert rows[4]["frames"] == "31 38 44 52 60 88 214"


def test_unknown_is_an_empty_cell() -> None:
    rows = read(render(load_report("ring_outside_view"), "csv"))
    assert rows[0]["mac"] == ""


@pytest.mark.parametrize("name", NAMES)
def test_every_row_has_every_column(name: str) -> None:
    lines = list(csv.reader(io.StringIO(render(load_report(name), "csv"))))
    assert lines[0] == list(COLUMNS)
    assert {len(line) for line in lines} == {len(COLUMNS)}


def test_a_name_from_the_wire_cannot_become_a_formula() -> None:
    report = load_report("e1_blinking_red")
    device = replace(report.devices[0], summary='=HYPERLINK("http://x")', mac="@x")
    row = read(render(replace(report, devices=(device,)), "csv"))[0]
    assert row["what"] == '\'=HYPERLINK("http://x")'
    assert row["mac"] == "'@x"


@settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
@given(any_report())
def test_no_text_of_any_report_begins_like_a_formula_or_holds_a_control_character(report: Report) -> None:
    text = render(report, "csv")
    assert all(char.isprintable() or char == "\n" or char.isspace() for char in text)
    texts = ("what", "host", "address", "summary", "remedy", "mac", "source", "first")
    assert not [row for row in read(text) for name in texts if row.get(name, "").startswith(("=", "+", "-", "@"))]
