from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pcapaudit.web.app import build_app
from pcapaudit.web.live.desk import Desk
from pcapaudit.web.live.page import read_number, tell_parts
from pcapaudit.web.settings import Live, Settings
from tests.web.live.support import device, fill_ring, healthy, lost, status, telling, wait_for_status
from tests.web.support import BLINKING, TOKEN, wait_for

AFTER_SAMPLE = "2026-11-21T12:05:00Z"
EVIL = "<script>alert(1)</script>\u202e"


@pytest.fixture
def live(tmp_path: Path) -> Live:
    devices = [device(device=EVIL, summary=EVIL, indicator=EVIL), healthy()]
    told = status(at=AFTER_SAMPLE, devices=devices, verdicts={"failed": 1, "healthy": 1})
    return telling(tmp_path, [lost(), lost(event=EVIL, text=EVIL), told])


@pytest.fixture
def site(settings: Settings, live: Live) -> Iterator[TestClient]:
    with TestClient(build_app(replace(settings, live=live)), follow_redirects=False) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        wait_for_status(client)
        yield client


def test_a_server_without_a_watch_has_no_such_page(client: TestClient) -> None:
    for path in ("/live", "/live/events"):
        assert client.get(path).status_code == 404
    assert "this server watches no interface" in client.get("/live").text
    assert client.post("/live/window").status_code == 404
    assert 'href="/live"' not in client.get("/").text


def test_strangers_are_shown_the_login(site: TestClient) -> None:
    del site.headers["Authorization"]
    for method, path in (("GET", "/live"), ("GET", "/live/events"), ("POST", "/live/window")):
        answer = site.request(method, path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login")
    assert 'href="/live"' not in site.get("/login").text


def test_other_sites_may_not_ask_for_a_report(site: TestClient) -> None:
    assert site.post("/live/window", headers={"Origin": "https://example.com"}).status_code == 403


def test_the_page_shows_capture_devices_and_events(site: TestClient) -> None:
    page = site.get("/live").text
    for text in (
        "eth1, live",
        "As of 2026-11-21 12:05:00 UTC",
        "1,204 frames/s",
        "1 failed",
        "TCP-ALL-PORTS-FAIL",
        "14:02:11",
    ):
        assert text in page
    assert '<nav aria-label="Server"><a href="/">Captures</a> <a href="/live">Live</a></nav>' in site.get("/").text


def test_whatever_the_wire_says_is_shown_as_what_it_is(site: TestClient) -> None:
    page = site.get("/live").text
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


# --- what changes -----------------------------------------------------------------------------------------


def told_by(desk: Desk, changes: Callable[[int], None], count: int, after: int = 0) -> list[dict[str, str]]:
    """So many parts that a page is told; ``changes`` is called with the number of each."""

    async def listen() -> list[dict[str, str]]:
        told = []
        async for part in tell_parts(desk, after):
            told.append(part)
            changes(len(told))
            if len(told) == count:
                break
        return told

    return asyncio.run(listen())


def test_who_comes_is_told_everything_and_then_what_is_new(tmp_path: Path) -> None:
    desk = Desk(Live("eth1", tmp_path, ("true",)))
    desk.note(lost(text="known already"))
    known = desk.newest(1)[0].number
    desk.note(lost(text="new"))
    desk.note(status(devices=[device()]))

    def change(number: int) -> None:
        if number == 4:
            desk.note(status(devices=[device()]))  # the same again: no more than a pulse
        if number == 5:
            desk.note(status(at=AFTER_SAMPLE, devices=[device()], dropped=9))

    told = told_by(desk, change, 7, known)
    assert [part["event"] for part in told] == ["happened", "head", "devices", "pulse", "pulse", "head", "devices"]
    assert "new" in told[0]["data"]
    assert told[0]["id"] == str(known + 1)
    assert told[3]["data"] == "As of 2026-01-01 14:02:31 UTC"
    assert "9 frames" in told[5]["data"]
    assert "2026-01-01 14:01:36" in told[6]["data"], "the day, now that it is another one"


def test_old_news_have_no_pulse(tmp_path: Path) -> None:
    """So the page counts the seconds since the last one."""
    desk = Desk(Live("eth1", tmp_path, ("true",)))
    told = told_by(desk, lambda number: desk.note(lost()) if number == 2 else None, 3)
    assert [part["event"] for part in told] == ["head", "devices", "happened"]


@pytest.mark.parametrize("number", ["", "-1", "x", "9" * 400, "٣"])
def test_an_odd_number_asks_for_everything(number: str) -> None:
    assert read_number(number) == 0


# --- the form ---------------------------------------------------------------------------------------------


def ask(site: TestClient, **fields: str) -> Any:
    return site.post("/live/window", data=fields)


def test_a_window_becomes_a_capture_with_what_was_said(site: TestClient, live: Live) -> None:
    fill_ring(live, BLINKING)
    answer = ask(site, **{"from": "2026-11-21T12:00", "to": "", "led": "blinking red", "note": "before the change"})
    assert answer.status_code == 303
    capture = answer.headers["location"].removeprefix("/captures/")
    assert wait_for(site, capture)[-1]["state"] == "done"
    told = site.get(f"/api/captures/{capture}").json()
    assert (told["name"], told["note"]) == ("eth1 2026-11-21 12:03:06–12:05:00 UTC", "before the change")
    assert told["wishes"]["led"] == "blinking red"
    assert told["devices"][0]["verdict"] == "failed"


def test_the_button_of_a_device_asks_for_the_minutes_around_its_fault(site: TestClient, live: Live) -> None:
    fill_ring(live, BLINKING)
    answer = ask(site, around="2026-11-21T12:03:10.831270Z", device="02:54:10:2b:30:01")
    assert answer.status_code == 303
    told = site.get("/api" + answer.headers["location"]).json()
    assert told["wishes"]["device"] == "02:54:10:2b:30:01"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"from": "yesterday"}, "expected a time such as"),
        ({"from": "2026-11-21T12:04:00", "to": "2026-11-21T12:03:00"}, "the window must begin before it ends"),
        ({"device": "the red one"}, "the red one"),
        ({"signature": "no/such"}, "there is no product"),
        ({"to": "2026-11-21T12:00:00"}, "the ring holds frames from 2026-11-21 12:03:06+00:00 on"),
    ],
)
def test_what_cannot_be_is_said_in_the_form_that_keeps_what_was_written(
    site: TestClient, live: Live, fields: dict[str, str], reason: str
) -> None:
    fill_ring(live, BLINKING)
    answer = ask(site, note="keep this", **fields)
    assert answer.status_code in {400, 404}
    assert reason in answer.text
    assert '<details id="window" open>' in answer.text
    assert 'value="keep this"' in answer.text


def test_the_form_can_be_filled_by_its_address(site: TestClient) -> None:
    page = site.get("/live", params={"from": "2026-11-21T12:00:00", "device": EVIL}).text
    assert 'value="2026-11-21T12:00:00"' in page
    assert "<script>alert" not in page
    assert '<details id="window" open>' in page
