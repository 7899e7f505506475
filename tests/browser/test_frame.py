"""A dissected frame: fields and bytes point at each other, by mouse and by keys, also in the window over a page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.support import BLINKING, Server

pytestmark = [pytest.mark.needs_browser, pytest.mark.needs_tshark]

_MARKED = "[...CSS.highlights.get('field')].map(range => range.toString())"


@pytest.fixture(scope="module")
def capture(server: Server) -> str:
    """A gateway that gets no answer; frame 47 is a DNS answer, 48 the SYN that follows."""
    return server.audit(BLINKING)


def test_a_field_marks_its_bytes_and_says_where_they_lie(page: Page, capture: str) -> None:
    page.goto(f"/captures/{capture}/frames/48")
    page.get_by_text("Destination Port: 4321", exact=True).click()
    # 4321 is 0x10e1: the bytes, and their characters.
    assert page.evaluate(_MARKED) == ["10 e1", ".."]
    expect(page.locator(".chosen")).to_have_text("tcp.dstport · bytes 36 to 37")


def test_a_field_over_two_lines_marks_both(page: Page, capture: str) -> None:
    page.goto(f"/captures/{capture}/frames/48")
    page.locator("summary[data-name=ip]").click()
    # The IPv4 header: bytes 14 to 33 of lines of sixteen.
    assert [len(text.split()) for text in page.evaluate(_MARKED)[::2]] == [2, 16, 2]


def test_a_byte_leads_to_the_smallest_field_that_holds_it(page: Page, capture: str) -> None:
    page.goto(f"/captures/{capture}/frames/48")
    spot = page.evaluate(
        """() => {
          const text = document.querySelector(".hex").firstChild;
          const range = document.createRange();
          const at = text.data.indexOf("10 e1");
          range.setStart(text, at);
          range.setEnd(text, at + 2);
          range.startContainer.parentElement.scrollIntoView({ block: "center" });
          const box = range.getBoundingClientRect();
          return [box.x + 3, box.y + box.height / 2];
        }"""
    )
    page.mouse.click(*spot)
    expect(page.locator(":focus")).to_have_text("Destination Port: 4321")


def test_arrows_walk_through_the_fields_and_open_and_shut_them(page: Page, capture: str) -> None:
    page.goto(f"/captures/{capture}/frames/48")
    page.locator("summary[data-name=eth]").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(":focus")).to_contain_text("Destination: ")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator(":focus")).to_contain_text("Address: ")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(":focus")).to_contain_text("Destination: ")
    page.keyboard.press("ArrowLeft")
    assert page.locator(":focus").evaluate("one => one.parentElement.open") is False


def test_in_the_window_over_a_page_another_frame_opens_there_too(page: Page, capture: str) -> None:
    page.goto(f"/captures/{capture}")
    page.locator("#pane a.peek[href$='/frames/48']").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", level=1)).to_have_text("Frame 48")
    dialog.get_by_text("Destination Port: 4321", exact=True).click()
    assert page.evaluate(_MARKED) == ["10 e1", ".."]
    dialog.locator("a[rel=next]").click()
    expect(dialog.get_by_role("heading", level=1)).not_to_have_text("Frame 48")
    assert page.url.endswith(capture)
