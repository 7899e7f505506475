from __future__ import annotations

from dataclasses import replace

from pcapaudit.report.document import from_json, to_json
from pcapaudit.report.registry import render, render_pieces
from tests.support.reports import load_report


def test_the_json_form_is_the_document() -> None:
    report = load_report("e3_no_lease")
    assert from_json(render(report, "json")) == report


def test_the_devices_come_one_by_one() -> None:
    report = load_report("e3_no_lease")
    many = replace(report, devices=report.devices * 3)
    pieces = list(render_pieces(many, "json"))
    assert "".join(pieces) == to_json(many)
    assert sum('"verdict"' in piece for piece in pieces) == len(many.devices)
