"""All servers of the lab's internet in one process: ``python -m tests.lab.servers.internet FOLDER [KEY=VALUE]``.

FOLDER holds the certificates. ``NAME=ADDRESS`` adds a name, such as the private address that a vendor registers for
its device (SKA-25); ``ADDRESS:PORT=KIND`` puts another kind of server there than the address book says.
"""

from __future__ import annotations

import ssl
import sys
import threading
from pathlib import Path

from tests.lab.address_book import NAMES, PUBLIC_RESOLVERS, SERVICES, TEK, TIME_SERVERS
from tests.lab.servers import datagrams, odd, streams
from tests.lab.servers.certificates import TlsDoor
from tests.lab.servers.ftp import FtpManners, talk_ftp, talk_ftp_as
from tests.lab.servers.listener import Talk, listen_tcp, listen_udp

NOBODY = "none"
"""The kind of a door where nobody listens."""

_DEFAULT_HOST = "www.alsoenergy.com"
_STRANGER = "www.city-weather.example"


def talks(folder: Path) -> dict[str, Talk]:
    """Give the conversation of every kind of service."""
    door = TlsDoor(folder, _DEFAULT_HOST)
    return {
        "sensorist": streams.sensorist_cloud(door),
        "licence": streams.behind_tls(door, streams.echo_noise),
        "broker": streams.behind_tls(door, streams.echo_noise),
        "https": streams.behind_tls(door, streams.talk_http),
        "http": streams.talk_http,
        "postgres": streams.postgres(door),
        "ftp": talk_ftp,
        **_odd_tls(folder),
        **_odd_talks(door),
    }


def _odd_tls(folder: Path) -> dict[str, Talk]:
    old, new = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    doors = {
        "https-expired": TlsDoor(folder, _DEFAULT_HOST, variant="expired."),
        "https-expired-1.2": TlsDoor(folder, _DEFAULT_HOST, variant="expired.", versions=(old, old)),
        "https-future": TlsDoor(folder, _DEFAULT_HOST, variant="future."),
        "https-stranger": TlsDoor(folder, _DEFAULT_HOST, variant="stranger."),
        "https-wrong-name": TlsDoor(folder, _STRANGER, knows_names=False),
        "https-1.2-only": TlsDoor(folder, _DEFAULT_HOST, versions=(old, old)),
        "https-1.3-only": TlsDoor(folder, _DEFAULT_HOST, versions=(new, new)),
        "https-wants-certificate": TlsDoor(folder, _DEFAULT_HOST, wants_certificate=True),
    }
    return {kind: streams.behind_tls(door, streams.talk_http) for kind, door in doors.items()}


def _odd_talks(door: TlsDoor) -> dict[str, Talk]:
    return {
        "silent": odd.stay_silent,
        "hangs-up": odd.hang_up,
        "resets": odd.hang_up_rudely,
        "http-to-all": odd.speak_http_to_all,
        "http-reset": odd.answer_and_reset,
        "http-403": odd.always(odd.REFUSED_DEVICE),
        "http-500": odd.always(odd.BROKEN),
        "http-502": odd.always(odd.NO_BACKEND),
        "http-503": odd.always(odd.IN_MAINTENANCE),
        "http-maintained": odd.maintained(odd.IN_MAINTENANCE, 3),
        "https-maintained": streams.behind_tls(door, odd.maintained(odd.IN_MAINTENANCE, 3)),
        "https-403": streams.behind_tls(door, odd.always(odd.REFUSED_DEVICE)),
        "https-websocket-cut": streams.behind_tls(door, odd.break_websockets_after(6)),
        "postgres-plain": odd.refuse_encryption,
        "ftp-refuses-login": talk_ftp_as(FtpManners(login="530 Login incorrect")),
        "ftp-full": talk_ftp_as(FtpManners(greeting="421 Too many connections")),
        "ftp-patient": talk_ftp_as(FtpManners(is_patient=True)),
        "ftp-private": talk_ftp_as(FtpManners(announced="192.168.10.5")),
    }


def serve_all(folder: Path, more_names: dict[str, tuple[str, ...]], kinds: dict[str, str]) -> None:
    """Open every door of the address book and return; threads go on serving."""
    by_kind = talks(folder)
    for service in SERVICES:
        for address in service.addresses:
            kind = kinds.get(f"{address}:{service.port}", service.kind)
            if kind != NOBODY:
                listen_tcp(address, service.port, by_kind[kind])
    for address in PUBLIC_RESOLVERS:
        listen_udp(address, 53, datagrams.name_server(NAMES | more_names))
    for address in TIME_SERVERS:
        listen_udp(address, 123, datagrams.answer_time)
    for address in TEK:
        listen_udp(address, 8844, datagrams.answer_controller)


def main() -> None:
    """Serve until killed."""
    pairs = [pair.split("=") for pair in sys.argv[2:]]
    names: dict[str, tuple[str, ...]] = {name: (address,) for name, address in pairs if ":" not in name}
    serve_all(Path(sys.argv[1]), names, {place: kind for place, kind in pairs if ":" in place})
    print("serving", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
