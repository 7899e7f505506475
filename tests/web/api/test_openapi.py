from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from starlette.routing import Route
from starlette.testclient import TestClient

from pcapaudit.web.api.openapi import description
from pcapaudit.web.app import build_app
from pcapaudit.web.settings import Settings
from tests.web.live.support import device, fill_ring, healthy, lost, status, telling, wait_for_status
from tests.web.support import BLINKING, SAMPLES, TOKEN, audited, upload, wait_for

DESCRIBED = json.loads(json.dumps(description()))
WINDOW = {"from": "2026-11-21T12:00:00Z", "to": "2026-11-21T12:05:00Z", "led": "blinking red"}
"""Holds all of the sample."""
STREAMS = {"/api/events", "/api/captures/{id}/events"}
OPERATIONS = [(path, method, op) for path, methods in DESCRIBED["paths"].items() for method, op in methods.items()]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("site")
    live = telling(folder / "watch", [lost(), status(at="2026-11-21T12:05:00Z", devices=[device(), healthy()])])
    fill_ring(live, BLINKING)
    settings = Settings(folder / "data", TOKEN, hosts=frozenset({"testserver"}), live=live)
    with TestClient(build_app(settings), follow_redirects=False) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        wait_for_status(client)
        yield client


@pytest.fixture(scope="module")
def ids(site: TestClient) -> tuple[str, str]:
    return audited(site), audited(site, SAMPLES / "sensorist-healthy.pcapng")


def check(schema: dict[str, Any], value: object) -> None:
    """Fail when a value is not as a schema of the description says."""
    whole = {"components": DESCRIBED["components"], **schema}
    Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)


def all_refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        for inner in value.values():
            yield from all_refs(inner)
    if isinstance(value, list):
        for inner in value:
            yield from all_refs(inner)


def test_every_route_is_described_and_nothing_else(settings: Settings) -> None:
    routes = [r for r in build_app(settings).routes if isinstance(r, Route) and r.path.startswith("/api/")]
    served = {(route.path, method.lower()) for route in routes for method in route.methods or () if method != "HEAD"}
    assert {(path, method) for path, method, _ in OPERATIONS} == served


def test_the_parameters_of_a_path_are_declared() -> None:
    for path, _, operation in OPERATIONS:
        declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path))


def test_every_schema_that_is_named_is_there_and_sound() -> None:
    names = DESCRIBED["components"]["schemas"]
    assert {ref.removeprefix("#/components/schemas/") for ref in all_refs(DESCRIBED)} <= set(names)
    for schema in names.values():
        Draft202012Validator.check_schema(schema)


def test_every_parameter_and_answer_is_described_and_every_example_is_one() -> None:
    for path, method, operation in OPERATIONS:
        assert operation["summary"].endswith("."), path
        assert {"401", "403", "421"} <= set(operation["responses"]), (path, method)
        for parameter in operation["parameters"]:
            assert parameter["in"] == "path" or parameter["description"].endswith("."), (path, parameter["name"])
            if "example" in parameter:
                check(parameter["schema"], parameter["example"])
        contents = [answer.get("content", {}) for answer in operation["responses"].values()]
        for content in [*contents, operation.get("requestBody", {}).get("content", {})]:
            for media in content.values():
                if "example" in media:
                    check(media["schema"], media["example"])


def forms_of(operation: dict[str, Any]) -> list[str]:
    return next((p["schema"]["enum"] for p in operation["parameters"] if p["name"] == "format"), [""])


def test_what_is_read_is_as_it_is_described(site: TestClient, ids: tuple[str, str]) -> None:
    values = {"id": ids[0], "n": "48", "name": "dns"}
    for path, method, operation in OPERATIONS:
        if method != "get" or path in STREAMS:
            continue
        for form in forms_of(operation):
            asked = re.sub(r"{(\w+)}", lambda found: values[found[1]], path)
            query = {"a": ids[0], "b": ids[1]} if path == "/api/compare" else {}
            answer = site.get(asked, params={**query, **({"format": form} if form else {})})
            content = operation["responses"][str(answer.status_code)]["content"]
            media = answer.headers["content-type"].partition(";")[0]
            assert answer.status_code in {200, 202}, (asked, form, answer.text[:200])
            assert media in content, (asked, form)
            if media == "application/json":
                check(content[media]["schema"], answer.json())


