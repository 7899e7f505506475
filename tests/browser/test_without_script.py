"""Without JavaScript: log in, read, search, compare, note and delete all work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.support import BLINKING, HEALTHY, TOKEN, Server, logged_in

pytestmark = pytest.mark.needs_browser


@pytest.fixture(scope="module")
def failed(server: Server) -> str:
    server.audit(HEALTHY)
    capture = server.audit(BLINKING)
    server.ask("GET", f"/api/captures/{capture}/tables/dns")
    return capture


@pytest.fixture
def plain(browser: Browser, server: Server) -> Iterator[Page]:
    """A page of a browser that runs no script."""
    with logged_in(browser, server, java_script_enabled=False) as page:
        yield page


def test_one_logs_in_and_out_by_forms(browser: Browser, server: Server) -> None:
    context = browser.new_context(base_url=server.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("Token or code").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Why is the device offline?")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    context.close()


def test_the_answer_and_its_views_are_there(plain: Page, failed: str) -> None:
    plain.goto("/?q=blinking")
    plain.locator(f"#list a[href='/captures/{failed}']").first.click()
    expect(plain.get_by_role("heading", level=1)).to_contain_text("Sensorist")
    for name, word in (
        ("All findings", "TCP-ALL-PORTS-FAIL"),
        ("Change requests", "02:54:10:2b:30:01"),
        ("Tables", "DNS"),
        ("Compare", "healthy"),
    ):
        plain.get_by_role("link", name=name).click()
        expect(plain.locator("main")).to_contain_text(word)


@pytest.mark.needs_tshark
def test_a_frame_is_a_page(plain: Page, failed: str) -> None:
    plain.goto(f"/captures/{failed}")
    plain.locator("#pane a[href*='/frames/48']").first.click()
    plain.wait_for_url("**/frames/48")
    expect(plain.get_by_role("heading", level=1)).to_have_text("Frame 48")


def test_a_table_is_sorted_and_filtered_by_links_and_forms(plain: Page, failed: str) -> None:
    plain.goto(f"/captures/{failed}/tables/dns")
    plain.get_by_label("Condition for query", exact=True).fill("=gk.sensorist.net")
    plain.locator("#filters button").click()
    plain.wait_for_load_state()
    rows = plain.get_by_role("region", name="Table").locator("tbody tr")
    assert rows.count() > 0
    for row in rows.all_inner_texts():
        assert "gk.sensorist.net" in row


def test_a_note_is_kept_by_a_form(plain: Page, failed: str) -> None:
    plain.goto(f"/captures/{failed}")
    plain.get_by_text("Add a note").click()
    plain.get_by_label("Note").fill("two\nlines")
    plain.get_by_role("button", name="Keep the note").click()
    plain.goto(f"/captures/{failed}")
    expect(plain.locator("#note-text")).to_have_value("two\nlines")


def test_two_captures_are_compared_and_one_is_deleted_by_forms(plain: Page, server: Server, failed: str) -> None:
    doomed = server.audit(BLINKING, "&log=to+be+deleted")
    plain.goto("/")
    for capture in (doomed, failed):
        plain.locator(f"#list input[value='{capture}']").check()
    plain.get_by_role("button", name="Compare the two chosen").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Before and after")
    plain.goto(f"/captures/{doomed}")
    plain.get_by_role("button", name="Delete").click()
    plain.get_by_role("button", name="Delete").click()
    plain.goto("/")
    assert plain.locator(f"#list a[href='/captures/{doomed}']").count() == 0
    assert plain.locator(f"#list a[href='/captures/{failed}']").count() > 0
