"""A long line in user space: delays IP packets between two namespaces.

The kernel's own delay queue (netem) may be missing, and without delay every server would
seem to stand beside the firewall.
"""

from __future__ import annotations

import collections
import fcntl
import os
import select
import struct
import threading
import time
from collections.abc import Callable

from tests.lab.network import Namespace

_TUNSETIFF = 0x400454CA
_IFF_TUN_NO_PI = 0x0001 | 0x1000


class Cable:
    """Joins two namespaces by a point-to-point line whose delay depends on the far address."""

    def __init__(self, near: Namespace, far: Namespace, interface: str, delay_s: Callable[[bytes], float]) -> None:
        self._ends = (_open_tunnel(near, interface), _open_tunnel(far, interface))
        self._delay_s = delay_s
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
        queues: dict[tuple[int, bytes], collections.deque[tuple[float, bytes]]] = collections.defaultdict(
            collections.deque
        )
        while self._is_running:
            ready, _, _ = select.select(self._ends, (), (), _wait_s(queues))
            for end in ready:
                packet = os.read(end, 65536)
                outside = packet[16:20] if end == near else packet[12:16]
                due = time.monotonic() + self._delay_s(outside)
                queues[(far if end == near else near, outside)].append((due, packet))
            _deliver(queues)


def _wait_s(queues: dict[tuple[int, bytes], collections.deque[tuple[float, bytes]]]) -> float:
    due = [queue[0][0] for queue in queues.values() if queue]
    return max(0.0, min(due, default=time.monotonic() + 0.2) - time.monotonic())


def _deliver(queues: dict[tuple[int, bytes], collections.deque[tuple[float, bytes]]]) -> None:
    now = time.monotonic()
    for (end, _), queue in queues.items():
        while queue and queue[0][0] <= now:
            os.write(end, queue.popleft()[1])


def _open_tunnel(namespace: Namespace, interface: str) -> int:
    with namespace.entered():
        descriptor = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", interface.encode(), _IFF_TUN_NO_PI))
    return descriptor
