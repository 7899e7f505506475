"""METER's SKALA boxes as their paper describes them: NEXUS, iPad, and the PC in place of the iPad."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.lab import dns_codec, websocket_codec
from tests.lab.address_book import NEXUS_NAME
from tests.lab.devices import nexus_door
from tests.lab.devices.host import Host, get, post
from tests.lab.devices.nexus_door import NEXUS_PORT

_CLOUD = "skalacontrol.com"
_SOCKETS = "websockets.skalacontrol.com"
_IOT = "iot-prod.skalacontrol.com"
_STATION = "skalacontrol.io"
_RETRY_S = 6
_APPLE_KINDS = (dns_codec.HTTPS, dns_codec.AAAA)


def run_nexus(host: Host) -> None:
    """Serve the iPad on 9001 and keep three conversations with the cloud.

    Settings: ``serves`` is what it does on 9001: ``tls``, ``plain``, ``nobody``, or one of ``nexus_door.BEHAVIOURS``;
    ``tls`` is the newest version towards the cloud.
    """
    host.take_lease()
    nexus_door.open_door(host)
    host.set_clock("0.debian.pool.ntp.org")
    for task in (_post_to_cloud, _talk_to_broker):
        threading.Thread(target=_repeat, args=(task, host), daemon=True).start()
    _repeat(_hold_cloud_socket, host)


def run_ipad(host: Host) -> None:
    """Find the NEXUS by its name, talk to it on 9001, and show data of the cloud.

    Settings: ``ways`` to the NEXUS: ``tls`` or ``plain``; ``client``: ``sockets`` or ``library``.
    """
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


def _is_newest(host: Host) -> bool:
    return host.settings.get("tls", "1.3") == "1.3"


def _post_to_cloud(host: Host) -> None:
    for address in host.resolve(_CLOUD)[:1]:
        with host.open_tls(_CLOUD, address, 443, newest=_is_newest(host)) as cloud:
            for _ in range(3):
                post(cloud, _CLOUD, "/api/readings", os.urandom(220))
                time.sleep(8)


def _talk_to_broker(host: Host) -> None:
    for address in host.resolve(_IOT)[:1]:
        with host.open_tls(_IOT, address, 443, newest=_is_newest(host), alpn="x-amzn-mqtt-ca") as broker:
            while True:
                broker.sendall(os.urandom(96))
                broker.recv(4096)
                time.sleep(15)


def _hold_cloud_socket(host: Host) -> None:
    for address in host.resolve(_SOCKETS)[:1]:
        with host.open_tls(_SOCKETS, address, 443, newest=_is_newest(host)) as cloud:
            _chat(cloud, _SOCKETS, every_s=15)


def _read_nexus(host: Host) -> None:
    is_plain = host.settings.get("ways") == "plain"
    every_s = float(host.settings.get("every_s", "10"))
    for address in host.resolve(NEXUS_NAME, more_kinds=_APPLE_KINDS)[:1]:
        if host.settings.get("client") == "library":
            _read_by_library(host, address, is_plain=is_plain, every_s=every_s)
        elif is_plain:
            with host.open_tcp(address, NEXUS_PORT, wait_s=10) as nexus:
                _chat(nexus, NEXUS_NAME, every_s=every_s)
        else:
            with host.open_tls(NEXUS_NAME, address, NEXUS_PORT) as inner:
                _chat(inner, NEXUS_NAME, every_s=every_s)


def _read_by_library(host: Host, address: str, *, is_plain: bool, every_s: float) -> None:
    """Talk to the NEXUS by a websocket library instead of our own few lines."""
    safety = None if is_plain else host.tls_context()
    url = f"{'ws' if is_plain else 'wss'}://{NEXUS_NAME}:{NEXUS_PORT}/ws"
    with (
        contextlib.suppress(WebSocketException, TimeoutError),
        connect(url, sock=host.open_tcp(address, NEXUS_PORT, wait_s=10), ssl=safety, ping_interval=None) as nexus,
    ):
        while True:
            nexus.send('{"aw":0.542,"t":25.01}')
            nexus.recv(timeout=30)
            time.sleep(every_s)


def _chat(stream: ssl.SSLSocket | socket.socket, name: str, *, every_s: float) -> None:
    """Upgrade to a websocket; then a message and a ping in turn, each answered."""
    stream.sendall(websocket_codec.upgrade_request(name, "/ws"))
    if not stream.recv(4096).startswith(b"HTTP/1.1 101 "):
        return
    for opcode in itertools.cycle((websocket_codec.TEXT, websocket_codec.PING)):
        websocket_codec.send_message(stream, opcode, b'{"aw":0.542,"t":25.01}', is_client=True)
        websocket_codec.receive_message(stream)
        time.sleep(every_s)


def _show_cloud(host: Host) -> None:
    for address in host.resolve(_CLOUD, more_kinds=_APPLE_KINDS)[:1]:
        with host.open_tls(_CLOUD, address, 443, newest=_is_newest(host)) as cloud:
            get(cloud, _CLOUD, "/api/samples")
            time.sleep(12)
            get(cloud, _CLOUD, "/api/samples?page=2")


def _show_station(host: Host) -> None:
    for address in host.resolve(_STATION, more_kinds=(dns_codec.AAAA,))[:1]:
        with host.open_tls(_STATION, address, 443, newest=_is_newest(host)) as station:
            get(station, _STATION, "/")
            post(station, _STATION, "/api/readings", os.urandom(150))
