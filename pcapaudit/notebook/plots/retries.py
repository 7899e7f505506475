"""How a device repeats its SYN, beside what known network stacks do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from pcapaudit.notebook.plots.style import BLUE, GREY, INK, finish, label, new_axes, say_nothing

STACKS: Mapping[str, tuple[float, ...]] = {
    "Linux before 6.5": (0, 1.0, 3.0, 7.2, 15.4, 31.6),
    "Linux 6.5 and later": (0, 1.0, 2.0, 3.1, 4.1, 5.1, 7.1, 11.2, 19.4),
    "old Windows": (0, 3, 9),
    "lwIP": (0, 3, 6, 9, 12, 15),
    "uIP": (0, 3, 9, 21),
}
"""Offsets of the SYNs in seconds. Source: catalogue, section 2.1 (measured, or from the stack's source)."""
MAX_ATTEMPTS = 25
_NEAR = 0.15
"""Offsets that differ by no more than this share, or a quarter of a second, are taken for the same."""
_LEAST_S = 0.25


def draw_retries(attempts: Sequence[tuple[str, Sequence[float]]], ax: Axes | None = None) -> Axes:
    """Draw each attempt as a row of dots under the rows of the known stacks.

    Args:
        attempts: Name of each attempt and the offsets of its SYNs, seconds since the first; those with a repeated SYN
            are drawn, at most 25.
        ax: Where to draw; None makes a figure.
    """
    shown = [(name, offsets) for name, offsets in attempts if len(offsets) > 1][:MAX_ATTEMPTS]
    ax = new_axes(ax, 9, 1.6 + 0.28 * (len(shown) + len(STACKS)))
    if not shown:
        return say_nothing(ax, "No SYN was repeated in this capture")
    fits = {name for _, offsets in shown for name in matching_stacks(offsets)}
    rows = [*STACKS.items(), *shown]
    last = max(offsets[-1] for _, offsets in shown)
    for y, (name, offsets) in enumerate(rows):
        is_known = y < len(STACKS)
        colour = (INK if name in fits else GREY) if is_known else BLUE
        inside = [at for at in offsets if at <= last * 1.1]
        ax.plot(inside, [y] * len(inside), "|" if is_known else "o", color=colour, markersize=9 if is_known else 6)
        ax.axhline(y, color=GREY, linewidth=0.4, zorder=0)
    ax.axhline(len(STACKS) - 0.5, color=INK, linewidth=0.8)
    names = [f"{name} (fits)" if name in fits else name for name in STACKS]
    ax.set_yticks(range(len(rows)), [*names, *(label(name) for name, _ in shown)])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    return finish(ax, "When the SYN is repeated, beside known stacks", "seconds since the first SYN")


def matching_stacks(offsets: Sequence[float]) -> list[str]:
    """Known stacks that an attempt of two SYNs or more may have come from; several, as the first repeats are alike."""
    return [
        name
        for name, known in STACKS.items()
        if len(offsets) <= len(known)
        and all(abs(a - b) <= max(_LEAST_S, _NEAR * b) for a, b in zip(offsets, known, strict=False))
    ]
