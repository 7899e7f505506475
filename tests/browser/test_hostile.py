"""A stranger's names in a real browser: nothing of them runs, all of them are shown as what they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from pcapaudit.report.document import from_json, to_json
from tests.browser.pages import Shelf, shelf_of
from tests.browser.support import BLINKING, Server
from tests.web.hostile import FILE_NAME, IMAGE, MARK, SCRIPT, hostile_capture, make_hostile

pytestmark = pytest.mark.needs_browser

_RAN = f"typeof {MARK} !== 'undefined' || document.querySelector('#main img, #main script, [onmouseover]') !== null"


@pytest.fixture(scope="module")
def shelf(server: Server) -> Shelf:
    """A capture of a stranger, and one whose report is hostile in every string."""
    wire = server.send(hostile_capture(), FILE_NAME, "&note=wire&led=" + "%3Cimg%20src=x%20onerror=hacked=1%3E")
    report = server.send(hostile_capture(), FILE_NAME, "&note=%3C/script%3E%3Cscript%3Ehacked=1%3C/script%3E")
    document = server.data_dir / "captures" / report / "report.json"
    document.write_text(to_json(make_hostile(from_json(document.read_text(encoding="utf-8")))), encoding="utf-8")
    server.ask("GET", f"/api/captures/{report}/tables/dns")
    server.ask("GET", f"/api/captures/{wire}/tables/dns")
    return shelf_of(failed=report, healthy=wire, frame=8)


def open_all(page: Page) -> None:
    """Unfold everything, and move over all that waits for it."""
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    page.evaluate(
        "document.querySelectorAll('*').forEach(one => one.dispatchEvent(new MouseEvent('mouseover', {bubbles: true})))"
    )


@pytest.mark.parametrize("capture", ["failed", "healthy"])
def test_no_page_runs_what_a_stranger_wrote(page: Page, shelf: Shelf, capture: str) -> None:
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    for path in shelf.paths_about(capture):
        page.goto(path)
        open_all(page)
        assert not page.evaluate(_RAN), path


def test_what_a_stranger_wrote_is_shown_as_text(page: Page, shelf: Shelf) -> None:
    page.goto(shelf.path("answer"))
    expect(page.locator("main")).to_contain_text(IMAGE)
    expect(page.locator("main")).to_contain_text(SCRIPT)
    expect(page.locator("main")).to_contain_text("\\u202e")
    page.goto(shelf.path("history"))
    expect(page.locator("#list")).to_contain_text(IMAGE)


@pytest.mark.needs_tshark
def test_a_frame_over_the_page_runs_nothing(page: Page, shelf: Shelf) -> None:
    page.goto(shelf.path("answer of a healthy device"))
    page.locator("#pane a.peek[href*='/frames/']").first.click()
    expect(page.get_by_role("dialog").get_by_role("heading", level=1)).to_contain_text("Frame")
    open_all(page)
    assert not page.evaluate(_RAN)


def test_names_that_come_while_one_waits_run_nothing(page: Page, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}{IMAGE}.pcap" for number in (1, 2)]
    for file, content in zip(files, (hostile_capture(), BLINKING.read_bytes()), strict=True):
        file.write_bytes(content)
    page.goto("/")
    page.locator("#files").set_input_files(files)
    expect(page.get_by_role("link", name="Open the answer").nth(1)).to_be_visible()
    open_all(page)
    assert not page.evaluate(_RAN)


def test_the_page_taken_along_runs_nothing_when_opened_as_a_file(
    browser: Browser, server: Server, shelf: Shelf, tmp_path: Path
) -> None:
    for capture in ("failed", "healthy"):
        file = tmp_path / f"{capture}.html"
        file.write_bytes(server.ask("GET", f"/api/captures/{shelf.ids[capture]}/report?format=html"))
        alone = browser.new_context(offline=True).new_page()
        alone.goto(file.as_uri())
        open_all(alone)
        assert not alone.evaluate(
            f"typeof {MARK} !== 'undefined' || document.querySelector('img, [onmouseover]') !== null"
        )
        assert alone.evaluate("document.scripts.length") == 1
        alone.context.close()
