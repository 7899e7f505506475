"""The WennSoft Connect MiniAgent as its paper describes it (WSC-01 to WSC-14)."""

from __future__ import annotations

import contextlib
import os
import random
import ssl
import struct
import time

from tests.lab.devices import clients
from tests.lab.devices.host import Host, ping

_PING_TARGET = "4.2.2.2"
_APPLICATION = "appservice-01.connect.key2act.io"
_DATABASES = ("db-01.connect.key2act.io", "db-02.connect.key2act.io")
_SSL_REQUEST = struct.pack(">II", 8, 80877103)
_EXTRA_RESOLVERS = ("8.8.8.8",)
"""Tried whatever the lease says (WSC-13)."""

_PING_PHASE_S = 60
_INTERVAL_S = 15


def run(host: Host) -> None:
    """Boot (address, ping, time, licence), then work with application server and database.

    Settings: ``app_port``; ``clock_tries``, ``clock_rounds`` (asks the time again and again); ``tls`` (``1.2``,
    ``1.3``); ``client`` (``ssl``, ``gnutls``) towards the application server; ``database``: for PostgreSQL's
    own client the mode of its encryption, such as ``require``, and ``password``.
    """
    host.take_lease()
    _wait_for_network()
    tries = int(host.settings.get("clock_tries", "1"))
    any(host.set_clock("pool.ntp.org") for _ in range(tries))
    for port in (57000, 57001):
        _say(host, port)
    while True:
        _say(host, int(host.settings["app_port"]))
        _write_samples(host)
        if "clock_rounds" in host.settings:
            host.set_clock("pool.ntp.org")
        time.sleep(_INTERVAL_S)


def _wait_for_network() -> None:
    """Ping until it works, one minute at most (WSC-14)."""
    end = time.monotonic() + _PING_PHASE_S
    while not ping(_PING_TARGET) and time.monotonic() < end:
        time.sleep(3)


def _say(host: Host, port: int) -> None:
    said = os.urandom(random.randint(80, 200))
    for address in host.resolve(_APPLICATION, also=_EXTRA_RESOLVERS)[:1]:
        if host.settings.get("client") == "gnutls":
            clients.gnutls(host, _APPLICATION, address, port, said)
            continue
        newest = host.settings.get("tls") == "1.3"
        with contextlib.suppress(OSError), host.open_tls(_APPLICATION, address, port, newest=newest) as server:
            server.sendall(said)
            server.recv(4096)


def _write_samples(host: Host) -> None:
    """Insert into the first database that can be reached."""
    for name in _DATABASES:
        for address in host.resolve(name, also=_EXTRA_RESOLVERS)[:1]:
            if "database" in host.settings:
                if clients.psql(host, name, address, host.settings["database"]):
                    return
                continue
            with contextlib.suppress(OSError):
                _insert(host, name, address)
                return


def _insert(host: Host, name: str, address: str) -> None:
    with host.open_tcp(address, 5432, wait_s=8) as plain:
        plain.sendall(_SSL_REQUEST)
        if plain.recv(1) != b"S":
            return
        with host.wrap_tls(plain, name) as database:
            _query(database)


def _query(database: ssl.SSLSocket) -> None:
    start = struct.pack(">I", 196608) + b"user\0agent\0database\0samples\0\0"
    database.sendall(struct.pack(">I", len(start) + 4) + start)
    database.recv(4096)
    for _ in range(2):
        text = b"INSERT INTO sample VALUES (DEFAULT, 21.5)\0"
        database.sendall(b"Q" + struct.pack(">I", len(text) + 4) + text)
        database.recv(4096)
