"""The mirror port of the lab's switch: every frame that enters the switch, once."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

from tests.lab.network import Namespace
from tests.lab.pcapng import Frame

_ETH_P_ALL = 0x0003
_ETHERTYPE_IPV4 = b"\x08\x00"
_LINK_LOCAL_GROUP = bytes.fromhex("0180c20000")
"""What the switch itself says on a port (802.1X, spanning tree) enters at no other."""
_PACKET_OUTGOING = 4
_SO_TIMESTAMPNS = 35


class Mirror:
    """Copies what comes in at the ports of a switch, as a mirror of all ports' receive side does.

    Counting a frame where it enters gives both directions of every conversation and no frame
    twice, flooded ones included. At a single line there is no other port where the answers
    enter: ``takes_outgoing`` copies both directions of it.
    """

    def __init__(self, switch: Namespace, port_prefix: str, *, takes_outgoing: bool = False) -> None:
        self._prefix = port_prefix
        self._takes_outgoing = takes_outgoing
        self._frames: list[Frame] = []
        self._is_running = True
        with switch.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.settimeout(0.2)
        self._thread = threading.Thread(target=self._copy, daemon=True)

    def start(self) -> None:
        """Begin to copy frames."""
        self._thread.start()

    def stop(self) -> list[Frame]:
        """Stop and give all frames in the order of their times."""
        self._is_running = False
        self._thread.join()
        self._socket.close()
        return sorted(self._frames, key=lambda frame: frame[0])

    def _copy(self) -> None:
        while self._is_running:
            with contextlib.suppress(TimeoutError):
                self._take_one()

    def _take_one(self) -> None:
        data, extra, _, (port, _, kind, *_) = self._socket.recvmsg(65536, 64)
        is_taken = kind != _PACKET_OUTGOING or self._takes_outgoing or data.startswith(_LINK_LOCAL_GROUP)
        if is_taken and port.startswith(self._prefix):
            self._frames.append((_kernel_time(extra), data))


def _kernel_time(extra: list[tuple[int, int, bytes]]) -> int:
    for level, kind, value in extra:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("qq", value[:16])
            return int(seconds * 1_000_000_000 + nanoseconds)
    return time.time_ns()


def repeated_frames(frames: list[Frame], *, within_ns: int = 5_000_000) -> int:
    """Count frames whose exact bytes were seen shortly before: a mirror must give none.

    IPv4 packets without an identification are left out: a stack sends two equal resets in a
    row when two segments reach a closed socket (RFC 6864, section 4.1, lets both carry 0).
    """
    last_seen: dict[bytes, int] = {}
    repeats = 0
    for time_ns, data in frames:
        before = last_seen.get(data)
        is_marked = data[12:14] != _ETHERTYPE_IPV4 or data[18:20] != b"\0\0"
        repeats += is_marked and before is not None and time_ns - before < within_ns
        last_seen[data] = time_ns
    return repeats
