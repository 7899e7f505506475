"""Other boxes on the LAN: a server, a box with an address that is not its own, a PC that speaks IPv6 alone."""

from __future__ import annotations

import contextlib
import itertools
import os
import shlex
import socket
import subprocess
import time

from tests.lab import dns_codec
from tests.lab.devices.host import Host, get

_ETH_P_ARP = 0x0806
_BROADCAST = b"\xff" * 6


def run_server(host: Host) -> None:
    """Take the fixed address of the settings and become the program named by ``command``."""
    host.take_lease()
    words = shlex.split(host.settings["command"])
    os.execvp(words[0], words)


def run_twin(host: Host) -> None:
    """Use a fixed address that belongs to somebody else, and announce it every ``every`` seconds (RFC 5227)."""
    host.take_lease()
    mac, address = bytes.fromhex(host.settings["mac"].replace(":", "")), host.settings["fixed"].split("/")[0]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("eth0", _ETH_P_ARP))
        while True:
            wire.send(announcement(mac, socket.inet_aton(address)))
            time.sleep(float(host.settings.get("every", "5")))


def announcement(mac: bytes, address: bytes) -> bytes:
    """Give a gratuitous ARP request: sender and target are the same address."""
    head = _BROADCAST + mac + _ETH_P_ARP.to_bytes(2, "big") + bytes.fromhex("0001080006040001")
    return (head + mac + address + bytes(6) + address).ljust(60, b"\0")


def run_modern_pc(host: Host) -> None:
    """Browse by IPv6 alone: the address comes from router advertisements, the resolver is ``resolver``."""
    sites = host.settings["sites"].split(",")
    while not _has_address():
        time.sleep(0.5)
    for pair in itertools.cycle(sites):
        name, _, address = pair.partition("=")
        _ask_by_ipv6(host.settings["resolver"], name)
        with contextlib.suppress(OSError), host.open_tls(name, address, 443, wait_s=10) as page:
            get(page, name, "/")
        time.sleep(8)


def _has_address() -> bool:
    words = ["ip", "-6", "address", "show", "dev", "eth0", "scope", "global", "-tentative"]
    return b"inet6" in subprocess.run(words, capture_output=True, check=True).stdout


def _ask_by_ipv6(resolver: str, name: str) -> None:
    query = os.urandom(2) + dns_codec.encode_query(0, name, dns_codec.AAAA)[2:]
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client, contextlib.suppress(OSError):
        client.settimeout(3)
        client.sendto(query, (resolver, 53))
        client.recv(4096)
