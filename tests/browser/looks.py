"""Asks a page what a careful person would see: is it readable, named, within the window, quiet while it loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_LOOKS = Path(__file__).with_name("looks.js").read_text(encoding="utf-8")
_NEED_A_NAME = frozenset(
    {
        *("button", "link", "textbox", "searchbox", "combobox", "listbox", "checkbox", "radio", "spinbutton", "slider"),
        *("image", "img", "progressbar", "ProgressIndicator", "dialog", "DisclosureTriangle", "tab", "menuitem"),
        *("navigation", "region"),
    }
)
"""Roles that a screen reader announces by their name (WAI-ARIA 1.2, section 5.2.8.4)."""
_WATCH_SHIFTS = """
window.shifts = 0;
new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) window.shifts += e.value; })
  .observe({ type: 'layout-shift', buffered: true });
"""


def find_faults(page: Page) -> list[str]:
    """What is wrong with a page as it stands, one sentence for each fault."""
    page.evaluate(_LOOKS)
    measured = page.evaluate("[...looks.faintText(), ...looks.wide(), ...looks.order(), ...looks.small()]")
    return [*map(str, measured), *find_nameless(page)]


def find_nameless(page: Page) -> list[str]:
    """Controls and pictures that a screen reader could not name."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [f"a {_role(node)} without a name" for node in nodes if _role(node) in _NEED_A_NAME and not _name(node)]


def watch_shifts(page: Page) -> None:
    """Have the next pages count how much they jump while they load."""
    page.add_init_script(_WATCH_SHIFTS)


def shift_of(page: Page) -> float:
    """How much the page jumped: the sum of all layout shifts (below 0.1 is good)."""
    return float(page.evaluate("window.shifts"))


def _role(node: dict[str, Any]) -> str:
    return "" if node["ignored"] else str(node.get("role", {}).get("value", ""))


def _name(node: dict[str, Any]) -> str:
    return str(node.get("name", {}).get("value", "")).strip()
