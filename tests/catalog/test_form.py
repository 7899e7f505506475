from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from pcapaudit.catalog import form
from tests.catalog.material import SMALL

WRITE_SCHEMA = "import json; from pcapaudit.catalog.form import json_schema; print(json.dumps(json_schema(), indent=2))"


class EditorLoader(yaml.SafeLoader):
    """YAML as an editor with a JSON Schema sees it: numbers and truth values, but no dates."""


EditorLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith("timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def as_editor(text: str) -> Any:
    return yaml.load(text, Loader=EditorLoader)


def accepts(model: type[form.Form], value: object) -> bool:
    try:
        TypeAdapter(model).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("sign", "is_good"),
    [
        ({"host": "a.b", "then": {"tcp": "443"}}, True),
        ({"host": "a.b"}, False),
        ({"then": {"tcp": "443"}}, False),
        ({"host": "a.b", "then": {}}, False),
        ({"host": "a.b", "then": {"tcp": "443", "udp": "53"}}, False),
        ({"dns_query": ["a.b", "*.c.d"]}, True),
        ({"dns_query": "a.b", "sni": "a.b"}, False),
        ({"udp": "8844", "payload": "24-1024", "source_port": "28672-32767"}, True),
        ({"dns_query": "a.b", "payload": "24-1024"}, False),
        ({"tcp": "4321", "address": "192.0.2.1"}, True),
        ({"address": ["192.0.2.1"]}, True),
        ({"inbound": {"tcp": "9001"}}, True),
        ({"inbound": {"tcp": "9001"}, "address": "192.0.2.1"}, False),
        ({"tcp": "9001", "private": "true"}, True),
        ({"tcp": []}, False),
        ({}, False),
    ],
)
def test_a_sign_looks_at_one_thing_and_narrows_ports_only(sign: dict[str, object], *, is_good: bool) -> None:
    assert accepts(form.SignForm, {**sign, "from": "ACM-01"}) is is_good


@pytest.mark.parametrize(
    ("endpoint", "is_good"),
    [
        ({"tcp": "443"}, True),
        ({"tcp": ["443", "80"], "app": "http", "encrypted": "false"}, True),
        ({"tcp": "app_port"}, True),
        ({"icmp": "true"}, True),
        ({"tcp": "443", "udp": "443"}, False),
        ({"icmp": "false"}, False),
        ({"tcp": "443", "app": "gopher"}, False),
        ({}, False),
    ],
)
def test_an_endpoint_names_one_transport(endpoint: dict[str, object], *, is_good: bool) -> None:
    assert accepts(form.EndpointForm, endpoint) is is_good


@pytest.mark.parametrize(
    ("need", "is_good"),
    [
        ({"any_of": [{"tcp": "443"}]}, True),
        ({"all_of": [{"tcp": "443"}]}, True),
        ({"any_of": [{"tcp": "443"}], "all_of": [{"tcp": "80"}]}, False),
        ({"any_of": []}, False),
        ({}, False),
    ],
)
def test_a_need_has_one_group_of_endpoints(need: dict[str, object], *, is_good: bool) -> None:
    assert accepts(form.NeedForm, {"id": "ACM-01", "what": "cloud", "when": "always", **need}) is is_good


@pytest.mark.parametrize(
    ("identify", "is_good"),
    [
        ({"strong": [{"tcp": "443", "from": "ACM-01"}]}, True),
        ({"weak": [{"tcp": "443", "from": "ACM-01"}, {"dns_query": "a.b", "from": "ACM-01"}]}, True),
        ({"weak": [{"tcp": "443", "from": "ACM-01"}]}, False),
        ({}, False),
    ],
)
def test_signs_that_can_never_be_enough_are_refused(identify: dict[str, object], *, is_good: bool) -> None:
    assert accepts(form.IdentifyForm, identify) is is_good


def test_a_condition_says_something() -> None:
    assert accepts(form.ConditionForm, {"failed": "dns"})
    assert not accepts(form.ConditionForm, {})
    assert not accepts(form.ConditionForm, {"failed": "dnss"})


def test_every_statement_but_a_need_has_a_source() -> None:
    assert not accepts(form.SignForm, {"dns_query": "a.b"})
    assert not accepts(form.LedForm, {"shows": "red"})
    assert accepts(form.AssumedForm, {"what": "this"})


def test_the_committed_schema_is_current(checkout: Path) -> None:
    committed = (checkout / "docs" / "signature.schema.json").read_text(encoding="utf-8")
    assert committed == json.dumps(form.json_schema(), indent=2) + "\n", f'write it anew: python -c "{WRITE_SCHEMA}"'


def test_the_schema_accepts_what_we_accept_as_an_editor_reads_it(checkout: Path) -> None:
    validator = Draft202012Validator(form.json_schema())
    texts = [path.read_text(encoding="utf-8") for path in sorted((checkout / "signatures").glob("*/*.yaml"))]
    assert len(texts) == 9
    for text in (SMALL, *texts):
        assert [error.message for error in validator.iter_errors(as_editor(text))] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("schema: 1", "schema: 2"),
        ("dhcp: required", "dhcp: sometimes"),
        ("what: cloud", "wat: cloud"),
        ("from: ACM-02", "from: acm2"),
        ("when: always", "when: never"),
    ],
)
def test_the_schema_refuses_what_we_refuse(old: str, new: str) -> None:
    assert not Draft202012Validator(form.json_schema()).is_valid(as_editor(SMALL.replace(old, new)))
