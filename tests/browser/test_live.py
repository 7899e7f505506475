"""The live page: kept up to date in place, by keyboard, on a phone, without script, when the news stop."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looks import find_faults, shift_of, watch_shifts
from tests.browser.support import BLINKING, DESKTOP, PHONE, Server, logged_in, started
from tests.browser.test_keyboard import walk
from tests.web.live.support import device, fill_ring, following, healthy, lost, status
from tests.web.process import wait_until

pytestmark = pytest.mark.needs_browser

AFTER_SAMPLE = "2026-11-21T12:05:00.000000Z"
GATEWAY = "02:54:10:2b:30:01"


@dataclass(frozen=True)
class Watched:
    """A server with a watch, and the file that says what the watch tells."""

    server: Server
    told: Path

    def tell(self, *lines: Mapping[str, Any]) -> None:
        """Have the watch tell these lines now."""
        with self.told.open("a", encoding="utf-8") as out:
            out.write("".join(json.dumps(line) + "\n" for line in lines))


def stand(*devices: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    return status(**{"at": AFTER_SAMPLE, "devices": [*devices], **changes})


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    data, told = tmp_path / "data", tmp_path / "told"
    told.write_text("")
    fill_ring(following(data / "live", told), BLINKING)
    with started(["tests.web.live.serve", str(data), str(told)], data) as server:
        watched = Watched(server, told)
        watched.tell(stand(healthy(1), healthy(2), verdicts={"healthy": 2}))
        yield watched


def stop_time(page: Page) -> None:
    """Let no time pass on the pages that are opened from now on, so that no news grow old however long all takes."""
    page.clock.install(time=0)
    page.clock.pause_at(1000)


@pytest.fixture
def live(browser: Browser, watched: Watched) -> Iterator[Page]:
    """The page, with the first status on it."""
    with logged_in(browser, watched.server) as page:
        stop_time(page)
        page.goto("/")
        page.get_by_role("navigation", name="Server").get_by_role("link", name="Live").click()
        expect(page.locator("#lines tr[data-key]")).to_have_count(2)
        yield page


def test_a_loss_appears_in_place_and_moves_up(live: Page, watched: Watched) -> None:
    button = live.locator("#lines tr", has_text="10.20.36.2").get_by_role("button")
    button.focus()
    row = live.locator("#lines tr", has_text="10.20.36.2").element_handle()
    watched.tell(stand(device(), healthy(2), healthy(1), verdicts={"failed": 1, "healthy": 2}, dropped=7), lost())
    expect(live.locator("#lines tr").first).to_contain_text("TCP-ALL-PORTS-FAIL")
    expect(live).to_have_title("1 offline – eth1 live – pcapaudit")
    expect(live.locator("#head")).to_contain_text("7 frames")
    expect(live.get_by_role("log").get_by_role("listitem")).to_have_count(1)
    expect(button).to_be_focused()
    assert row is not None
    assert row.evaluate("row => row.isConnected"), "a device that is still there keeps its row"


def test_events_come_on_top_and_once(live: Page, watched: Watched) -> None:
    watched.tell(lost(text="the first"))
    expect(live.locator("#events li")).to_have_count(1)
    live.reload()
    watched.tell(lost(text="the second"), lost(text="<b>the third</b>"))
    expect(live.locator("#events .text")).to_have_text(["<b>the third</b>", "the second", "the first"])


def test_what_the_wire_says_runs_nowhere(live: Page, watched: Watched) -> None:
    evil = "<img src=x onerror=document.title='hit'>"
    watched.tell(stand(device(device=evil, summary=evil, indicator=evil, stage=evil, mac=evil)), lost(text=evil))
    expect(live.locator("#lines th")).to_have_count(1)
    expect(live.locator("#lines th")).to_contain_text("<img src=x")
    expect(live.locator("#events .text")).to_have_text(evil)
    assert live.locator("main img").count() == 0


def test_when_the_news_stop_the_page_says_how_old_they_are(live: Page, watched: Watched) -> None:
    watched.tell(stand(healthy(1), at="2026-11-21T12:05:01Z"))
    expect(live.locator("#said")).to_have_text("As of 2026-11-21 12:05:01 UTC")
    expect(live.get_by_role("link", name="Reload")).to_be_hidden()
    # Nothing is told from here on.
    live.clock.run_for(7_000)
    expect(live.locator("#said")).to_have_text("No news for 7 s")
    expect(live.get_by_role("link", name="Reload")).to_be_visible()
    watched.tell(stand(healthy(1), at="2026-11-21T12:05:09Z"))
    expect(live.locator("#said")).to_have_text("As of 2026-11-21 12:05:09 UTC")
    expect(live.get_by_role("link", name="Reload")).to_be_hidden()


def test_an_interface_that_goes_down_is_said(live: Page, watched: Watched) -> None:
    why = "nothing can be seen since 12:05:00: eth1 is down"
    watched.tell({"event": "blind", "at": AFTER_SAMPLE, "text": why}, stand(healthy(1), is_blind=True))
    expect(live.locator("#head .trouble")).to_contain_text(why)


def test_the_report_of_a_window_leads_to_its_answer(live: Page) -> None:
    live.get_by_text("Report of a window").click()
    live.get_by_label("From (UTC)").fill("2026-11-21T12:03:00")
    live.get_by_label("Note", exact=True).fill("the morning")
    live.get_by_role("button", name="Make the report").click()
    live.wait_for_url("**/captures/*")
    expect(live.get_by_role("heading", level=1)).to_contain_text("Sensorist")
    expect(live.locator(".file")).to_contain_text("eth1 2026-11-21 12:03:06–12:05:00 UTC")
    expect(live.locator(".badge.failed").first).to_be_visible()


def test_the_button_of_an_event_reports_the_minutes_around_it(live: Page, watched: Watched) -> None:
    since = "2026-11-21T12:03:10.831270Z"
    watched.tell(lost(at="2026-11-21T12:03:40Z", since=since))
    live.get_by_role("button", name="Report of the minutes around it").last.click()
    live.wait_for_url("**/captures/*")
    expect(live.locator(".of-capture")).to_contain_text(f"device {GATEWAY}")
    expect(live.get_by_role("heading", level=1)).to_contain_text("Sensorist")


def test_a_window_that_is_gone_is_said_where_it_was_asked_for(browser: Browser, watched: Watched) -> None:
    # The browser complains of the answer's status.
    with logged_in(browser, watched.server, may_fail=True) as page:
        page.goto("/live")
        ask_for_what_is_gone(page)


def ask_for_what_is_gone(live: Page) -> None:
    live.get_by_text("Report of a window").click()
    live.get_by_label("To (UTC)").fill("2026-11-21T11:00:00")
    with live.expect_response("**/live/window") as answer:
        live.get_by_role("button", name="Make the report").press("Enter")
    assert answer.value.status == 404
    expect(live.locator("#window .warning")).to_contain_text("the ring holds frames from 2026-11-21 12:03:06+00:00 on")
    expect(live.get_by_label("To (UTC)")).to_have_value("2026-11-21T11:00")


@pytest.mark.parametrize(("size", "theme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["at a desk", "on a phone"])
def test_the_page_is_readable_named_and_does_not_jump(
    browser: Browser, watched: Watched, size: Any, theme: str
) -> None:
    unsure = healthy(9, verdict="degraded", is_provisional=True, is_flapping=True, stage="name", summary="Slow names.")
    full = stand(
        device(), unsure, healthy(1), verdicts={"failed": 1, "degraded": 1, "healthy": 1}, dropped=12, lag_s=9.5,
        directions="one", health=[{"id": "CAP-ONEWAY", "summary": "only one direction is there"}],
    )  # fmt: skip
    watched.tell(full, lost(), lost(event="recovered"), lost(event="dropped"))
    wait_until(lambda: len(json.loads(watched.server.ask("GET", "/api/live/events"))["events"]) == 3)
    with logged_in(browser, watched.server, viewport=size, color_scheme=theme) as page:
        stop_time(page)
        watch_shifts(page)
        page.goto("/live")
        expect(page.locator("#events li")).to_have_count(3)
        expect(page.locator("#lines tr")).to_have_count(3)
        watched.tell({**full, "at": "2026-11-21T12:06:00Z", "frames": 9_999_999})
        expect(page.locator("#said")).to_have_text("As of 2026-11-21 12:06:00 UTC")
        assert find_faults(page) == []
        page.get_by_text("Report of a window").click()
        assert find_faults(page) == []
        assert shift_of(page) < 0.1


def test_every_control_is_reached_and_seen_by_keys_alone(live: Page, watched: Watched) -> None:
    watched.tell(stand(device(), healthy(1)), lost())
    expect(live.locator("#events li")).to_have_count(1)
    live.goto("/live?note=opens+the+form")
    expect(live.locator("#events li")).to_have_count(1)
    # From the first news on there is nothing to reload.
    watched.tell(stand(device(), healthy(1), at="2026-11-21T12:05:07Z"))
    expect(live.locator("#said")).to_have_text("As of 2026-11-21 12:05:07 UTC")
    seen = walk(live)
    assert {one["control"] for one in seen} == set(range(live.locator("[data-control]").count()))
    assert [one["name"] for one in seen if not (one["isMarked"] and one["isInView"])] == []


def test_without_script_the_page_is_whole(browser: Browser, watched: Watched) -> None:
    watched.tell(lost(), stand(device()))
    with logged_in(browser, watched.server, may_fail=True, java_script_enabled=False) as page:
        page.goto("/live")
        while page.locator("#lines", has_text="TCP-ALL-PORTS-FAIL").count() == 0:
            page.get_by_role("link", name="Reload").click()
        expect(page.locator("#events li")).to_have_count(1)
        page.locator("#lines").get_by_role("button").click()
        # Its fault is of another year: the ring does not hold it.
        expect(page.locator("#window .warning")).to_contain_text("the ring holds frames from")
        page.get_by_role("button", name="Make the report").click()
        page.wait_for_url("**/captures/*")
