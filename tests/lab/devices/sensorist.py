"""The Oscar TempLog gateway as its paper describes it (SEN-02 to SEN-10)."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import time

from tests.lab.devices.host import Host

_NAMES = ("gk.sensorist.com", "gk.sensorist.net")
_PORTS = (4321, 443)
_CONNECT_WAIT_S = 8.0
_PAUSE_S = 2.0
_EVERY_S = 15.0
_ANSWER_WAIT_S = 30.0
_KEEPALIVE_S = 6


def run(host: Host) -> None:
    """Get an address, then keep one connection to the cloud, alternating ports until one stands."""
    host.take_lease()
    for name, port in itertools.cycle(itertools.product(_NAMES, _PORTS)):
        for address in host.resolve(name)[:1]:
            _stay_connected(host, address, port)
        time.sleep(float(host.settings.get("pause", _PAUSE_S)))


def _stay_connected(host: Host, address: str, port: int) -> None:
    wait_s = float(host.settings.get("connect_wait", _CONNECT_WAIT_S))
    with contextlib.suppress(OSError), host.open_tcp(address, port, wait_s=wait_s) as cloud:
        keepalive_s = int(host.settings.get("keepalive", _KEEPALIVE_S))
        if keepalive_s:
            cloud.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            cloud.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, keepalive_s)
            cloud.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, keepalive_s)
        cloud.settimeout(float(host.settings.get("answer_wait", _ANSWER_WAIT_S)))
        _upload(cloud, every_s=float(host.settings.get("every", _EVERY_S)))


def _upload(cloud: socket.socket, *, every_s: float) -> None:
    """Send a sample again and again and wait for its confirmation (SEN-08)."""
    while True:
        sample = os.urandom(44)
        cloud.sendall(b"\x00" + bytes([len(sample)]) + sample)
        if not cloud.recv(512):
            return
        time.sleep(every_s)
