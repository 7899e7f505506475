"""The measures measure: a page with a known fault is not passed over, and one without is not accused."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.looks import find_faults, shift_of, watch_shifts
from tests.browser.support import PHONE

pytestmark = pytest.mark.needs_browser

GOOD = """<!doctype html><html lang="en"><head><title>t</title></head>
<body style="background: white; color: black"><main><h1>One</h1>{}</main></body></html>"""


@pytest.fixture(scope="module")
def blank(browser: Browser) -> Page:
    return browser.new_page(viewport=PHONE)


def faults_of(page: Page, inside: str) -> list[str]:
    page.set_content(GOOD.format(inside))
    return find_faults(page)


def test_a_good_page_has_no_fault(blank: Page) -> None:
    assert faults_of(blank, "<p>text <a href='/x'>link</a></p><button style='min-height: 24px'>Go</button>") == []


# 4.54 and 4.48 to 1, by the table of WebAIM and the formula of WCAG.
@pytest.mark.parametrize(("colour", "is_fault"), [("#767676", False), ("#777777", True), ("rgb(0 0 0 / 40%)", True)])
def test_faint_text_is_seen(blank: Page, colour: str, *, is_fault: bool) -> None:
    assert bool(faults_of(blank, f"<p style='color: {colour}'>text</p>")) is is_fault


def test_large_text_may_be_fainter(blank: Page) -> None:
    assert faults_of(blank, "<p style='color: #949494; font-size: 24px'>text</p>") == []
    assert faults_of(blank, "<p style='color: #949494; font-size: 23px'>text</p>") != []


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("<div style='width: 400px'>wide</div>", "the page is 4"),
        ("<h3>Three</h3>", "a heading of level 3 below one of 1"),
        ("<h1>Another</h1>", "2 first headings"),
        ("<p id=a>1</p><p id=a>2</p>", "twice: id a"),
        ("<button style='min-width: 30px; min-height: 30px'></button>", "a button without a name"),
        ("<input style='min-height: 24px'>", "a textbox without a name"),
        ("<img src='data:,'>", "no alt"),
        ("<table><tr><td>1</td></tr></table>", "a table without headings"),
        (
            "<a href='/x'></a><a href='/x' style='display:inline-block;width:9px;height:9px'></a>",
            "a link without a name",
        ),
        ("<button style='font-size: 6px; padding: 0; border: 0'>x</button>", "small: "),
        ("<p aria-describedby='nowhere'>text</p>", "names nowhere"),
        ("<div style='overflow-x: auto'><p style='width: 900px'>x</p></div>", "no key reaches it"),
    ],
)
def test_a_fault_is_named(blank: Page, inside: str, said: str) -> None:
    assert [fault for fault in faults_of(blank, inside) if said in fault]


def test_what_scrolls_in_its_own_region_is_not_too_wide(blank: Page) -> None:
    region = "<div style='overflow-x: auto' tabindex=0 role=region aria-label=Table><p style='width: 900px'>x</p></div>"
    assert faults_of(blank, region) == []


def test_a_jump_is_counted(blank: Page) -> None:
    watch_shifts(blank)
    blank.goto("data:text/html,<h1 id=a>One</h1><p>" + "text%20" * 200)
    blank.evaluate(
        """async () => {
          const frames = n => new Promise(done => requestAnimationFrame(() => n ? frames(n - 1).then(done) : done()));
          await frames(2);
          document.getElementById('a').style.marginTop = '300px';
          await frames(4);
        }"""
    )
    assert shift_of(blank) > 0.1
