from __future__ import annotations

from pcapaudit.report.document import from_json
from pcapaudit.report.registry import render
from tests.support.reports import load_report


def test_the_json_form_is_the_document() -> None:
    report = load_report("e3_no_lease")
    assert from_json(render(report, "json")) == report
