from __future__ import annotations

from starlette.testclient import TestClient

from tests.web.support import BLINKING, audited, upload


def test_a_capture_that_is_not_there_has_a_page_that_says_so(client: TestClient) -> None:
    answer = client.get("/captures/nothing")
    assert answer.status_code == 404
    assert "there is no capture of this id" in answer.text


def test_a_script_is_told_the_same_in_json(client: TestClient) -> None:
    answer = client.get("/api/captures/nothing")
    assert (answer.status_code, answer.json()) == (404, {"error": "there is no capture of this id"})


def test_there_is_no_report_before_the_analysis_is_done(client: TestClient) -> None:
    client.app.state.site.workshop.submit = lambda _: None  # type: ignore[attr-defined]
    capture = upload(client, BLINKING.read_bytes()).json()["id"]
    answer = client.get(f"/api/captures/{capture}/report")
    assert (answer.status_code, answer.json()) == (409, {"error": "there is no report: the analysis is queued"})


def test_a_device_that_is_not_in_the_report_is_not_found(client: TestClient) -> None:
    capture = audited(client)
    for device in ("1", "-1", "x", "", "²", "9" * 5000):
        answer = client.get(f"/captures/{capture}", params={"device": device})
        assert answer.status_code == 404
        assert "there is no device of this number in the report" in answer.text


def test_every_page_of_a_capture_that_is_still_read_leads_to_how_far_it_is(client: TestClient) -> None:
    client.app.state.site.workshop.submit = lambda _: None  # type: ignore[attr-defined]
    capture = upload(client, BLINKING.read_bytes()).json()["id"]
    for view in ("requests", "tables", "frames/1"):
        answer = client.get(f"/captures/{capture}/{view}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/captures/{capture}"), view
