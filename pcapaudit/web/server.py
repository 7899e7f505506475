"""Starts the server: one for each data folder, quiet in its log."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from pcapaudit.model.errors import UsageError
from pcapaudit.model.records import dataclass
from pcapaudit.web.app import build_app
from pcapaudit.web.door.connections import PatientProtocol
from pcapaudit.web.door.quiet import keep_quiet
from pcapaudit.web.settings import Settings, prepare_folder
from pcapaudit.web.state import Site

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to
_MOST_CONNECTIONS = 1000
_OPEN_FILES = 4 * _MOST_CONNECTIONS
_LONGEST_HEAD = 160 << 10
"""Bytes of a request before its body: a note of 10,000 characters stands in the address, each as twelve at most."""
_LAST_WORDS_S = 1
"""Seconds that requests have to end when the server does."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host in _LOOPBACK

    @property
    def names(self) -> frozenset[str]:
        """Names by which a browser may call it; empty when it listens everywhere."""
        if self.host in _ANY:
            return frozenset()
        return _LOOPBACK if self.host in _LOOPBACK else frozenset({self.host.lower()})

    def url(self, port: int) -> str:
        """Its address for a browser; ``port`` is the one it really got."""
        host = "localhost" if self.host in _ANY else self.host
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(settings: Settings, address: Address, announce: Callable[[str], None]) -> None:
    """Serve until a SIGINT or SIGTERM; then end within a second or two, and return.

    Args:
        settings: How the server runs.
        address: Where it listens; port 0 takes a free one.
        announce: Told the address that logs a browser in, once the server answers and a signal ends it in good order.

    Raises:
        UsageError: The port is taken, the folder or its list cannot be used, or another server uses it.
    """
    # Whatever is kept, also what a library makes, is for the owner alone.
    os.umask(0o077)
    prepare_folder(settings.data_dir)
    lock = _lock(settings.data_dir)
    _check_list(settings.data_dir)
    listening = _listen(address)
    _allow_files()
    try:
        keep_quiet()
        app = build_app(settings)
        site: Site = app.state.site
        login = f"{settings.url or address.url(listening.getsockname()[1])}/login?code={site.gate.code}"
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            http=PatientProtocol,
            h11_max_incomplete_event_size=_LONGEST_HEAD,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_LAST_WORDS_S,
            # Who asks is what a proxy says only when one was announced; uvicorn believes it from this machine alone.
            proxy_headers=settings.url is not None,
        )
        _Server(config, site, lambda: announce(login)).run(sockets=[listening])
    finally:
        listening.close()
        os.close(lock)


class _Server(uvicorn.Server):
    """Ends quickly, and as if nothing had happened: a signal is how a server is meant to end."""

    def __init__(self, config: uvicorn.Config, site: Site, tell: Callable[[], None]) -> None:
        super().__init__(config)
        self._site = site
        self._tell = tell

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and tell so: the signals are taken already."""
        await super().startup(sockets)
        self._tell()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Send home who watches or uploads, before waiting for those who still get an answer."""
        self._site.workshop.dismiss()
        self._site.intake.dismiss()
        if self._site.desk is not None:
            self._site.desk.dismiss()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals; those that came are done with when this ends, where uvicorn would raise them again."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def _check_list(data_dir: Path) -> None:
    """Raise UsageError when the list is damaged or lost: captures without a line in it would be cleared away."""
    path = data_dir / "list.sqlite3"
    try:
        with contextlib.closing(sqlite3.connect(path)) as base:
            fault = base.execute("PRAGMA quick_check(1)").fetchone()[0]
            has_lines = base.execute("SELECT 1 FROM sqlite_master WHERE name = 'captures'").fetchone()
    except sqlite3.Error as error:
        fault, has_lines = str(error), None
    if fault != "ok":
        raise UsageError(f"the list {path} is damaged ({fault}): put a copy of it back, or give another --data-dir")
    if not has_lines and any((data_dir / "captures").iterdir()):
        raise UsageError(f"the list {path} is lost, but captures are there: put it back, or give another --data-dir")


def _allow_files() -> None:
    """Let this process have as many connections and files open as it is made for."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if most == resource.RLIM_INFINITY else min(_OPEN_FILES, most)
    if soft not in (resource.RLIM_INFINITY, wanted) and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _lock(data_dir: Path) -> int:
    """Keep other servers away from the folder; the system lets go when this process ends, however it ends."""
    try:
        handle = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UsageError(f"the data folder {data_dir} cannot be used: {error.strerror or error}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UsageError(f"another server uses the data folder {data_dir}: stop it, or give --data-dir") from None
    return handle


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address.host, address.port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise UsageError(f"cannot listen on {address.host} port {address.port}: {error.strerror or error}") from error
    return listening
