"""Without a mouse: every control is reached, seen and used by keys alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.support import BLINKING, HEALTHY, Server

pytestmark = pytest.mark.needs_browser

_CONTROLS = """() => {
  window.look = (one) => {
    const s = getComputedStyle(one);
    return [s.outlineStyle, s.outlineWidth, s.outlineColor, s.boxShadow, s.borderColor, s.backgroundColor].join();
  };
  const isShown = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.tabIndex >= 0;
  const kinds = ["a[href]", "button", "input:not([type=hidden])", "select", "textarea", "summary", "[tabindex]"];
  const shown = [...document.querySelectorAll(kinds.join())].filter(isShown);
  window.looks_before = shown.map(look);
  shown.forEach((one, number) => { one.dataset.control = number; });
  return shown.length;
}"""
"""Numbers everything that a key should reach, and notes how it looks without the focus."""
_FOCUSED = """() => {
  const one = document.activeElement;
  if (one.dataset.control === undefined) return { control: null, name: one.outerHTML.slice(0, 100) };
  const box = one.getBoundingClientRect();
  return {
    control: Number(one.dataset.control),
    name: one.outerHTML.slice(0, 100),
    isMarked: look(one) !== looks_before[one.dataset.control],
    isInView: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}"""
_STOPS = {"date": 4, "datetime-local": 8}
"""Of a day: day, month, year, and the button that opens the calendar; of a moment so many at most."""


@pytest.fixture(scope="module")
def failed(server: Server) -> str:
    server.audit(HEALTHY)
    capture = server.audit(BLINKING)
    server.ask("GET", f"/api/captures/{capture}/tables/dhcp")
    return capture


def walk(page: Page) -> list[dict[str, Any]]:
    """Press Tab until the focus leaves the page; what had the focus."""
    dates = sum(stops * page.locator(f"input[type={kind}]").count() for kind, stops in _STOPS.items())
    count = page.evaluate(_CONTROLS) + dates
    seen: list[dict[str, Any]] = []
    for _ in range(count + 1):
        page.keyboard.press("Tab")
        focused = page.evaluate(_FOCUSED)
        if focused["control"] is None or (seen and focused["control"] < seen[-1]["control"]):
            break
        seen.append(focused)
    return seen


@pytest.mark.parametrize(
    "view", ["/", "/captures/{}", "/captures/{}/findings", "/captures/{}/requests", "/captures/{}/tables"]
)
def test_tab_reaches_every_control_in_the_order_of_the_page_and_shows_where_it_is(
    page: Page, failed: str, view: str
) -> None:
    page.goto(view.format(failed))
    seen = walk(page)

    assert {one["control"] for one in seen} == set(range(page.locator("[data-control]").count()))
    assert [one["name"] for one in seen if not one["isMarked"]] == []
    assert [one["name"] for one in seen if not one["isInView"]] == []


def test_the_first_stop_leads_past_the_bar_to_the_content(page: Page, failed: str) -> None:
    page.goto(f"/captures/{failed}")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#main$"))


def test_a_fold_opens_and_shuts_by_enter_and_blank(page: Page, failed: str) -> None:
    page.goto(f"/captures/{failed}")
    fold = page.locator("#pane details:not([open]) > summary").first.element_handle()
    fold.focus()
    for key, is_open in (("Enter", True), ("Space", False)):
        page.keyboard.press(key)
        assert fold.evaluate("one => one.parentElement.open") is is_open


@pytest.mark.needs_tshark
def test_a_frame_opens_by_enter_and_escape_leads_back_to_the_link(page: Page, failed: str) -> None:
    page.goto(f"/captures/{failed}")
    link = page.locator("#pane a.peek[href*='/frames/']").first
    link.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", level=1)).to_contain_text("Frame")
    assert dialog.evaluate("one => one.contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(link).to_be_focused()


def test_the_list_is_used_by_keys(page: Page, failed: str) -> None:
    page.goto("/")
    boxes = page.locator("#list input[name=capture]")
    for number in (0, 1):
        boxes.nth(number).focus()
        page.keyboard.press("Space")
    compare = page.get_by_role("button", name="Compare the two chosen")
    expect(compare).to_be_enabled()
    compare.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Before and after")
    assert failed in page.url


def test_a_search_is_sent_by_enter(page: Page, failed: str) -> None:
    page.goto("/")
    page.get_by_role("searchbox").fill("blinking")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=blinking**")
    expect(page.locator(f"#list a[href='/captures/{failed}']").first).to_be_visible()
