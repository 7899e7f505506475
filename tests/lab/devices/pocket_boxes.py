"""The Sensorist gateway and the TEK controller once more, on the stack of a microcontroller."""

from __future__ import annotations

import itertools
import os
import random

from tests.lab.devices.host import Host
from tests.lab.devices.pocket import Pocket

_CLOUD_NAMES, _CLOUD_PORTS = ("gk.sensorist.com", "gk.sensorist.net"), (443, 4321)
_SERVERS = tuple(f"c{number}.ezecontrol.com" for number in range(1, 9))


def _boot(host: Host) -> Pocket:
    stack = Pocket(bytes.fromhex(host.settings["mac"].replace(":", "")))
    stack.take_lease()
    return stack


def run_gateway(host: Host) -> None:
    """Alternate between ports and names until a connection stands, then upload on it (SEN-06, SEN-08)."""
    stack = _boot(host)
    for name, port in itertools.cycle(itertools.product(_CLOUD_NAMES, _CLOUD_PORTS)):
        address = stack.resolve(name)
        line = stack.connect(address, port, tries=3) if address else None
        while line is not None:
            sample = os.urandom(52)
            if line.ask(b"\x00" + bytes([len(sample)]) + sample, wait_s=10) is None:
                line.give_up()
                break
            stack.sleep(float(host.settings.get("every", "12")))
        stack.sleep(1.0)


def run_controller(host: Host) -> None:
    """Walk along the server list; stay with the first that replies (TEK-04, TEK-12, TEK-13)."""
    stack = _boot(host)
    for name in itertools.cycle(_SERVERS):
        address = stack.resolve(name)
        own_port = random.randrange(0x7000, 0x8000)
        while address and stack.exchange(address, 8844, own_port, os.urandom(random.choice((32, 48, 104))), 5.0):
            stack.sleep(float(host.settings.get("every", "10")))
        stack.sleep(1.0)
