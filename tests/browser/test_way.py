"""The whole way of an admin: log in, upload, watch, read the answer, take it along, compare, delete."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from pcapaudit.capture import open_capture
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.report.document import from_json
from tests.browser.support import BLINKING, HEALTHY, NO_LEASE, TOKEN, Server, endless_capture, logged_in

pytestmark = pytest.mark.needs_browser

DROP = """([name, content]) => {
  const bytes = Uint8Array.from(atob(content), c => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name));
  const target = document.getElementById("drop");
  for (const kind of ["dragenter", "dragover", "drop"]) {
    target.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }
}"""
"""What a browser does when a file is dropped: the events of the HTML standard, section 6.11."""


@pytest.fixture(scope="module")
def failed(server: Server) -> str:
    return server.audit(BLINKING, "&led=blinking+red")


def drop(page: Page, path: Path) -> None:
    page.evaluate(DROP, [path.name, base64.b64encode(path.read_bytes()).decode()])


def count_frames(path: str | Path) -> int:
    return sum(len(batch) for batch in open_capture(str(path), notes=CaptureNotes()))


def download(page: Page, name: str) -> Path:
    with page.expect_download() as coming:
        page.get_by_role("link", name=name, exact=True).click()
    return coming.value.path()


# --- the door -------------------------------------------------------------------------------------------


def test_the_printed_address_lets_in_one_browser(browser: Browser, server: Server) -> None:
    first, second = browser.new_context(), browser.new_context()
    page = first.new_page()
    page.goto(server.login)
    expect(page.get_by_role("heading", level=1)).to_have_text("Why is the device offline?")
    assert "code=" not in page.url
    assert page.evaluate("document.cookie") == "", "no script can read the session"

    late = second.new_page()
    answer = late.goto(server.login)
    assert answer is not None
    assert answer.status == 401
    expect(late.get_by_role("alert")).to_contain_text("neither the token nor a login code")
    first.close()
    second.close()


def test_the_way_out_ends_the_session_and_the_way_back_leads_where_one_was(page: Page, failed: str) -> None:
    page.goto(f"/captures/{failed}/findings")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    page.goto(f"/captures/{failed}/findings")
    page.get_by_label("Token or code").fill("a-token-for-tests-alone")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/captures/{failed}/findings")


def test_a_link_from_another_site_finds_the_session(browser: Browser, server: Server, failed: str) -> None:
    with logged_in(browser, server) as page:
        page.goto(f"data:text/html,<a href='{server.url}/captures/{failed}'>the report</a>")
        page.get_by_role("link").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Sensorist")


def test_a_form_of_another_site_changes_nothing(browser: Browser, server: Server, failed: str) -> None:
    with logged_in(browser, server, may_fail=True) as page:
        page.goto(
            f"data:text/html,<form method=post action='{server.url}/captures/delete'>"
            f"<input name=capture value={failed}><input name=sure value=1><button>win</button></form>"
        )
        with page.expect_response("**/captures/delete") as refused:
            page.get_by_role("button").click()
        assert refused.value.status == 403
        page.goto(f"/captures/{failed}")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Sensorist")


# --- in -------------------------------------------------------------------------------------------------


def test_a_file_is_picked_watched_and_answered(page: Page) -> None:
    page.goto("/")
    page.get_by_text("What you know already").click()
    page.get_by_role("textbox", name="LED").fill("solid red")
    page.get_by_role("textbox", name="Note").fill("port 12, before the change")
    page.locator("#files").set_input_files(NO_LEASE)
    page.wait_for_url("**/captures/*")
    expect(page.locator("#pane .badge.failed").first).to_be_visible()
    expect(page.locator("main")).to_contain_text("solid red")
    expect(page.locator("main")).to_contain_text("port 12, before the change")
    expect(page.locator("#pane")).to_contain_text("DHCP")


def test_files_are_dropped_and_each_tells_its_result(page: Page) -> None:
    page.goto("/")
    drop(page, HEALTHY)
    page.wait_for_url("**/captures/*")
    page.goto("/")
    page.locator("#files").set_input_files([BLINKING, HEALTHY])
    lines = page.locator("#uploads > li")
    expect(lines).to_have_count(2)
    for name in (BLINKING.name, HEALTHY.name):
        expect(page.get_by_role("link", name=f"Open the answer: {name}")).to_be_visible()
    expect(lines.first.locator(".badge")).to_have_text("failed")
    expect(lines.last.locator(".badge")).to_have_text("healthy")


def test_what_is_no_capture_says_so(page: Page, tmp_path: Path) -> None:
    picture = tmp_path / "holiday.pcap"
    picture.write_bytes(b"GIF89a" + bytes(90))
    page.goto("/")
    page.locator("#files").set_input_files(picture)
    page.wait_for_url("**/captures/*")
    expect(page.get_by_role("alert")).to_contain_text("no capture")
    expect(page.get_by_role("button", name="Analyse it again")).to_be_visible()


def test_a_wrong_wish_is_told_beside_its_field_before_the_upload(page: Page) -> None:
    page.goto("/")
    page.get_by_text("What you know already").click()
    page.get_by_label("Device (MAC or IP address)").fill("no address")
    page.locator("#files").set_input_files(BLINKING)
    expect(page.locator("#error-device")).not_to_be_empty()
    expect(page.get_by_label("Device (MAC or IP address)")).to_be_focused()
    expect(page.locator("#uploads > li")).to_have_count(0)


def test_who_was_logged_out_is_told_beside_the_file_logs_in_and_goes_on(browser: Browser, server: Server) -> None:
    with logged_in(browser, server, may_fail=True) as page:
        page.goto("/")
        page.context.clear_cookies()
        page.locator("#files").set_input_files(NO_LEASE)
        line = page.locator("#uploads > li")
        expect(line).to_contain_text("You are logged out")
        with page.context.expect_page() as opened:
            line.get_by_role("link", name="Log in, in a new window").click()
        opened.value.get_by_label("Token or code").fill(TOKEN)
        opened.value.keyboard.press("Enter")
        expect(opened.value.get_by_role("heading", level=1)).to_have_text("Why is the device offline?")
        line.get_by_role("button", name="Upload again").click()
        page.wait_for_url("**/captures/*")


def test_one_watches_an_analysis_and_ends_it(page: Page, server: Server) -> None:
    endless = server.put(endless_capture(), "endless.pcap.zst")
    behind = server.put(NO_LEASE.read_bytes(), NO_LEASE.name, "&log=behind+the+endless+one")
    page.goto(f"/captures/{behind}")
    expect(page.locator("#said")).to_contain_text("1 before it")

    page.goto(f"/captures/{endless}")
    expect(page.locator("#said")).to_contain_text("Reading")
    before = page.locator("#progress").evaluate("bar => bar.value")
    expect(page.locator("#progress")).not_to_have_js_property("value", before)
    page.reload()
    assert page.locator("#progress").evaluate("bar => bar.value") > before, "a reload finds its place again"

    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")
    page.goto(f"/captures/{behind}")
    expect(page.locator("#pane .badge.failed").first).to_be_visible()


def test_a_capture_is_analysed_with_another_device_without_being_sent_again(page: Page, failed: str) -> None:
    page.goto(f"/captures/{failed}")
    page.get_by_role("link", name="Analyse it with other details").click()
    page.get_by_label("Device (MAC or IP address)").fill("the red one")
    page.get_by_role("button", name="Analyse it").click()
    expect(page.get_by_role("alert").first).to_contain_text("neither a MAC nor an IP address")
    page.get_by_label("Device (MAC or IP address)").fill("10.20.36.155")
    page.get_by_role("button", name="Analyse it").click()
    expect(page.locator("#pane")).to_contain_text("10.20.36.155")
    assert not page.url.endswith(failed)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Analyse it with other details")


# --- out ------------------------------------------------------------------------------------------------


def test_the_answer_is_taken_along_in_every_form(page: Page, failed: str) -> None:
    page.goto(f"/captures/{failed}")
    evidence = download(page, "Evidence capture")
    assert 0 < count_frames(evidence) < count_frames(BLINKING)
    for name, begin in (("One HTML file", "<!doctype html>"), ("CSV", "source,mac"), ("JSON", "{")):
        assert download(page, name).read_text(encoding="utf-8").startswith(begin), name
    assert from_json(download(page, "JSON").read_text(encoding="utf-8")).devices[0].verdict == "failed"


def test_a_text_is_copied_as_it_stands(browser: Browser, server: Server, failed: str) -> None:
    with logged_in(browser, server, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.goto(f"/captures/{failed}")
        text = page.locator(".copied").first.inner_text()
        page.get_by_role("button", name="Copy").first.click()
        expect(page.get_by_role("button", name="Copy").first).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()").split() == text.split()


def test_the_page_taken_along_works_alone(browser: Browser, page: Page, failed: str, tmp_path: Path) -> None:
    page.goto(f"/captures/{failed}")
    file = tmp_path / "report.html"
    file.write_bytes(download(page, "One HTML file").read_bytes())
    asked: list[str] = []
    alone = browser.new_context(offline=True).new_page()
    alone.on("request", lambda request: asked.append(request.url))
    alone.goto(file.as_uri())
    expect(alone.get_by_role("heading", level=1)).to_be_visible()
    expect(alone.get_by_role("button", name="Copy").first).to_be_visible()
    assert asked == [file.as_uri()]
    alone.context.close()


# --- deeper ---------------------------------------------------------------------------------------------


@pytest.mark.needs_tshark
def test_a_cited_frame_opens_over_the_page(page: Page, failed: str) -> None:
    page.goto(f"/captures/{failed}")
    page.locator("#pane a.peek[href*='/frames/48']").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Frame 48")).to_be_visible()
    expect(dialog).to_contain_text("Transmission Control Protocol")
    expect(dialog).to_contain_text("SYN")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert page.url.endswith(failed)


def test_every_view_of_a_capture_is_reached_from_every_other(page: Page, failed: str) -> None:
    page.goto(f"/captures/{failed}")
    tabs = page.get_by_role("navigation", name="Views of this capture").get_by_role("link")
    names = tabs.all_inner_texts()
    assert names == ["Answer", "All findings", "Change requests", "Tables", "Compare"]
    for name in names:
        tabs.filter(has_text=name).click()
        expect(tabs.filter(has_text=name)).to_have_attribute("aria-current", "page")
        expect(page.get_by_role("heading", level=1)).to_have_count(1)


def test_a_change_request_names_the_device_and_the_port(page: Page, failed: str) -> None:
    page.goto(f"/captures/{failed}/requests")
    letters = page.locator(".letters").first
    for word in ("02:54:10:2b:30:01", "10.20.36.101", "4321", "443", "stateful"):
        expect(letters).to_contain_text(word)
    expect(page.get_by_role("link", name="As CSV").first).to_be_visible()


def test_a_table_is_sorted_filtered_and_taken_along(page: Page, failed: str) -> None:
    page.goto(f"/captures/{failed}/tables/dns")
    table = page.get_by_role("region", name="Table")
    table.get_by_role("link", name="query", exact=True).click()
    expect(table.locator("[aria-sort]")).to_have_text("query")
    page.wait_for_load_state()
    names = table.locator("tbody tr td").all_inner_texts()
    assert "gk.sensorist.com" in names
    page.get_by_label("Search all texts of the table").fill("gk.sensorist.net")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=gk.sensorist.net**")
    rows = table.locator("tbody tr")
    assert rows.count() > 0
    for row in rows.all_inner_texts():
        assert "gk.sensorist.net" in row
    assert len(download(page, "CSV").read_text(encoding="utf-8").splitlines()) == rows.count() + 1


# --- later ----------------------------------------------------------------------------------------------


def test_before_and_after_are_compared_from_the_list(page: Page, server: Server) -> None:
    for capture in (BLINKING, HEALTHY):
        server.audit(capture)
    page.goto("/?device=02:54:10:2b:30:01")
    page.get_by_role("checkbox", name=f"Choose {BLINKING.name}").first.check()
    page.get_by_role("checkbox", name=f"Choose {HEALTHY.name}").first.check()
    page.get_by_role("button", name="Compare the two chosen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Before and after")
    expect(page.locator("main")).to_contain_text("Sensorist")
    expect(page.locator(".badge.failed").first).to_be_visible()
    expect(page.locator(".badge.healthy").first).to_be_visible()


def test_the_list_finds_by_word_device_and_verdict(page: Page, failed: str, server: Server) -> None:
    server.audit(HEALTHY)
    for query, is_there in (("q=blinking", True), ("verdict=failed", True), ("device=02:54:10:2b:30:01", True)):
        page.goto(f"/?{query}")
        assert (page.locator(f"#list a[href='/captures/{failed}']").count() > 0) is is_there
    page.goto("/?q=nothing-of-this-name")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.goto("/?verdict=healthy")
    assert page.locator(f"#list a[href='/captures/{failed}']").count() == 0


def test_a_short_name_stays_whole_beside_a_long_note(page: Page, server: Server) -> None:
    server.send(NO_LEASE.read_bytes(), "mid.pcap", "&log=short&note=" + "+".join(["sent-to-the-firewall-team"] * 12))
    page.goto("/?q=mid.pcap")
    assert page.locator("#list th a").evaluate("link => link.getClientRects().length") == 1


def test_a_note_is_kept_and_found(page: Page, failed: str) -> None:
    page.goto(f"/captures/{failed}")
    page.get_by_text("Add a note").click()
    page.get_by_label("Note").fill("asked the firewall team")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.locator("#note [role=status]")).to_have_text("Kept")
    page.goto("/?q=asked+the+firewall")
    expect(page.locator(f"#list a[href='/captures/{failed}']").first).to_be_visible()


def test_what_is_deleted_is_gone(page: Page, server: Server) -> None:
    capture = server.audit(BLINKING, "&log=one+to+delete")
    page.goto(f"/captures/{capture}")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Sensorist")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url(f"{server.url}/")
    assert page.locator(f"#list a[href='/captures/{capture}']").count() == 0
    assert not (server.data_dir / "captures" / capture).exists()
