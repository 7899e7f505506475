"""METER's SKALA boxes as their paper describes them: NEXUS, iPad, and the PC in place of the iPad."""

from __future__ import annotations

import contextlib
import itertools
import os
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.lab import dns_codec, websocket_codec
from tests.lab.address_book import NEXUS_NAME
from tests.lab.devices.host import Host, get, post
from tests.lab.servers import streams
from tests.lab.servers.certificates import TlsDoor
from tests.lab.servers.listener import listen_tcp

_CLOUD = "skalacontrol.com"
_SOCKETS = "websockets.skalacontrol.com"
_IOT = "iot-prod.skalacontrol.com"
_STATION = "skalacontrol.io"
_NEXUS_PORT = 9001
_RETRY_S = 6
_APPLE_KINDS = (dns_codec.HTTPS, dns_codec.AAAA)


def run_nexus(host: Host) -> None:
    """Serve the iPad on 9001 and keep three conversations with the cloud."""
    host.take_lease()
    door = TlsDoor(Path(host.settings["certificates"]), NEXUS_NAME)
    listen_tcp("0.0.0.0", _NEXUS_PORT, streams.behind_tls(door, streams.talk_http))
    host.set_clock("0.debian.pool.ntp.org")
    for task in (_post_to_cloud, _talk_to_broker):
        threading.Thread(target=_repeat, args=(task, host), daemon=True).start()
    _repeat(_hold_cloud_socket, host)


def run_ipad(host: Host) -> None:
    """Find the NEXUS by its name, talk to it on 9001, and show data of the cloud."""
    host.take_lease()
    host.set_clock("time.apple.com")
    threading.Thread(target=_repeat, args=(_show_cloud, host), daemon=True).start()
    _repeat(_read_nexus, host)


def run_pc(host: Host) -> None:
    """Take readings in a browser that shows the station's site (SKA-17)."""
    host.take_lease()
    _repeat(_show_station, host)


def _repeat(task: Callable[[Host], None], host: Host) -> None:
    while True:
        with contextlib.suppress(OSError, websocket_codec.EndedError):
            task(host)
        time.sleep(_RETRY_S)


def _post_to_cloud(host: Host) -> None:
    for address in host.resolve(_CLOUD)[:1]:
        with host.open_tls(_CLOUD, address, 443) as cloud:
            for _ in range(3):
                post(cloud, _CLOUD, "/api/readings", os.urandom(220))
                time.sleep(8)


def _talk_to_broker(host: Host) -> None:
    for address in host.resolve(_IOT)[:1]:
        with host.open_tls(_IOT, address, 443, alpn="x-amzn-mqtt-ca") as broker:
            while True:
                broker.sendall(os.urandom(96))
                broker.recv(4096)
                time.sleep(15)


def _hold_cloud_socket(host: Host) -> None:
    for address in host.resolve(_SOCKETS)[:1]:
        with host.open_tls(_SOCKETS, address, 443) as cloud:
            _chat(cloud, _SOCKETS, every_s=15)


def _read_nexus(host: Host) -> None:
    for address in host.resolve(NEXUS_NAME, more_kinds=_APPLE_KINDS)[:1]:
        with host.open_tls(NEXUS_NAME, address, _NEXUS_PORT) as nexus:
            _chat(nexus, NEXUS_NAME, every_s=10)


def _chat(stream: ssl.SSLSocket, name: str, *, every_s: float) -> None:
    """Upgrade to a websocket; then a message and a ping in turn, each answered."""
    stream.sendall(websocket_codec.upgrade_request(name, "/ws"))
    stream.recv(4096)
    for opcode in itertools.cycle((websocket_codec.TEXT, websocket_codec.PING)):
        websocket_codec.send_message(stream, opcode, b'{"aw":0.542,"t":25.01}', is_client=True)
        websocket_codec.receive_message(stream)
        time.sleep(every_s)


def _show_cloud(host: Host) -> None:
    for address in host.resolve(_CLOUD, more_kinds=_APPLE_KINDS)[:1]:
        with host.open_tls(_CLOUD, address, 443) as cloud:
            get(cloud, _CLOUD, "/api/samples")
            time.sleep(12)
            get(cloud, _CLOUD, "/api/samples?page=2")


def _show_station(host: Host) -> None:
    for address in host.resolve(_STATION, more_kinds=(dns_codec.AAAA,))[:1]:
        with host.open_tls(_STATION, address, 443) as station:
            get(station, _STATION, "/")
            post(station, _STATION, "/api/readings", os.urandom(150))
