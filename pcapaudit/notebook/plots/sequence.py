"""Who sent what when, in one flow; the silence is drawn as well."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from pcapaudit.flows.flow import TCP, Flow
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.events import Packet
from pcapaudit.model.times import NS, duration
from pcapaudit.notebook.plots.style import BLUE, GREY, INK, ORANGE, RED, finish, new_axes

MAX_PACKETS = 40
SILENCE_NS = NS // 2
"""A longer pause gets a band of its own."""
_FLAGS = ((0x02, "SYN"), (0x01, "FIN"), (0x04, "RST"))
_ACK = 0x10


def draw_sequence(flow: Flow, watched_ns: int, ax: Axes | None = None) -> Axes:
    """Draw the packets of a flow from top to bottom, each an arrow; at most the first 40.

    Args:
        flow: Whose packets.
        watched_ns: When the capture ends (ns UTC): how long silence was watched after the last packet.
        ax: Where to draw; None makes a figure.
    """
    packets = list(flow.packets[:MAX_PACKETS])
    # After the end of a connection silence says nothing; before packets that are not drawn there may be none.
    is_over = flow.closed_at is not None or len(packets) < len(flow.packets)
    rows = _rows(packets, None if is_over else watched_ns)
    ax = new_axes(ax, 8, 1.6 + 0.3 * len(rows))
    for y, row in enumerate(rows):
        if isinstance(row, Packet):
            _draw_arrow(ax, y, row, flow, packets[0].time_ns)
        else:
            ax.axhspan(y - 0.42, y + 0.42, color=ORANGE, alpha=0.18, linewidth=0)
            ax.text(0.5, y, f"{duration(row / NS)} nothing", ha="center", va="center", fontsize=8, color=INK)
    for x, end in ((0, flow.orig), (1, flow.resp)):
        ax.axvline(x, color=GREY, linewidth=1, zorder=0)
        ax.text(x, -1.1, f"{ip_text(end[0])}\nport {end[1]}", ha="center", va="bottom", fontsize=9, color=INK)
    ax.set_ylim(len(rows) - 0.3, -1.0)
    ax.set_xlim(-0.28, 1.28)
    finish(ax, "Who sent what when", "seconds since the first packet on the left, frame numbers on the right", pad=32)
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    return ax


def _rows(packets: Sequence[Packet], watched_ns: int | None) -> list[Packet | int]:
    """The packets, and between them the pauses (ns) that are worth a band."""
    rows: list[Packet | int] = []
    for at, packet in enumerate(packets):
        rows.append(packet)
        later_ns = packets[at + 1].time_ns if at + 1 < len(packets) else watched_ns
        if later_ns is not None and later_ns - packet.time_ns >= SILENCE_NS:
            rows.append(later_ns - packet.time_ns)
    return rows


def _draw_arrow(ax: Axes, y: float, packet: Packet, flow: Flow, start_ns: int) -> None:
    is_orig = flow.is_from_orig(packet)
    begin, end = (0, 1) if is_orig else (1, 0)
    colour = RED if packet.flags & 0x04 and packet.proto == TCP else BLUE if is_orig else INK
    ax.annotate(
        "", xy=(end, y + 0.28), xytext=(begin, y - 0.12), arrowprops={"arrowstyle": "->", "color": colour, "lw": 1.3}
    )
    ax.text(0.5, y - 0.02, _words(packet), ha="center", va="bottom", fontsize=8, color=colour)
    ax.text(-0.05, y, _say_offset(packet.time_ns - start_ns), ha="right", va="center", fontsize=7, color=INK)
    ax.text(1.05, y, str(packet.frame), ha="left", va="center", fontsize=7, color=INK)


def _say_offset(offset_ns: int) -> str:
    """Seconds with three decimals, six for what would be zero otherwise."""
    return f"{offset_ns / NS:.6f}" if 0 < offset_ns < NS // 1000 else f"{offset_ns / NS:.3f}"


def _words(packet: Packet) -> str:
    """What a packet is, in few words."""
    if packet.proto != TCP:
        return f"{packet.payload_len} bytes"
    flags = [name for bit, name in _FLAGS if packet.flags & bit]
    if flags:
        return "-".join([*flags, "ACK"]) if packet.flags & _ACK else "-".join(flags)
    return f"{packet.payload_len} bytes" if packet.payload_len else "ACK"
