"""Answers by delay and TTL: a box that answers in the server's name stands apart from the server."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.axes import Axes

from pcapaudit.flows.flow import RST, TCP, Flow
from pcapaudit.model.times import NS
from pcapaudit.notebook.plots.style import BLUE, RED, finish, new_axes, say_nothing, use_plain_numbers

MAX_POINTS = 5000
_LEAST_MS = 0.001


def draw_hops(flows: Iterable[Flow], ax: Axes | None = None) -> Axes:
    """Draw each packet of the far sides: how long after the device's last packet it came, and with which TTL.

    A reset that was made on the way comes sooner and from fewer hops away than what the server itself sends.

    Args:
        flows: TCP flows to one far side; at most 5,000 packets are drawn.
        ax: Where to draw; None makes a figure.
    """
    ax = new_axes(ax, 7, 4)
    points = [point for flow in flows if flow.proto == TCP for point in _points(flow)][:MAX_POINTS]
    if not points:
        return say_nothing(ax, "The far side sent nothing in this capture")
    for is_reset, marker, colour, name in ((False, "o", BLUE, "data and ACKs"), (True, "X", RED, "resets")):
        part = [(delay, ttl) for delay, ttl, reset in points if reset is is_reset]
        if part:
            delays, ttls = zip(*part, strict=True)
            ax.scatter(delays, ttls, marker=marker, s=30 if not is_reset else 70, color=colour, alpha=0.7,
                       label=f"{name} ({len(part)})")  # fmt: skip
    ax.set_xscale("log")
    use_plain_numbers(ax.xaxis)
    ax.set_ylim(0, 260 if max(ttl for _, ttl, _ in points) > 130 else 135)
    ax.legend(frameon=False)
    return finish(ax, "Who answers in the server's name", "after the device's last packet (ms)", "TTL or hop limit")


def _points(flow: Flow) -> list[tuple[float, int, bool]]:
    """Delay (ms), TTL and whether it is a reset, of each packet of the responder that follows the originator's."""
    found: list[tuple[float, int, bool]] = []
    asked_ns: int | None = None
    for packet in flow.packets:
        if flow.is_from_orig(packet):
            asked_ns = packet.time_ns
        elif asked_ns is not None:
            delay_ms = max(_LEAST_MS, (packet.time_ns - asked_ns) * 1e3 / NS)
            found.append((delay_ms, packet.ttl, bool(packet.flags & RST)))
    return found
