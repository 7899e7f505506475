from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt

from pcapaudit.model.errors import UsageError
from pcapaudit.model.report import Report
from pcapaudit.report.compare import compare, forms, render
from pcapaudit.report.compare.document import SCHEMA, Comparison
from pcapaudit.report.compare.forms import rows_of, say_rung
from pcapaudit.report.document import json_schema
from pcapaudit.report.layout import count_cells
from pcapaudit.report.registry import Look
from tests.report.compare.scenes import HOUR, RED, green, report_of
from tests.support.reports import any_report

CHECKOUT = Path(__file__).resolve().parents[3]
WRITE_SCHEMA = (
    "import json; from pcapaudit.report.compare.document import SCHEMA, Comparison;"
    " from pcapaudit.report.document import json_schema; print(json.dumps(json_schema(Comparison, SCHEMA), indent=2))"
)


@pytest.fixture(scope="module")
def found() -> Comparison:
    return compare(report_of(RED), report_of(green(), HOUR))


def test_the_text_names_both_captures_the_change_and_each_rung_that_changed(found: Comparison) -> None:
    text = render(found, "text")
    for part in ("before  frames, 2026-01-05 08:00:00", "REPAIRED  Sensorist", "connect   failed, then ok: repaired"):
        assert part in text
    assert max(count_cells(line) for line in text.splitlines()) <= 80
    assert "\x1b" not in text


def test_colours_and_marks_are_there_only_where_they_can_be_shown(found: Comparison) -> None:
    assert "\x1b[1;32mREPAIRED\x1b[0m" in render(found, "text", Look(has_colour=True))
    plain = render(found, "text", Look(is_unicode=False, has_colour=True))
    assert plain.isascii()
    assert "\x1b[1;32mREPAIRED" in plain


def test_the_document_keeps_its_committed_schema(found: Comparison) -> None:
    schema = json_schema(Comparison, SCHEMA)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(render(found, "json")))
    committed = (CHECKOUT / "docs" / "comparison.schema.json").read_text(encoding="utf-8")
    assert committed == json.dumps(schema, indent=2) + "\n", f'write it anew: python -c "{WRITE_SCHEMA}"'


def test_json_is_the_document_with_its_schema(found: Comparison) -> None:
    told = json.loads(render(found, "json"))
    assert told["schema"] == SCHEMA
    (device,) = told["devices"]
    assert (device["change"], device["before"]["verdict"], device["after"]["verdict"]) == (
        "repaired",
        "failed",
        "healthy",
    )
    assert [need["change"] for need in device["needs"] if need["id"] == "SEN-05"] == ["repaired"]


def test_markdown_has_the_lists_and_the_tables(found: Comparison) -> None:
    text = render(found, "markdown")
    for part in (
        "## REPAIRED: Sensorist / Oscar TempLog gateway",
        "**Works now**",
        "| connect | failed | ok | repaired |",
    ):
        assert part in text


def test_no_name_opens_a_tag_a_link_or_a_cell(found: Comparison) -> None:
    evil = "<img src=x onerror=alert(1)> [x](javascript:1) | `x`\n# head \x1b[2J"
    device = replace(found.devices[0], title=evil, caveats=(evil,))
    told = replace(found, devices=(device,), caveats=(evil,))
    markdown = render(told, "markdown")
    kinds = {c.type for t in MarkdownIt("commonmark").enable("table").parse(markdown) for c in t.children or ()}
    assert kinds <= {"text", "strong_open", "strong_close"}
    assert "\x1b" not in render(told, "text") + markdown


def test_a_form_that_does_not_exist_is_refused(found: Comparison) -> None:
    assert forms() == ("text", "markdown", "json")
    with pytest.raises(UsageError, match="no format 'pdf'"):
        render(found, "pdf")


def test_a_rung_that_a_report_does_not_have_was_not_judged() -> None:
    assert say_rung(None) == "not judged"


def test_far_sides_stand_below_their_need(found: Comparison) -> None:
    names = [(name, what) for _, name, what, _, _ in rows_of(found.devices[0])]
    at = names.index(("SEN-05", "cloud connection"))
    assert names[at + 1] == ("", "TCP 4321 to gk.sensorist.com")


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(any_report(), any_report())
def test_any_two_reports_can_be_compared_and_shown(one: Report, other: Report) -> None:
    for form in forms():
        assert render(compare(one, other), form)
