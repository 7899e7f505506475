"""The pages of a server that has captures: what the tests and the pictures of the documentation look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.browser.support import BLINKING, SAMPLES, Server

_PATHS = {
    "history": "/",
    "search": "/?q=sensorist&verdict=failed",
    "answer": "/captures/{failed}",
    "answer of a healthy device": "/captures/{healthy}",
    "answer where no device is": "/captures/{none}",
    "what could not be read": "/captures/{broken}",
    "other details": "/captures/{failed}/anew",
    "other details that cannot be meant so": "/captures/{failed}/anew?device=the+red+one",
    "findings": "/captures/{failed}/findings",
    "requests": "/captures/{failed}/requests",
    "requests of a healthy device": "/captures/{healthy}/requests",
    "tables": "/captures/{failed}/tables",
    "table": "/captures/{failed}/tables/dns",
    "table of flows": "/captures/{failed}/tables/flows",
    "frame": "/captures/{failed}/frames/{frame}",
    "choice to compare": "/captures/{failed}/compare",
    "comparison": "/compare?a={failed}&b={healthy}",
    "rules": "/rules",
    "rule": "/rules/TCP-ALL-PORTS-FAIL",
}
_EMPTY_PCAP = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
"""The header of a capture without a frame (draft-ietf-opsawg-pcap, section 4)."""
PAGES = tuple(_PATHS)
"""Names of all pages."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """The captures of a server by what they show."""

    ids: Mapping[str, str]

    def path(self, name: str) -> str:
        """Where a page is."""
        return _PATHS[name].format_map(self.ids)

    def paths_about(self, capture: str) -> list[str]:
        """Every page of one capture, with the pages of the whole list."""
        ids = {**self.ids, "failed": self.ids[capture]}
        return [path.format_map(ids) for path in _PATHS.values() if _is_about(path)]


def shelf_of(*, failed: str, healthy: str, frame: int) -> Shelf:
    """A shelf of two captures of the same device; ``frame`` is one that the first one's report cites."""
    return Shelf({"failed": failed, "healthy": healthy, "frame": str(frame)})


def fill_shelf(server: Server) -> Shelf:
    """Upload samples and wait for their analyses."""
    failed = server.audit(BLINKING, "&note=port+12,+before+the+change&led=blinking+red")
    healthy = server.audit(SAMPLES / "sensorist-healthy.pcapng")
    server.ask("GET", f"/api/captures/{failed}/tables/dns")  # made now, so that no page waits for it
    nothing = server.send(_EMPTY_PCAP, "nobody.pcap")
    broken = server.send(b"GIF89a" + bytes(90), "picture.pcap", ends="failed")
    return Shelf({"failed": failed, "healthy": healthy, "none": nothing, "broken": broken, "frame": "48"})


def _is_about(path: str) -> bool:
    return "{" not in path or "{failed}" in path


def paths_of(shelf: Shelf) -> dict[str, str]:
    """Every page by its name."""
    return {name: shelf.path(name) for name in PAGES}