def test_no_form_is_left_out(site: TestClient, ids: tuple[str, str]) -> None:
    """The server lists the forms it knows when it is asked for one that it does not."""
    for path, method, operation in OPERATIONS:
        if method == "get" and forms_of(operation) != [""]:
            asked = path.replace("{id}", ids[0]).replace("{name}", "dns")
            said = site.get(asked, params={"a": ids[0], "b": ids[1], "format": "none"}).json()["error"]
            assert set(re.split(r"[,\s]+", said.rpartition("known are:")[2].strip())) == set(forms_of(operation)), said


def test_what_is_written_is_as_it_is_described(site: TestClient) -> None:
    taken = upload(site, BLINKING.read_bytes(), note="to be deleted", log="another wish")
    capture = taken.json()["id"]
    events = [json.loads(json.dumps(told)) for told in wait_for(site, capture)]
    asked = {
        ("/api/captures", "put"): upload(site, BLINKING.read_bytes(), log="another wish"),
        ("/api/captures/{id}", "patch"): site.patch(f"/api/captures/{capture}", json={"note": "x"}),
        ("/api/captures/{id}/cancel", "post"): site.post(f"/api/captures/{capture}/cancel"),
        ("/api/captures/{id}/again", "post"): site.post(f"/api/captures/{capture}/again"),
        ("/api/captures/{id}", "delete"): site.delete(f"/api/captures/{capture}"),
        ("/api/live/window", "post"): site.post("/api/live/window", json=WINDOW),
    }
    wrong = {
        ("/api/captures", "put"): upload(site, b"x", device="no address"),
        ("/api/captures/{id}", "patch"): site.patch(f"/api/captures/{capture}", content=b"no JSON"),
        ("/api/live/window", "post"): site.post("/api/live/window", json={"from": "2020-01-01T00:00:00Z", "to": "x"}),
    }
    for answers in (asked, wrong, {("/api/captures", "put"): taken}):
        for (path, method), answer in answers.items():
            described = DESCRIBED["paths"][path][method]["responses"][str(answer.status_code)]
            assert ("content" in described) is bool(answer.content), (path, method)
            if answer.content:
                check(described["content"]["application/json"]["schema"], answer.json())
    for event in events:
        check(DESCRIBED["components"]["schemas"]["Status"], event)


def test_what_is_asked_for_wrongly_is_answered_as_it_is_described(site: TestClient, stranger: TestClient) -> None:
    for path, method, operation in OPERATIONS:
        asked = re.sub(r"{(\w+)}", "none", path)
        strange = stranger.request(method.upper(), asked)
        assert strange.status_code == 401
        check(operation["responses"]["401"]["content"]["application/json"]["schema"], strange.json())
        if "{id}" in path:
            missing = site.request(method.upper(), asked)
            assert missing.status_code == 404, path
            check(operation["responses"]["404"]["content"]["application/json"]["schema"], missing.json())


ODD = st.one_of(
    st.text(max_size=30),
    st.integers().map(str),
    st.sampled_from(
        ["", "0", "-1", "NaN", "..", "%00", "\x00", "=x", "!=", ">=", ">= <", "é" * 300, "9" * 400, "x" * 4000]
    ),
)


@settings_of(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_is_asked_the_answer_is_one_that_is_described(
    site: TestClient, ids: tuple[str, str], data: st.DataObject
) -> None:
    path, method, operation = data.draw(st.sampled_from([o for o in OPERATIONS if o[1] == "get"]))
    values = {p["name"]: data.draw(ODD) for p in operation["parameters"]}
    values |= {name: ids[0] for name in ("id", "a", "b") if name in values and data.draw(st.booleans())}
    values |= {"name": "dns"} if "name" in values and data.draw(st.booleans()) else {}
    places = set(re.findall(r"{(\w+)}", path))
    asked = re.sub(r"{(\w+)}", lambda found: quote(values[found[1]] or "x", safe=""), path)
    query = {name: value for name, value in values.items() if name not in places and data.draw(st.booleans())}
    answer = site.request(method.upper(), asked, params=query)
    # With a slash, or as dots alone, a part makes another path, which answers for itself.
    if not any("/" in values[place] or values[place] in {".", ".."} for place in places):
        assert str(answer.status_code) in operation["responses"] or answer.status_code == 404, (asked, query)
    assert answer.status_code != 500
