from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from pcapaudit.model.report import Report
from pcapaudit.report.registry import render
from pcapaudit.report.requests_csv import COLUMNS
from tests.report.test_requests import PLACED, audited, gateway
from tests.support.reports import NAMES, any_report, load_report


def read(report: Report, to: str = "firewall") -> list[dict[str, str]]:
    rows = csv.DictReader(io.StringIO(render(report, "requests-csv")))
    return [row for row in rows if row["to"] == to]


def test_a_row_stands_for_one_device_name_transport_and_port() -> None:
    rows = read(PLACED)

    assert [(r["device"], r["host"], r["transport"], r["port"]) for r in rows] == [
        ("10.0.0.5", "gk.sensorist.com", "tcp", "443"),
        ("10.0.0.5", "gk.sensorist.com", "tcp", "4321"),
    ]
    first = rows[0]
    assert first["action"] == "allow"
    assert first["direction"] == "out"
    assert first["stateful"] == "yes"
    assert first["mac"] == "02:00:0a:00:00:05"
    assert first["vlan"] == "20"
    assert first["mirror_point"] == "core-sw1 port 24"
    assert first["addresses"] == "54.229.203.190"
    assert first["fact"] == "SEN-05"
    assert first["frames"] == "10 11 12 13 14"


def test_each_device_of_a_joined_request_has_its_rows_under_one_number() -> None:
    report = audited(gateway("a") + gateway("b"), {"a": "10.0.0.11", "b": "10.0.0.12"})

    rows = read(report)

    assert {row["request"] for row in rows} == {"2"}
    assert [row["device"] for row in rows] == ["10.0.0.11", "10.0.0.11", "10.0.0.12", "10.0.0.12"]


def test_a_request_without_traffic_has_a_row_for_each_device() -> None:
    tries = "0.0 dev > * DHCP DISCOVER\n4.0 dev > * DHCP DISCOVER\n12.0 dev > * DHCP DISCOVER\n"

    rows = read(audited(tries + "2.0 pc > gw BOOT"), "lan")

    assert [(row["device"], row["action"], row["host"], row["port"]) for row in rows] == [
        ("02:00:0a:00:00:05", "check", "", "")
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_row_has_every_column(name: str) -> None:
    lines = list(csv.reader(io.StringIO(render(load_report(name), "requests-csv"))))

    assert lines[0] == list(COLUMNS)
    assert {len(line) for line in lines} == {len(COLUMNS)}


def test_a_text_from_outside_cannot_become_a_formula() -> None:
    said = replace(PLACED.captures[0], source="=1+1")

    row = read(replace(PLACED, captures=(said,)))[0]

    assert row["source"] == "'=1+1"


@settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
@given(any_report())
def test_no_cell_of_any_report_begins_like_a_formula(report: Report) -> None:
    text = render(report, "requests-csv")

    texts = [name for name in COLUMNS if name not in ("port", "vlan", "attempts", "confidence", "frames")]
    assert not [
        row
        for row in csv.DictReader(io.StringIO(text))
        for name in texts
        if (row[name] or "").startswith(("=", "+", "-", "@"))
    ]
