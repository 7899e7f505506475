from __future__ import annotations

import json

from jsonschema import Draft202012Validator

from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit
from pcapaudit.report.document import to_json
from pcapaudit.web.api.schemas import list_of, object_of, refer, schemas
from tests.web.support import BLINKING


def is_valid(name: str, value: object) -> bool:
    whole = {"components": {"schemas": schemas()}, **refer(name)}
    return Draft202012Validator(whole).is_valid(value)


def test_a_report_is_as_its_schema_says_and_another_thing_is_not() -> None:
    report = json.loads(to_json(audit([str(BLINKING)], AuditOptions())))
    assert is_valid("Report", report)
    assert not is_valid("Report", {**report, "devices": [{}]})
    assert not is_valid("Report", {**report, "schema": "pcapaudit/report/0"})


def test_a_capture_is_its_line_and_how_far_it_is() -> None:
    names = [part["$ref"].rpartition("/")[2] for part in schemas()["Capture"]["allOf"]]
    assert names == ["Entry", "Status"]
    assert {"name", "note", "wishes", "created"} <= set(schemas()["Entry"]["required"])
    assert {"state", "progress", "found"} <= set(schemas()["Status"]["required"])


def test_parts_refer_to_each_other_within_the_description() -> None:
    text = json.dumps(schemas())
    assert "#/$defs/" not in text
    assert "$id" not in text


def test_an_object_needs_all_its_keys() -> None:
    schema = object_of(names=list_of({"type": "string"}))
    assert Draft202012Validator(schema).is_valid({"names": ["a"]})
    assert not Draft202012Validator(schema).is_valid({})
