"""Every page at desktop and phone width, light and dark: readable, named, within the window, nothing jumps."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.looks import find_faults, shift_of, watch_shifts
from tests.browser.pages import PAGES, Shelf, fill_shelf
from tests.browser.support import DESKTOP, PHONE, Server, logged_in

pytestmark = pytest.mark.needs_browser

_MOST_BYTES = 600_000
"""What a page of a sample may weigh with all it needs."""


@pytest.fixture(scope="module")
def shelf(server: Server) -> Shelf:
    return fill_shelf(server)


@pytest.fixture(
    scope="module", params=[(DESKTOP, "light"), (PHONE, "dark")], ids=["at a desk, light", "on a phone, dark"]
)
def reader(browser: Browser, server: Server, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of each width and each theme: what is too wide or too faint in one is so in the other."""
    size, theme = request.param
    with logged_in(browser, server, viewport=size, color_scheme=theme) as page:
        watch_shifts(page)
        yield page


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_readable_named_and_within_the_window(reader: Page, shelf: Shelf, name: str) -> None:
    answer = reader.goto(shelf.path(name))
    assert answer is not None
    assert answer.status == 200
    faults = find_faults(reader)
    assert not faults, "\n".join(faults)
    assert shift_of(reader) < 0.1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_login_is_readable_named_and_within_the_window(browser: Browser, server: Server, theme: str) -> None:
    context = browser.new_context(base_url=server.url, viewport=PHONE, color_scheme=theme)  # type: ignore[arg-type]
    page = context.new_page()
    for address in ("/login", "/login?code=wrong"):
        page.goto(address)
        assert find_faults(page) == []
    context.close()


def test_a_page_is_light(page: Page, shelf: Shelf) -> None:
    for name in PAGES:
        page.goto(shelf.path(name), wait_until="load")
        weight, took_ms = page.evaluate(_WEIGH)
        sys.stdout.write(f"{name}: {weight / 1000:.0f} kB, loaded in {took_ms:.0f} ms\n")  # pytest -rP shows it
        assert weight < _MOST_BYTES, name


_WEIGH = """() => {
  const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  const [page] = performance.getEntriesByType('navigation');
  return [all.reduce((sum, one) => sum + one.decodedBodySize, 0), page.duration];
}"""
