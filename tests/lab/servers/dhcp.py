"""A DHCP server that misbehaves: ``python -m tests.lab.servers.dhcp INTERFACE OWN_ADDRESS OFFERED HABIT``.

HABIT: ``nak`` offers and then refuses the request for what it offered; ``mute`` offers and never
answers the request; ``bare`` offers without router and name server; ``plain`` gives the one
address to whoever asks, whatever was said of it before.
"""

from __future__ import annotations

import socket
import struct
import sys

_COOKIE = bytes.fromhex("63825363")
_SO_BINDTODEVICE = 25
_DISCOVER, _OFFER, _REQUEST, _ACK, _NAK = 1, 2, 3, 5, 6
_HABITS = {"nak": _NAK, "plain": _ACK}
"""How a request is answered; with other habits not at all."""


def message_kind(message: bytes) -> int:
    """Give option 53 of a DHCP message, 0 without one (RFC 2132, section 9.6)."""
    at = 240
    while at + 1 < len(message) and message[at] != 255:
        if message[at] == 53:
            return message[at + 2]
        at += 1 if not message[at] else 2 + message[at + 1]
    return 0


def answer(request: bytes, kind: int, own: bytes, offered: bytes, *, is_bare: bool) -> bytes:
    """Give a server's answer to a client's message, as a broadcast (RFC 2131, section 4.3)."""
    fixed = struct.pack(">4B", 2, 1, 6, 0) + request[4:8] + bytes(2) + b"\x80\0" + bytes(4)
    fixed += (bytes(4) if kind == _NAK else offered) + own + bytes(4) + request[28:44] + bytes(192)
    options = bytes([53, 1, kind, 54, 4]) + own
    if kind != _NAK:
        options += bytes.fromhex("3304 00000e10 0104 ffffff00")
        options += b"" if is_bare else bytes([3, 4]) + own + bytes([6, 4]) + own
    return (fixed + _COOKIE + options + b"\xff").ljust(300, b"\0")


def main() -> None:
    """Serve until killed."""
    interface, own_text, offered_text, habit = sys.argv[1:]
    own, offered = socket.inet_aton(own_text), socket.inet_aton(offered_text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        server.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, interface.encode())
        server.bind(("", 67))
        while True:
            request = server.recv(2048)
            kind = {_DISCOVER: _OFFER, _REQUEST: _HABITS.get(habit, 0)}.get(message_kind(request), 0)
            if kind:
                reply = answer(request, kind, own, offered, is_bare=habit == "bare")
                server.sendto(reply, ("255.255.255.255", 68))


if __name__ == "__main__":
    main()
