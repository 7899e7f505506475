"""An ordinary office PC: the bystander that makes noise and must never be accused."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import random
import socket
import struct
import time

from tests.lab import dns_codec
from tests.lab.devices.host import Host, get

_SITES = (
    "www.city-weather.example",
    "mail.office-suite.example",
    "www.encyclopedia.example",
    "news.morning-paper.example",
    "cdn.print-driver.example",
)
_CLOSED_DOORS = (("10.20.36.9", 9100), ("151.101.65.50", 8443), ("10.20.36.1", 445), ("23.43.85.142", 993))
"""Nobody, a server's closed port, the gateway's closed port, a closed port again."""

_LLMNR = ("224.0.0.252", 5355)


def run(host: Host) -> None:
    """Browse.

    Settings: ``portal`` is a web site visited every third time; ``proxy`` the way out as ``address:port``;
    ``tls`` the newest version it speaks; ``noise`` makes it fail at many things besides, as office PCs do.
    """
    host.take_lease()
    _look_for_proxy(host)
    portal = host.settings.get("portal")
    for turn, site in enumerate(itertools.cycle(_SITES)):
        _visit(host, portal if portal and turn % 3 == 1 else site)
        if "noise" in host.settings:
            _fail_at_something(host, turn)
        time.sleep(random.uniform(8, 15))


def _fail_at_something(host: Host, turn: int) -> None:
    """Knock at closed, silent and unknown doors: a retired printer, a dead name, a server that says no."""
    host.resolve(f"old-intranet{turn}.office.example", more_kinds=(dns_codec.AAAA,))
    for address, port in _CLOSED_DOORS[turn % len(_CLOSED_DOORS) :][:2]:
        with contextlib.suppress(OSError), host.open_tcp(address, port, wait_s=4):
            pass
    for address in host.resolve(_SITES[0])[:1]:
        with contextlib.suppress(OSError), host.open_tls("retired.office-suite.example", address, 443, wait_s=4):
            pass


def _look_for_proxy(host: Host) -> None:
    """Ask for ``wpad`` in vain, by DNS and on the link, as Windows does."""
    host.resolve("wpad.office.example")
    query = dns_codec.encode_query(random.randrange(65536), "wpad", dns_codec.A)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link, contextlib.suppress(OSError):
        link.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, struct.pack("b", 1))
        link.sendto(query, _LLMNR)


def _visit(host: Host, site: str) -> None:
    if "proxy" in host.settings:
        _visit_by_proxy(host, site)
        return
    is_newest = host.settings.get("tls") != "1.2"
    for address in host.resolve(site, more_kinds=(dns_codec.AAAA,))[:1]:
        with contextlib.suppress(OSError), host.open_tls(site, address, 443, newest=is_newest) as page:
            get(page, site, "/")
            get(page, site, "/style.css")


def _visit_by_proxy(host: Host, site: str) -> None:
    """Ask the proxy for a tunnel (CONNECT) and load two pages through it."""
    proxy, _, port = host.settings["proxy"].rpartition(":")
    tunnel = http.client.HTTPSConnection(proxy, int(port), timeout=10, context=host.tls_context())
    tunnel.set_tunnel(site, 443)
    with contextlib.suppress(OSError, http.client.HTTPException):
        for path in ("/", "/style.css"):
            tunnel.request("GET", path)
            tunnel.getresponse().read()
    tunnel.close()
