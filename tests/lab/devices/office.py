"""An ordinary office PC: the bystander that makes noise and must never be accused."""

from __future__ import annotations

import contextlib
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
_LLMNR = ("224.0.0.252", 5355)


def run(host: Host) -> None:
    """Browse; with the setting ``portal`` also visit that web site every third time."""
    host.take_lease()
    _look_for_proxy(host)
    portal = host.settings.get("portal")
    for turn, site in enumerate(itertools.cycle(_SITES)):
        _visit(host, portal if portal and turn % 3 == 1 else site)
        time.sleep(random.uniform(8, 15))


def _look_for_proxy(host: Host) -> None:
    """Ask for ``wpad`` in vain, by DNS and on the link, as Windows does."""
    host.resolve("wpad.office.example")
    query = dns_codec.encode_query(random.randrange(65536), "wpad", dns_codec.A)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link, contextlib.suppress(OSError):
        link.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, struct.pack("b", 1))
        link.sendto(query, _LLMNR)


def _visit(host: Host, site: str) -> None:
    for address in host.resolve(site, more_kinds=(dns_codec.AAAA,))[:1]:
        with contextlib.suppress(OSError), host.open_tls(site, address, 443, wait_s=10) as page:
            get(page, site, "/")
            get(page, site, "/style.css")
