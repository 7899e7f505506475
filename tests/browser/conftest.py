"""One browser and one server for each module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.support import PATIENCE_MS, Server, launch, logged_in, running

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser(require_tool: Callable[[str], str]) -> Iterator[Browser]:
    """A fresh chromium."""
    with sync_playwright() as playwright:
        browser = launch(playwright, require_tool("chromium"))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an empty list."""
    with running(tmp_path_factory.mktemp("served") / "data") as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A page that is logged in; the test fails when the browser had to complain."""
    with logged_in(browser, server) as page:
        yield page


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    """A folder for what is downloaded."""
    return tmp_path
