"""A long line in user space: delays, loses and swallows IP packets between two namespaces.

The kernel's own delay queue (netem) may be missing, and without delay every server would
seem to stand beside the firewall.
"""

from __future__ import annotations

import collections
import fcntl
import os
import random
import select
import struct
import threading
import time
from collections.abc import Callable

from tests.lab.network import Namespace
from tests.lab.scenario import Line

_TUNSETIFF = 0x400454CA
_IFF_TUN_NO_PI = 0x0001 | 0x1000

_Queues = dict[tuple[int, bytes], collections.deque[tuple[float, bytes]]]


class Cable:
    """Joins two namespaces by a point-to-point line whose delay depends on the far address.

    ``line`` may be replaced while it carries packets.
    """

    def __init__(
        self, near: Namespace, far: Namespace, interface: str, delay_s: Callable[[bytes], float], line: Line
    ) -> None:
        self.line = line
        self._ends = (_open_tunnel(near, interface), _open_tunnel(far, interface))
        self._delay_s = delay_s
        # The same packets get lost in every run, as far as the boxes send the same.
        self._dice = random.Random(4321)
        self._is_running = True
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def start(self) -> None:
        """Begin to carry packets."""
        self._thread.start()

    def stop(self) -> None:
        """Cut the line; packets still on it are lost."""
        self._is_running = False
        self._thread.join()
        for end in self._ends:
            os.close(end)

    def _carry(self) -> None:
        near, far = self._ends
        queues: _Queues = collections.defaultdict(collections.deque)
        while self._is_running:
            ready, _, _ = select.select(self._ends, (), (), _wait_s(queues))
            for end in ready:
                packet = os.read(end, 65536)
                outside = _far_address(packet, is_outbound=end == near)
                due = time.monotonic() + self.line.extra_s + self._delay_s(outside)
                if not self._is_lost(packet, is_outbound=end == near):
                    queues[(far if end == near else near, outside)].append((due, packet))
            _deliver(queues)

    def _is_lost(self, packet: bytes, *, is_outbound: bool) -> bool:
        longest = self.line.longest_out if is_outbound else self.line.longest_in
        return len(packet) > longest or self._dice.random() < self.line.loss


def _far_address(packet: bytes, *, is_outbound: bool) -> bytes:
    """Give the internet's end of a packet, four bytes or sixteen."""
    if packet[0] >> 4 == 6:
        return packet[24:40] if is_outbound else packet[8:24]
    return packet[16:20] if is_outbound else packet[12:16]


def _wait_s(queues: _Queues) -> float:
    due = [queue[0][0] for queue in queues.values() if queue]
    return max(0.0, min(due, default=time.monotonic() + 0.2) - time.monotonic())


def _deliver(queues: _Queues) -> None:
    now = time.monotonic()
    for (end, _), queue in queues.items():
        while queue and queue[0][0] <= now:
            os.write(end, queue.popleft()[1])


def _open_tunnel(namespace: Namespace, interface: str) -> int:
    with namespace.entered():
        descriptor = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", interface.encode(), _IFF_TUN_NO_PI))
    return descriptor
