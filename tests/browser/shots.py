"""Make the pictures of the documentation: each page of the server, of samples alone, at desktop and phone width.

``python -m tests.browser.shots docs/pictures`` writes them; other arguments are the names of pictures. With ``--dark``
they are dark, with ``--whole`` as long as the page is.
"""

from __future__ import annotations

import argparse
import io
import json
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
    started,
)
from tests.web.live.support import device, healthy, lost, status

_SIZES: dict[str, ViewportSize] = {"": DESKTOP, "-phone": PHONE}
_COLOURS = 200
_LIVE = "live"
_STANDS = status(
    devices=[
        device(),
        healthy(
            22,
            device="Maktinta Energy / TEK Pool EMS controller",
            verdict="degraded",
            stage="name",
            rule="DNS-NO-REPLY",
            summary="One of its two resolvers, 10.20.36.3, answers no question.",
            indicator=None,
            is_provisional=True,
        ),
        healthy(40, device="METER Group / SKALA NEXUS", indicator=None, answered="2026-01-01T14:02:29Z"),
        healthy(41, device="AlsoEnergy / SMA FTP upload", indicator=None, answered="2026-01-01T14:02:12Z"),
    ],
    verdicts={"healthy": 2, "undecided": 0, "degraded": 1, "failed": 1},
)
_EVENTS = (
    *(
        {"event": "seen", "at": f"2026-01-01T13:{minute}:07Z", "text": f"{name} is there and works"}
        for minute, name in (
            ("40", "METER Group / SKALA NEXUS 10.20.36.40"),
            ("41", "AlsoEnergy / SMA FTP upload 10.20.36.41"),
            ("42", "Sensorist / Oscar TempLog gateway 10.20.36.101"),
        )
    ),
    lost(),
)
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
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        browser = launch(play, chromium)
        if not wanted.names or set(wanted.names) - {_LIVE}:
            _take_captures(browser, wanted, Path(folder))
        if not wanted.names or _LIVE in wanted.names:
            _take_live(browser, wanted, Path(folder))
        browser.close()
    return 0


def _take_captures(browser: Browser, wanted: argparse.Namespace, folder: Path) -> None:
    with running(folder / "data") as server:
        stage = _set_stage(server, folder)
        for name, prepare in PICTURES.items():
            if not wanted.names or name in wanted.names:
                _take(browser, server, stage, wanted, name, prepare)
            if name == "waiting":
                server.ask("DELETE", f"/api/captures/{stage.endless}")


def _take_live(browser: Browser, wanted: argparse.Namespace, folder: Path) -> None:
    """The live page, of a watch that tells what stands in a file."""
    told, data = folder / "told", folder / "watched"
    told.write_text("".join(json.dumps(line) + "\n" for line in _EVENTS), encoding="utf-8")
    with started(["tests.web.live.serve", str(data), str(told), "--again", json.dumps(_STANDS)], data) as server:
        _take(browser, server, Stage("", "", ""), wanted, _LIVE, _show_live)


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


def _show_live(page: Page, _stage: Stage) -> None:
    page.goto("/live")
    expect(page.locator("#lines tr")).to_have_count(len(_STANDS["devices"]))
    expect(page.locator("#events li")).to_have_count(len(_EVENTS))


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
