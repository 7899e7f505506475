"""A switch port's 802.1X authenticator: ``python -m tests.lab.servers.port_guard PORT SECONDS REQUESTS opens|never``.

It asks for an identity as IEEE 802.1X-2010 says (EAPOL, EAP of RFC 3748), and falls back to the
hardware address of the box, which is allowed or not.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import subprocess
import sys
import threading
import time

_ETH_P_EAPOL = 0x888E
_GROUP = bytes.fromhex("0180c2000003")
_OWN = bytes.fromhex("021f770000f1")


def identity_request(number: int) -> bytes:
    """Give the frame that asks for an identity: EAPOL version 2, EAP request, type 1."""
    eap = bytes([1, number & 0xFF, 0, 5, 1])
    frame = _GROUP + _OWN + _ETH_P_EAPOL.to_bytes(2, "big") + bytes([2, 0, 0, len(eap)]) + eap
    return frame.ljust(60, b"\0")


def _ask_at_link_up(raw: socket.socket, port: str) -> None:
    while True:
        with contextlib.suppress(OSError):
            raw.bind((port, _ETH_P_EAPOL))
            raw.send(identity_request(0))
            return
        time.sleep(0.05)


def main() -> None:
    """Ask; then open the port, or go on asking until killed."""
    port, every_s, requests, ending = sys.argv[1:]
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_EAPOL))
    _ask_at_link_up(raw, port)
    for number in itertools.count(1):
        time.sleep(float(every_s))
        if ending == "opens" and number >= int(requests):
            subprocess.run(["nft", "delete", "table", "bridge", port], check=True)
            threading.Event().wait()
        raw.send(identity_request(number))


if __name__ == "__main__":
    main()
