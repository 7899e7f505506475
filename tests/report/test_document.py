from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from pcapaudit.model.errors import ReportError
from pcapaudit.model.report import DeviceReport, Report
from pcapaudit.report.document import from_json, json_schema, read_as, to_json
from tests.support.reports import NAMES, any_report, load_report, load_text

WRITE_SCHEMA = (
    "import json; from pcapaudit.report.document import json_schema; print(json.dumps(json_schema(), indent=2))"
)


@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(any_report())
def test_every_report_survives_the_way_through_json_and_keeps_the_schema(report: Report) -> None:
    text = to_json(report)
    assert from_json(text) == report
    assert text.isascii()
    Draft202012Validator(json_schema()).validate(json.loads(text))


@pytest.mark.parametrize("name", NAMES)
def test_stored_documents_are_read_and_written_without_loss(name: str) -> None:
    assert json.loads(to_json(load_report(name))) == json.loads(load_text(name))


@pytest.mark.parametrize("name", NAMES)
def test_stored_documents_keep_the_schema(name: str) -> None:
    Draft202012Validator(json_schema()).validate(json.loads(load_text(name)))


def test_the_schema_itself_is_valid() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_the_committed_schema_is_current(checkout: Path) -> None:
    committed = (checkout / "docs" / "report.schema.json").read_text(encoding="utf-8")
    assert committed == json.dumps(json_schema(), indent=2) + "\n", f'write it anew: python -c "{WRITE_SCHEMA}"'


def test_mappings_are_written_in_the_order_of_their_keys() -> None:
    report = load_report("e1_blinking_red")
    mixed = replace(report, settings=replace(report.settings, thresholds={"b": 1.0, "a": 2.0}))
    assert list(json.loads(to_json(mixed))["settings"]["thresholds"]) == ["a", "b"]


def test_a_key_from_the_future_is_passed_over_and_an_absent_new_one_gets_its_default() -> None:
    document = json.loads(load_text("e1_blinking_red"))
    document["colour"] = "blue"
    del document["unread"]
    assert from_json(json.dumps(document)) == load_report("e1_blinking_red")


def change(path: str, value: Any) -> str:
    """The first stored document with one value replaced; the path is dotted, numbers index lists."""
    document = json.loads(load_text("e1_blinking_red"))
    *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
    place = document
    for part in way:
        place = place[part]
    place[last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("{", "$: this is no JSON"),
        ("[" * 100_000, "$: this is no JSON"),
        ("[]", "$.schema: expected 'pcapaudit/report/1', found None"),
        (change("schema", "pcapaudit/report/2"), "$.schema"),
        (change("devices.0.verdict", "sick"), "$.devices[0].verdict: 'sick' is none of healthy"),
        (change("devices.0.stages.1.frames", [1, "2"]), "$.devices[0].stages[1].frames[1]: expected int, found str"),
        (change("partial", 0), "$.partial: expected bool, found int"),
        (change("devices", {}), "$.devices: expected a list, found dict"),
        (
            change("settings.thresholds", {"syn_wait": 1e400}),
            "$.settings.thresholds.syn_wait: expected a number, found inf",
        ),
        (
            change("settings.thresholds", {"syn_wait": 10**400}),
            "$.settings.thresholds.syn_wait: the number is too large",
        ),
        (change("generator", None), "$.generator: expected an object, found null"),
        (change("settings.thresholds", []), "$.settings.thresholds: expected an object, found list"),
        (change("devices.0.root_cause", {"stage": "dns"}), "$.devices[0].root_cause: the key 'rule' is missing"),
        (change("devices.0.capture", 7), "$.devices[0]: it names a capture that is not in the document"),
    ],
)
def test_a_broken_document_is_refused_with_the_place(text: str, where: str) -> None:
    with pytest.raises(ReportError) as caught:
        from_json(text)
    assert where in str(caught.value)


def test_a_part_of_a_document_is_read_by_its_data_class() -> None:
    device = load_report("e1_blinking_red").devices[0]
    assert read_as(DeviceReport, json.loads(load_text("e1_blinking_red"))["devices"][0]) == device
    with pytest.raises(ReportError, match=r"\$: the key 'capture' is missing"):
        read_as(DeviceReport, {})


def test_what_json_cannot_hold_is_refused() -> None:
    report = load_report("e1_blinking_red")
    with pytest.raises(ValueError, match="JSON compliant"):
        to_json(replace(report, settings=replace(report.settings, thresholds={"syn_wait": float("nan")})))
