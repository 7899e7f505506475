"""A mirror port without a switch: two ends of a virtual cable in a network namespace of their own."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.network import Namespace, Network, disable_offload, run_command

INSIDE = "mirror0"
"""Where a capture listens."""
OUTSIDE = "switch0"
"""Where frames are sent into the cable."""
_QUIET = {
    f"net.ipv6.conf.{name}.{key}": value
    for name in ("all", "default")
    for key, value in {"disable_ipv6": "1", "accept_ra": "0"}.items()
}


class MirrorPort:
    """The cable; what is sent into it comes out at ``INSIDE``."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self._socket = self._plug()

    def _plug(self) -> socket.socket:
        self.namespace.configure("link", "add", OUTSIDE, "type", "veth", "peer", "name", INSIDE)
        for name in (OUTSIDE, INSIDE):
            disable_offload(self.namespace, name)
            self.namespace.configure("link", "set", name, "arp", "off", "up")
        with self.namespace.entered():
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            made.bind((OUTSIDE, 0))
        return made

    def unplug(self) -> None:
        """Take the cable away."""
        self.close()
        self.namespace.configure("link", "del", INSIDE)

    def plug(self) -> None:
        """Lay another cable."""
        self._socket = self._plug()

    def words(self, *words: str) -> list[str]:
        """The command that runs these words where the port is."""
        return ["ip", "netns", "exec", self.namespace.name, *words]

    def send(self, frames: Iterable[bytes]) -> int:
        """Send frames as fast as they go; how many."""
        return sum(1 for frame in frames if self._socket.send(frame))

    def play(self, frames: Iterable[tuple[int, bytes]], speed: float) -> int:
        """Send frames (time ns, bytes) at so many times their own speed; how many."""
        count, begun, first_ns = 0, time.monotonic(), None
        for time_ns, frame in frames:
            first_ns = time_ns if first_ns is None else first_ns
            wait_s = (time_ns - first_ns) / 1e9 / speed - (time.monotonic() - begun)
            if wait_s > 0:
                time.sleep(wait_s)
            count += self.send([frame])
        return count

    def received(self) -> int:
        """Frames that came out at ``INSIDE`` since the cable was laid."""
        shown = run_command(*self.words("cat", f"/sys/class/net/{INSIDE}/statistics/rx_packets"))
        return int(shown)

    def close(self) -> None:
        """Close the sending end."""
        self._socket.close()


@contextmanager
def mirror_port(folder: Path) -> Iterator[MirrorPort]:
    """Lay the cable; nothing but what is sent goes through it."""
    with Network(f"pa-mirror{os.getpid()}", folder) as network:
        namespace = network.add_namespace("port", _QUIET)
        port = MirrorPort(namespace)
        try:
            yield port
        finally:
            port.close()
