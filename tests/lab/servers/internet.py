"""All servers of the lab's internet in one process: ``python -m tests.lab.servers.internet FOLDER [NAME=ADDRESS]``.

FOLDER holds the certificates; further arguments add names, such as the private address that a
vendor registers for its device (SKA-25).
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tests.lab.address_book import NAMES, PUBLIC_RESOLVERS, SERVICES, TEK, TIME_SERVERS
from tests.lab.servers import datagrams, streams
from tests.lab.servers.certificates import TlsDoor
from tests.lab.servers.ftp import talk_ftp
from tests.lab.servers.listener import Talk, listen_tcp, listen_udp


def talks(door: TlsDoor) -> dict[str, Talk]:
    """Give the conversation of every kind of service in the address book."""
    return {
        "sensorist": streams.sensorist_cloud(door),
        "licence": streams.behind_tls(door, streams.echo_noise),
        "broker": streams.behind_tls(door, streams.echo_noise),
        "https": streams.behind_tls(door, streams.talk_http),
        "http": streams.talk_http,
        "postgres": streams.postgres(door),
        "ftp": talk_ftp,
    }


def serve_all(folder: Path, more_names: dict[str, tuple[str, ...]]) -> None:
    """Open every door of the address book and return; threads go on serving."""
    by_kind = talks(TlsDoor(folder, default_host="www.alsoenergy.com"))
    for service in SERVICES:
        for address in service.addresses:
            listen_tcp(address, service.port, by_kind[service.kind])
    for address in PUBLIC_RESOLVERS:
        listen_udp(address, 53, datagrams.name_server(NAMES | more_names))
    for address in TIME_SERVERS:
        listen_udp(address, 123, datagrams.answer_time)
    for address in TEK:
        listen_udp(address, 8844, datagrams.answer_controller)


def main() -> None:
    """Serve until killed."""
    pairs = (pair.split("=") for pair in sys.argv[2:])
    serve_all(Path(sys.argv[1]), {name: (address,) for name, address in pairs})
    print("serving", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
