from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from pcapaudit.web.app import build_app
from pcapaudit.web.settings import Settings, prepare_folder
from pcapaudit.web.store import JobState, Store, Wishes
from tests.web.support import BLINKING, TOKEN, upload, wait_for


@pytest.mark.parametrize("path", ["/api/captures", "/api/captures/x/report", "/api/openapi.json"])
def test_without_token_or_session_the_interface_is_shut(stranger: TestClient, path: str) -> None:
    assert stranger.get(path).status_code == 401
    assert stranger.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_without_a_session_every_page_leads_to_the_login(stranger: TestClient) -> None:
    for path in ("/", "/captures/x"):
        answer = stranger.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_a_server_called_by_a_foreign_name_does_not_answer(client: TestClient) -> None:
    assert client.get("/api/captures", headers={"Host": "rebound.example"}).status_code == 421


def test_a_write_from_a_page_of_another_server_is_refused(client: TestClient) -> None:
    evil = {"Origin": "http://evil.example"}
    assert client.put("/api/captures", content=b"x", headers=evil).status_code == 403
    assert client.delete("/api/captures/x", headers=evil).status_code == 403
    assert client.delete("/api/captures/x", headers={"Origin": "http://testserver"}).status_code == 404


def test_every_answer_forbids_foreign_and_inline_scripts(stranger: TestClient) -> None:
    for path in ("/login", "/", "/api/captures", "/static/app.js"):
        headers = stranger.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


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
