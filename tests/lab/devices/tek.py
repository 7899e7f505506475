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
_PAUSE_S = 1.0
_MESSAGE_SIZES = (24, 40, 56, 88, 152, 312)


def run(host: Host) -> None:
    """Get an address, then walk along the server list until one replies, and stay with it."""
    host.take_lease()
    for name in itertools.cycle(_SERVERS):
        for address in host.resolve(name)[:1]:
            _stay_with(host, address)
        time.sleep(_PAUSE_S)


def _stay_with(host: Host, address: str) -> None:
    """Exchange messages from one random port for as long as each is answered (TEK-12, TEK-13)."""
    interval_s, tries = float(host.settings.get("every", _INTERVAL_S)), int(host.settings.get("tries", "1"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind(("", random.choice(_OWN_PORTS)))
        link.settimeout(float(host.settings.get("reply_wait", _REPLY_WAIT_S)))
        while any(_exchange(link, address) for _ in range(tries)):
            time.sleep(interval_s)


def _exchange(link: socket.socket, address: str) -> bool:
    try:
        link.sendto(os.urandom(random.choice(_MESSAGE_SIZES)), (address, _PORT))
        return bool(link.recv(1500))
    except TimeoutError:
        return False
    except OSError:
        # No way out: a controller does not ask a thousand times a second.
        time.sleep(link.gettimeout() or 1.0)
        return False
