"""Starts the server: one for each data folder, quiet in its log."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from pcapaudit.model.errors import UsageError
from pcapaudit.model.records import dataclass
from pcapaudit.web.app import build_app
from pcapaudit.web.settings import Settings, prepare_folder
from pcapaudit.web.state import Site

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens."""

    host: str
    port: int

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
    """Serve until interrupted.

    Args:
        settings: How the server runs.
        address: Where it listens; port 0 takes a free one.
        announce: Told the address that logs a browser in, once the server listens.

    Raises:
        UsageError: The port is taken, the folder cannot be used, or another server uses it.
    """
    prepare_folder(settings.data_dir)
    lock = _lock(settings.data_dir)
    listening = _listen(address)
    try:
        app = build_app(settings)
        site: Site = app.state.site
        port = listening.getsockname()[1]
        announce(f"{address.url(port)}/login?code={site.gate.code}")
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        listening.close()
        os.close(lock)


def _lock(data_dir: Path) -> int:
    """Keep other servers away from the folder; the system lets go when this process ends, however it ends."""
    handle = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
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
