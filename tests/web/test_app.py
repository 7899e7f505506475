from __future__ import annotations

import re

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from pcapaudit.web.app import build_app
from pcapaudit.web.captures.store import JobState, Store, Wishes
from pcapaudit.web.settings import Settings, prepare_folder
from tests.web.support import BLINKING, TOKEN, upload, wait_for


@pytest.mark.parametrize("path", ["/api/captures", "/api/captures/x/report", "/api/openapi.json"])
def test_without_token_or_session_the_interface_is_shut(stranger: TestClient, path: str) -> None:
    assert stranger.get(path).status_code == 401
    assert stranger.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_without_a_session_every_page_leads_to_the_login(stranger: TestClient) -> None:
    for path, login in (("/", "/login"), ("/captures/x", "/login?next=%2Fcaptures%2Fx")):
        answer = stranger.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, login)


def test_every_route_but_the_login_and_the_style_is_shut(stranger: TestClient) -> None:
    routes = [route for route in stranger.app.routes if isinstance(route, Route)]  # type: ignore[attr-defined]
    shut = [route for route in routes if route.path not in {"/login", "/static/{name}"}]
    assert len(shut) > 10
    for route in shut:
        for method in route.methods or ():
            answer = stranger.request(method, re.sub(r"{\w+(:\w+)?}", "1", route.path))
            assert answer.status_code in {401, 303}, (method, route.path)
            assert answer.headers.get("location", "/login").startswith("/login")


def test_a_server_called_by_a_foreign_name_does_not_answer(client: TestClient) -> None:
    for path in ("/api/captures", "/login", "/static/app.css", "/"):
        assert client.get(path, headers={"Host": "rebound.example"}).status_code == 421


@pytest.mark.parametrize("host", ["testserver/login?", "testserver/static/", "testserver/login#"])
def test_a_path_in_the_name_of_the_host_opens_nothing(stranger: TestClient, host: str) -> None:
    assert stranger.get("/api/captures", headers={"Host": host}).status_code == 421


def test_a_write_from_a_page_of_another_server_is_refused(client: TestClient) -> None:
    evil = {"Origin": "http://evil.example"}
    assert client.put("/api/captures", content=b"x", headers=evil).status_code == 403
    assert client.post("/login", headers=evil).status_code == 403
    assert client.post("/logout", headers=evil).status_code == 403
    assert client.delete("/api/captures/x", headers=evil).status_code == 403
    assert client.delete("/api/captures/x", headers={"Origin": "http://testserver"}).status_code == 404


@pytest.mark.parametrize("path", ["/login", "/", "/api/captures", "/static/app.css", "/static/none", "/none"])
def test_every_answer_forbids_foreign_and_inline_scripts(stranger: TestClient, path: str) -> None:
    headers = stranger.get(path).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert {value for name, value in policy.items() if name.endswith("-src")} == {"'none'", "'self'"}
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] in {"no-store", "no-cache"}


@pytest.mark.parametrize("path", ["/none", "/captures/none", "/captures/%00", "/login/x"])
def test_what_is_not_there_is_said_on_a_page(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_a_method_that_is_not_known_is_refused_with_those_that_are(client: TestClient) -> None:
    for method in ("DELETE", "OPTIONS", "TRACE", "PROPFIND"):
        answer = client.request(method, "/api/captures", headers={"Origin": "http://testserver"})
        assert (answer.status_code, answer.json()) == (405, {"error": "Method Not Allowed"})
        assert "PUT" in answer.headers["allow"]


def test_more_parameters_than_any_page_has_are_not_looked_at(client: TestClient) -> None:
    for path in ("/", "/api/captures"):
        assert client.get(path, params=[("p", "1")] * 200).status_code == 200
        assert client.get(path, params=[("p", "1")] * 201).status_code == 400


def test_a_fault_of_ours_says_nothing_of_itself(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_store: Store) -> None:
        raise RuntimeError("secret words of a capture")

    with TestClient(build_app(settings), raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        monkeypatch.setattr(Store, "get", fail)
        for path in ("/api/captures/x", "/captures/x"):
            answer = client.get(path)
            assert answer.status_code == 500
            assert "secret words" not in answer.text
            assert "Traceback" not in answer.text
            assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_what_a_killed_server_left_is_tidied_up_or_done_again(settings: Settings) -> None:
    prepare_folder(settings.data_dir)
    store = Store(settings.data_dir)
    received = settings.incoming / "whole.part"
    received.write_bytes(BLINKING.read_bytes())
    entry = store.add(received, "x.pcapng", "0" * 64, Wishes(), "")
    store.change(entry.id, state=JobState.RUNNING)
    store.close()
    (settings.incoming / "half.part").write_bytes(b"half")
    (settings.captures / "never-listed").mkdir()

    with TestClient(build_app(settings)) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        assert wait_for(client, entry.id)[-1]["state"] == "done"
        assert list(settings.incoming.iterdir()) == []
        assert [folder.name for folder in settings.captures.iterdir()] == [entry.id]


def test_captures_whose_time_is_over_are_deleted(settings: Settings) -> None:
    prepare_folder(settings.data_dir)
    store = Store(settings.data_dir)
    received = settings.incoming / "whole.part"
    received.write_bytes(b"x")
    old = store.add(received, "old.pcap", "0" * 64, Wishes(), "")
    store.change(old.id, created=0.0, state=JobState.DONE)
    store.close()

    with TestClient(build_app(settings)) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        upload(client, b"")
        assert [e["name"] for e in client.get("/api/captures").json()["captures"]] == ["x.pcapng"]
    assert not (settings.captures / old.id).exists()
