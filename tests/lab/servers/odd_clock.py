"""A time server that refuses: ``python -m tests.lab.servers.odd_clock CODE`` answers every client with a kiss code."""

from __future__ import annotations

import socket
import struct
import sys


def kiss(query: bytes, code: bytes) -> bytes:
    """Give the kiss-o'-death to a client's packet: leap 3, mode 4, stratum 0 (RFC 5905, section 7.4)."""
    head = struct.pack(">BBbbII4s", 0xE4, 0, 6, -20, 0, 0, code)
    return head + bytes(8) + query[40:48] + query[40:48] + query[40:48]


def main() -> None:
    """Serve until killed."""
    code = sys.argv[1].encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("10.20.36.1", 123))
        while True:
            query, client = server.recvfrom(512)
            if len(query) >= 48:
                server.sendto(kiss(query, code), client)


if __name__ == "__main__":
    main()
