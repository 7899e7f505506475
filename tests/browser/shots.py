"""Make the pictures of the documentation: each page of the server, of samples alone, at desktop and phone width.

``python -m tests.browser.shots docs/pictures`` writes them; other arguments are the names of pages. With ``--dark``
they are dark, with ``--whole`` as long as the page is.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.pages import Shelf, fill_shelf, paths_of
from tests.browser.support import DESKTOP, PHONE, Server, launch, logged_in, running

_SIZES = {"": DESKTOP, "-phone": PHONE}
_COLOURS = 96


def main(words: list[str]) -> int:
    """Take the pictures; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--whole", action="store_true")
    wanted = parser.parse_args(words)
    chromium = shutil.which("chromium")
    if chromium is None:
        parser.error("chromium is not installed (package chromium)")
    wanted.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as server, sync_playwright() as play:
        browser = launch(play, chromium)
        shelf = fill_shelf(server)
        for ending, size in _SIZES.items():
            _take_all(browser, server, shelf, wanted, ending=ending, viewport=size)
        browser.close()
    return 0


def _take_all(
    browser: Browser, server: Server, shelf: Shelf, wanted: argparse.Namespace, *, ending: str, **options: Any
) -> None:
    theme = "dark" if wanted.dark else "light"
    with logged_in(browser, server, color_scheme=theme, reduced_motion="reduce", **options) as page:
        for name, path in paths_of(shelf).items():
            if not wanted.names or name in wanted.names:
                page.goto(path)
                _save(page, wanted.folder / f"{name.replace(' ', '-')}{ending}.png", whole=wanted.whole)


def _save(page: Page, target: Path, *, whole: bool) -> None:
    """Fewer colours make it small; what a page shows has few."""
    picture = Image.open(io.BytesIO(page.screenshot(full_page=whole)))
    picture.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
