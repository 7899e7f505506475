"""A real server and a real browser, and what the tests ask of every page."""

from __future__ import annotations

import json
import os
import random
import re
import struct
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import zstandard
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, ViewportSize, WebError

TOKEN = "a-token-for-tests-alone"
CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLES = CHECKOUT / "samples"
BLINKING = SAMPLES / "sensorist-blinking-red.pcapng"
NO_LEASE = SAMPLES / "sensorist-no-dhcp.pcapng"
HEALTHY = SAMPLES / "sensorist-healthy.pcapng"
PATIENCE_MS = 60_000
"""For what must appear: a busy machine dissects a frame in seconds."""

DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}
_QUIET = (
    "--no-sandbox",  # the tests may run as root, in a container
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


_TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", e => console.error("policy: " + e.violatedDirective, e.sourceFile));
"""


def endless_capture() -> bytes:
    """A file of 50 MB whose reading takes a minute: 7.5 GB of the same frames, compressed.

    It is many compressed frames behind one another (RFC 8878, section 3), each with something that does not compress.
    """
    chance = random.Random(1)
    ethernet = bytes.fromhex("ffffffffffff 020000000001 88b5")  # local experimental, IEEE 802
    records = (struct.pack("<IIII", 0, 0, 60, 60) + ethernet + chance.randbytes(46) for _ in range(2000))
    squeeze = zstandard.ZstdCompressor().compress
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    return squeeze(head) + squeeze(b"".join(records) * 100) * 500


@dataclass
class Server:
    """``pcapaudit serve`` as a process."""

    url: str
    login: str
    data_dir: Path
    said: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """What the interface for scripts answers. Raises HTTPError for an error."""
        request = urllib.request.Request(self.url + path, body, {"Authorization": f"Bearer {TOKEN}"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())

    def audit(self, path: Path, query: str = "") -> str:
        """Upload a capture and wait for its analysis; its id. ``query`` begins with ``&``."""
        return self.send(path.read_bytes(), path.name, query)

    def put(self, content: bytes, name: str, query: str = "") -> str:
        """Upload a capture; its id."""
        return str(json.loads(self.ask("PUT", f"/api/captures?name={quote(name)}{query}", content))["id"])

    def send(self, content: bytes, name: str, query: str = "", *, ends: str = "done") -> str:
        """The same with the capture itself, and with another end of its analysis."""
        capture = self.put(content, name, query)
        self.ask("GET", f"/api/captures/{capture}/events")
        told = json.loads(self.ask("GET", f"/api/captures/{capture}"))
        assert told["state"] == ends, told["reason"]
        return capture


@contextmanager
def running(data_dir: Path, *words: str) -> Iterator[Server]:
    """A server on a free port, and the address that it printed."""
    with started(["pcapaudit", "serve", "--port", "0", "--data-dir", str(data_dir), *words], data_dir) as server:
        yield server


@contextmanager
def started(words: Sequence[str], data_dir: Path) -> Iterator[Server]:
    """The same by a module of Python and its arguments."""
    command = [sys.executable, "-m", *words]
    environment = {**os.environ, "PCAPAUDIT_TOKEN": TOKEN}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, cwd=CHECKOUT) as process:
        assert process.stderr is not None
        login = next(found[0] for line in process.stderr if (found := re.search(r"http\S+/login\?code=\S+", line)))
        server = Server(login.split("/login")[0], login, data_dir)
        reader = threading.Thread(target=server.said.extend, args=(process.stderr,), daemon=True)
        reader.start()
        try:
            yield server
        finally:
            process.kill()
            reader.join()


def launch(playwright: Playwright, chromium: str) -> Browser:
    """Debian's chromium with a fresh profile; it asks nobody but the server."""
    return playwright.chromium.launch(executable_path=chromium, args=list(_QUIET))


@dataclass
class Watch:
    """What a browser did that it should not have done."""

    url: str
    faults: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        """Note from now on errors, broken safety rules, messages that popped up, requests to others."""
        context.on("request", lambda request: self._note_foreign(request.url))
        context.on("console", self._note_console)
        context.on("weberror", self._note_error)
        context.add_init_script(_TELL_VIOLATIONS)

    def _note_error(self, error: WebError) -> None:
        where = error.page.url if error.page else "a worker"
        self.faults.append(f"error at {where}: {error.error.stack or error.error}")

    def _note_foreign(self, url: str) -> None:
        if not url.startswith((self.url, "data:", "blob:", "about:", "file:")):
            self.faults.append(f"asked {url}")

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(f"{message.type} at {message.location['url']}: {message.text}")


@contextmanager
def logged_in(browser: Browser, server: Server, *, may_fail: bool = False, **options: Any) -> Iterator[Page]:
    """A page of a fresh browser profile that is logged in; unless it may fail, nothing went wrong at the end."""
    options = {"viewport": DESKTOP, "accept_downloads": True, **options}
    context = browser.new_context(base_url=server.url, **options)
    context.set_default_timeout(PATIENCE_MS)
    watch = Watch(server.url)
    watch.follow(context)
    context.request.post("/login", form={"secret": TOKEN}, max_redirects=0)
    try:
        yield context.new_page()
        assert may_fail or not watch.faults, "\n".join(watch.faults)
    finally:
        context.close()
