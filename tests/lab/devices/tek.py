"""The TEK Pool EMS controller as its paper describes it: UDP alone (TEK-01 to TEK-15)."""

from __future__ import annotations

import itertools
import os
import random
import socket
import time

from tests.lab.devices.host import Host

_SERVERS = tuple(f"c{number}.ezecontrol.com" for number in range(1, 9))
_PORT = 8844
_OWN_PORTS = range(0x7000, 0x8000)
_REPLY_WAIT_S = 6.0
_INTERVAL_S = 12.0
_MESSAGE_SIZES = (24, 40, 56, 88, 152, 312)


def run(host: Host) -> None:
    """Get an address, then walk along the server list until one replies, and stay with it."""
    host.take_lease()
    for name in itertools.cycle(_SERVERS):
        for address in host.resolve(name)[:1]:
            _stay_with(address)


def _stay_with(address: str) -> None:
    """Exchange messages from one random port for as long as each is answered (TEK-12, TEK-13)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind(("", random.choice(_OWN_PORTS)))
        link.settimeout(_REPLY_WAIT_S)
        while _exchange(link, address):
            time.sleep(_INTERVAL_S)


def _exchange(link: socket.socket, address: str) -> bool:
    try:
        link.sendto(os.urandom(random.choice(_MESSAGE_SIZES)), (address, _PORT))
        return bool(link.recv(1500))
    except OSError:
        return False
