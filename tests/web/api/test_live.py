from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pcapaudit.web.app import build_app
from pcapaudit.web.settings import Live, Settings
from tests.web.live.support import device, fill_ring, lost, status, telling, wait_for_status
from tests.web.support import BLINKING, TOKEN

AFTER_SAMPLE = "2026-11-21T12:05:00Z"
WHOLE = {"from": "2026-11-21T12:00:00Z", "to": AFTER_SAMPLE}


@pytest.fixture
def live(tmp_path: Path) -> Live:
    return telling(tmp_path, [lost(text="first"), lost(text="second"), status(at=AFTER_SAMPLE, devices=[device()])])


@pytest.fixture
def site(settings: Settings, live: Live) -> Iterator[TestClient]:
    with TestClient(build_app(replace(settings, live=live))) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        wait_for_status(client)
        yield client


def test_a_server_without_a_watch_says_so(client: TestClient) -> None:
    for method, path in (("GET", "/api/live"), ("GET", "/api/live/events"), ("POST", "/api/live/window")):
        answer = client.request(method, path, json={} if method == "POST" else None)
        assert answer.status_code == 404
        assert answer.json() == {"error": "this server watches no interface; pcapaudit serve --live NAME does"}


def test_the_status_is_the_one_that_the_watch_told(site: TestClient) -> None:
    told = site.get("/api/live").json()
    assert told["status"] == status(at=AFTER_SAMPLE, devices=[device()])
    assert (told["interface"], told["fault"]) == ("eth1", None)
    assert told["age_s"] >= 0


def test_before_the_first_status_there_is_none(settings: Settings, tmp_path: Path) -> None:
    live = Live("eth1", tmp_path / "live", ("/nowhere/pcapaudit",))
    with TestClient(build_app(replace(settings, live=live))) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        told = client.get("/api/live").json()
    assert told["status"] is None
    assert told["age_s"] is None
    assert told["is_fresh"] is False


def test_events_come_the_newest_first(site: TestClient) -> None:
    events = site.get("/api/live/events").json()["events"]
    assert [event["text"] for event in events] == ["second", "first"]
    assert events[0]["number"] > events[1]["number"]
    assert events[0]["frames"] == [48, 49, 52, 55, 58]
    assert [event["text"] for event in site.get("/api/live/events?limit=1").json()["events"]] == ["second"]


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "", "9" * 40])
def test_an_odd_limit_is_refused(site: TestClient, limit: str) -> None:
    answer = site.get("/api/live/events", params={"limit": limit})
    assert (answer.status_code, answer.json()["error"]) == (400, "limit is a number from 1 to 500")


def test_a_window_is_taken(site: TestClient, live: Live) -> None:
    fill_ring(live, BLINKING)
    wishes = {"signature": "sensorist/gateway", "led": "blinking red", "note": "by a script"}
    answer = site.post("/api/live/window", json={**WHOLE, **wishes})
    capture = answer.json()["id"]
    assert (answer.status_code, answer.json()["known"]) == (201, False)
    assert answer.headers["location"] == f"/api/captures/{capture}"
    told = site.get(f"/api/captures/{capture}").json()
    assert told["note"] == "by a script"
    assert (told["wishes"]["signature"], told["wishes"]["led"]) == ("sensorist/gateway", "blinking red")


def test_parameters_of_a_product_are_taken(site: TestClient, live: Live) -> None:
    fill_ring(live, BLINKING)
    wishes: dict[str, Any] = {"signature": "wennsoft/skala-ipad", "params": {"app_port": 57123}}
    products = site.get("/api/check", params={"signature": wishes["signature"], "param": "app_port=57123"}).json()
    answer = site.post("/api/live/window", json={**WHOLE, **wishes})
    assert (answer.status_code == 201) is (products["faults"] == {})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"from": 5.5}, "from"),
        ({"from": True}, "from"),
        ({"to": None}, "to"),
        ({"from": "2026-11-21"}, "from"),
        ({"until": AFTER_SAMPLE}, "until"),
        ({"device": "the red one"}, "device"),
        ({"params": {"app_port": [1]}}, "params"),
        ({"params": "app_port=1"}, "params"),
        ({"note": "x" * 10_001}, "note"),
        ({"from": AFTER_SAMPLE, "to": AFTER_SAMPLE}, "from"),
    ],
)
def test_what_cannot_be_meant_is_said_with_its_field(site: TestClient, body: dict[str, Any], field: str) -> None:
    answer = site.post("/api/live/window", json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_a_body_that_is_no_object_is_refused(site: TestClient) -> None:
    for content, code in ((b"no JSON", 400), (b"[]", 400), (b"x" * 90_000, 413)):
        assert site.post("/api/live/window", content=content).status_code == code
