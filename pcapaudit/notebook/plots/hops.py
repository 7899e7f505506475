"""Answers by delay and TTL: a box that answers in the server's name stands apart from the server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from matplotlib.axes import Axes

from pcapaudit.flows.flow import RST, TCP, Flow
from pcapaudit.model.times import NS
from pcapaudit.notebook.plots.style import BLUE, GREY, RED, finish, new_axes, say_nothing, use_plain_numbers

MAX_POINTS = 5000
_LEAST_MS = 0.001


def draw_hops(flows: Iterable[Flow], others: Iterable[Flow] = (), ax: Axes | None = None) -> Axes:
    """Draw each packet of the far sides: how long after the device's last packet it came, and with which TTL.

    A reset that was made on the way comes sooner and from fewer hops away than what the server itself sends.

    Args:
        flows: TCP flows of the device; at most 5,000 packets are drawn.
        others: Flows of other hosts to the same far sides, for contrast; as many.
        ax: Where to draw; None makes a figure.
    """
    ax = new_axes(ax, 8, 4)
    own, beside = _all_points(flows), _all_points(others)
    if not own:
        return say_nothing(ax, "The far side sent nothing in this capture")
    parts = (
        ([p for p in beside if not p.is_reset], "s", GREY, 22, "to other hosts"),
        ([p for p in own if not p.is_reset], "o", BLUE, 30, "to the device: data and ACKs"),
        ([p for p in own if p.is_reset], "X", RED, 70, "to the device: resets"),
    )
    for part, marker, colour, size, name in parts:
        if part:
            ax.scatter([p.delay_ms for p in part], [p.ttl for p in part], marker=marker, s=size, color=colour,
                       alpha=0.7, label=f"{name} ({len(part)})")  # fmt: skip
    ax.set_xscale("log")
    use_plain_numbers(ax.xaxis)
    delays = [p.delay_ms for p in (*own, *beside)]
    # At least a decade on each side, so that an axis of one cluster has a number, too.
    ax.set_xlim(min(delays) / 10, max(delays) * 10)
    ax.set_ylim(0, 260 if max(p.ttl for p in (*own, *beside)) > 130 else 135)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return finish(ax, "Who answers in the server's name", "after the asker's last packet (ms)", "TTL or hop limit")


class _Point(NamedTuple):
    """A packet of a far side."""

    delay_ms: float
    ttl: int
    is_reset: bool


def _all_points(flows: Iterable[Flow]) -> list[_Point]:
    return [point for flow in flows if flow.proto == TCP for point in _points(flow)][:MAX_POINTS]


def _points(flow: Flow) -> list[_Point]:
    """Delay (ms), TTL and whether it is a reset, of each packet of the responder that follows the originator's."""
    found: list[_Point] = []
    asked_ns: int | None = None
    for packet in flow.packets:
        if flow.is_from_orig(packet):
            asked_ns = packet.time_ns
        elif asked_ns is not None:
            delay_ms = max(_LEAST_MS, (packet.time_ns - asked_ns) * 1e3 / NS)
            found.append(_Point(delay_ms, packet.ttl, bool(packet.flags & RST)))
    return found
