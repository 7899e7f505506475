"""The Oscar TempLog gateway as its paper describes it (SEN-02 to SEN-10)."""

from __future__ import annotations

import itertools
import os
import socket
import time

from tests.lab.devices.host import Host

_NAMES = ("gk.sensorist.com", "gk.sensorist.net")
_PORTS = (4321, 443)
_CONNECT_WAIT_S = 8.0
_PAUSE_S = 2.0


def run(host: Host) -> None:
    """Get an address, then keep one connection to the cloud, alternating ports until one stands."""
    host.take_lease()
    for name, port in itertools.cycle(itertools.product(_NAMES, _PORTS)):
        for address in host.resolve(name)[:1]:
            _stay_connected(host, address, port)
        time.sleep(_PAUSE_S)


def _stay_connected(host: Host, address: str, port: int) -> None:
    try:
        with host.open_tcp(address, port, wait_s=_CONNECT_WAIT_S) as cloud:
            cloud.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            cloud.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 6)
            cloud.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 6)
            _upload(cloud)
    except OSError:
        return


def _upload(cloud: socket.socket) -> None:
    """Send a sample every 15 s and wait for its confirmation (SEN-08)."""
    while True:
        sample = os.urandom(44)
        cloud.sendall(b"\x00" + bytes([len(sample)]) + sample)
        if not cloud.recv(512):
            return
        time.sleep(15)
