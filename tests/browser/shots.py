"""Make the pictures of the documentation: each page of the server, of samples alone, at desktop and phone width.

``python -m tests.browser.shots docs/pictures`` writes them; other arguments are the names of pictures. With ``--dark``
they are dark, with ``--whole`` as long as the page is.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.browser.support import (
    BLINKING,
    DESKTOP,
    HEALTHY,
    PHONE,
    SAMPLES,
    Server,
    endless_capture,
    launch,
    logged_in,
    running,
)

_SIZES: dict[str, ViewportSize] = {"": DESKTOP, "-phone": PHONE}
_COLOURS = 200
_OTHERS = ("tek-8844-dropped", "skala-ipad-healthy", "wennsoft-5432-dropped", "alsoenergy-smaftp-healthy")


@dataclass(frozen=True, slots=True)
class Stage:
    """What the pictures are taken of: a capture with a fault, the same device later, one that is being read."""

    before: str
    after: str
    endless: str


Picture = Callable[[Page, Stage], None]


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
    expect.set_options(timeout=60_000)
    wanted.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as server, sync_playwright() as play:
        browser = launch(play, chromium)
        stage = _set_stage(server, Path(folder))
        for name, prepare in PICTURES.items():
            if not wanted.names or name in wanted.names:
                _take(browser, server, stage, wanted, name, prepare)
            if name == "waiting":
                server.ask("DELETE", f"/api/captures/{stage.endless}")
        browser.close()
    return 0


def _set_stage(server: Server, folder: Path) -> Stage:
    for name in _OTHERS:
        server.audit(SAMPLES / f"{name}.pcapng")
    before = server.audit(BLINKING, "&led=blinking+red&note=before+the+change&mirror_point=switch+3,+port+12")
    after = server.audit(_a_day_later(HEALTHY, folder), "&note=after+the+change&mirror_point=switch+3,+port+12")
    server.ask("GET", f"/api/captures/{before}/tables/dns")
    return Stage(before, after, server.put(endless_capture(), "office-uplink.pcap.zst"))


def _a_day_later(sample: Path, folder: Path) -> Path:
    """The same capture as if it had been taken on the next day; the samples are all of one hour."""
    target = folder / "sensorist-after-change.pcapng"
    subprocess.run(["editcap", "-t", "86400", str(sample), str(target)], check=True)
    return target


def _take(
    browser: Browser, server: Server, stage: Stage, wanted: argparse.Namespace, name: str, prepare: Picture
) -> None:
    theme = "dark" if wanted.dark else "light"
    for ending, size in _SIZES.items():
        looks: dict[str, Any] = {"viewport": size, "color_scheme": theme, "reduced_motion": "reduce"}
        with logged_in(browser, server, **looks) as page:
            prepare(page, stage)
            _save(page, wanted.folder / f"{name}{ending}.png", whole=wanted.whole)


def _save(page: Page, target: Path, *, whole: bool) -> None:
    """The colours that are seen most stay as they are, so that the picture is small and none looks different."""
    picture = Image.open(io.BytesIO(page.screenshot(full_page=whole))).convert("RGB")
    counted = sorted(picture.getcolors(picture.width * picture.height) or [], reverse=True)[:_COLOURS]
    palette = Image.new("P", (1, 1))
    palette.putpalette([value for _, colour in counted for value in cast("tuple[int, int, int]", colour)])
    picture.quantize(palette=palette, dither=Image.Dither.NONE).save(target, optimize=True)


# --- one function for each picture ----------------------------------------------------------------------


def _show_login(page: Page, _stage: Stage) -> None:
    page.context.clear_cookies()
    page.goto("/login")


def _show_upload(page: Page, _stage: Stage) -> None:
    page.goto("/")
    page.get_by_text("What you know already").click()
    page.locator("#signature").select_option("sensorist/gateway")
    page.get_by_role("textbox", name="LED").fill("blinking red")
    page.get_by_role("textbox", name="Note").fill("before the change")
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")


def _show_waiting(page: Page, stage: Stage) -> None:
    page.goto(f"/captures/{stage.endless}")
    expect(page.locator("#said")).to_contain_text("left")


def _show_frame(page: Page, stage: Stage) -> None:
    page.goto(f"/captures/{stage.before}")
    page.locator("#pane a.peek[href*='/frames/48']").first.click()
    expect(page.get_by_role("dialog").get_by_role("heading", level=1)).to_be_visible()


def _show_history(page: Page, _stage: Stage) -> None:
    page.goto("/#history")
    page.locator("#history").evaluate("heading => heading.scrollIntoView()")


def _at(path: str) -> Picture:
    """A page as it is when it is opened."""

    def prepare(page: Page, stage: Stage) -> None:
        page.goto(path.format(before=stage.before, after=stage.after))

    return prepare


PICTURES: dict[str, Picture] = {
    "waiting": _show_waiting,
    "login": _show_login,
    "upload": _show_upload,
    "answer": _at("/captures/{before}"),
    "healthy": _at("/captures/{after}"),
    "findings": _at("/captures/{before}/findings"),
    "requests": _at("/captures/{before}/requests"),
    "table": _at("/captures/{before}/tables/dns?query=sensorist"),
    "frame": _show_frame,
    "compare": _at("/compare?a={before}&b={after}"),
    "history": _show_history,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
