"""``docs/performance.md``: the figures as tables, and what they are compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.parts import Row
from bench.peers import OURS, PEERS, YARDSTICK
from bench.wire import READERS

Rows = Sequence[Row]
_DOES = {peer.name: peer.does for peer in PEERS}
_LISTENS = {reader.name: reader.does for reader in READERS}
_HEAD = """# Performance

Written by `make bench` ([bench/](../bench/README.md)); do not edit by hand. Times are of whole processes, from start to
exit, with the file in the page cache; of several rounds in which the tools take turns, the best. A ratio is to tcpdump
in the same run, which looks at every frame, prints the SYNs and builds no table. Memory is the highest resident size of
a tool and all it starts. Compare ratios; the seconds are those of one machine.
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """What was measured on what."""

    day: str
    system: str
    processor: str
    python: str
    versions: Mapping[str, str]


def write_page(rows: Rows, machine: Machine) -> str:
    """The whole page; a part that was not measured is left out."""
    sections = [_HEAD, *_aims(rows), *_site(rows), *_full(rows), *_scaling(rows), *_small(rows)]
    return "\n".join([*sections, *_interpreted(rows), *_rooms(rows), *_wire(rows), _machine(machine)])


def of(rows: Rows, part: str, *, tool: str | None = None, cpus: int | None = None, capture: str | None = None) -> Rows:
    """The rows that are asked for."""
    wanted = {"tool": tool, "cpus": cpus, "capture": capture}
    own = [row for row in rows if row.part == part]
    return [r for r in own if all(value is None or getattr(r, name) == value for name, value in wanted.items())]


def ratio(row: Row, rows: Rows) -> float | None:
    """Time for each frame, in times of the yardstick's in the same part on as many processors."""
    mates = [m for m in of(rows, row.part, tool=YARDSTICK, cpus=row.cpus) if m.flows == row.flows]
    yardsticks = [m for m in mates if m.capture == row.capture] or of(rows, row.part, tool=YARDSTICK, cpus=row.cpus)
    return row.frame_s / yardsticks[0].frame_s if yardsticks else None


def frame_costs(rows: Rows, part: str, tool: str) -> Mapping[int, float]:
    """Frames (or flows) of each capture of a scaling part -> microseconds of the processor for each further frame."""
    base = min(of(rows, "frames", tool=tool), key=lambda row: row.frames, default=None)
    if base is None:
        return {}
    larger = [row for row in of(rows, part, tool=tool) if row.frames > base.frames]
    return {getattr(r, part): max(0.0, r.cpu_s - base.cpu_s) / (r.frames - base.frames) * 1e6 for r in larger}


# --- what is aimed at ------------------------------------------------------------------------------


def _aims(rows: Rows) -> Iterator[str]:
    found = [(what, limit, unit, find(rows)) for what, limit, unit, find in _AIMS]
    lines = [
        f"| {what} | {limit:g}{unit} | {value:.2f}{unit} | {'yes' if value <= limit else 'not yet'} |"
        for what, limit, unit, value in found
        if value is not None
    ]
    if lines:
        yield "## What is aimed at\n\n| of pcapaudit | at most | measured | |\n|---|--:|--:|---|"
        yield "\n".join([*lines, ""])


def _ratio_of(part: str, cpus: int) -> Callable[[Rows], float | None]:
    def find(rows: Rows) -> float | None:
        own = of(rows, part, tool=OURS, cpus=cpus)
        return ratio(own[0], rows) if own else None

    return find


def _block_cost(rows: Rows) -> float | None:
    plain, block = (of(rows, "format", tool=OURS, capture=kind) for kind in ("pcap", "pcapng"))
    return block[0].seconds / plain[0].seconds if plain and block else None


def _steepness(part: str, *, whole: int) -> Callable[[Rows], float | None]:
    def find(rows: Rows) -> float | None:
        costs = frame_costs(rows, part, OURS)
        lowest = min(costs.values(), default=0.0)
        is_whole = max(costs, default=0) > 0.9 * whole
        return max(costs.values()) / lowest if lowest and is_whole else None

    return find


def _small_s(rows: Rows) -> float | None:
    own = of(rows, "small", tool=OURS)
    return own[0].seconds if own else None


def _interpreted_ratio(rows: Rows) -> float | None:
    own = of(rows, "interpreted", tool=f"{OURS}, interpreted")
    loop = of(rows, "interpreted", tool="dpkt loop")
    return own[0].seconds / loop[0].seconds if own and loop else None


def _peak(part: str, *, flows: tuple[int, int]) -> Callable[[Rows], float | None]:
    def find(rows: Rows) -> float | None:
        peaks = [row.peak_bytes / 1e6 for row in of(rows, part, tool=OURS) if flows[0] <= row.flows <= flows[1]]
        return max(peaks, default=None)

    return find


_AIMS: tuple[tuple[str, float, str, Callable[[Rows], float | None]], ...] = (
    ("a site's mirror port, one processor, ratio", 2.0, "", _ratio_of("site", 1)),
    ("the same on two", 1.5, "", _ratio_of("site", 2)),
    ("frames of full size, one processor, ratio", 1.5, "", _ratio_of("full", 1)),
    ("pcapng beside pcap", 1.2, "", _block_cost),
    ("dearest beside cheapest frame, from 10⁴ to 10⁷ frames", 1.5, "", _steepness("frames", whole=10_000_000)),
    ("the same from 10² to 10⁶ flows", 2.0, "", _steepness("flows", whole=1_000_000)),
    ("2,000 frames, the whole command", 0.3, " s", _small_s),
    ("interpreted, beside a dpkt loop", 1.0, "", _interpreted_ratio),
    ("memory, any number of frames", 150.0, " MB", _peak("frames", flows=(0, 200_000))),
    ("memory, 10⁶ flows", 400.0, " MB", _peak("flows", flows=(1_000_000, 1_000_000))),
)


# --- tables ----------------------------------------------------------------------------------------


def _site(rows: Rows) -> Iterator[str]:
    own = of(rows, "site")
    if not own:
        return
    yield f"## A site's mirror port\n\n{_about(own[0])} Handshakes, data and ends of TCP connections, TLS,"
    yield "DNS, DHCP, NTP, ARP and telemetry over UDP of 400 gateways; 12 % tagged, 8 % over IPv6.\n"
    yield "![Time and memory beside other tools](performance.svg)\n"
    yield "| tool | what it does | ratio | s | on two, ratio | s | million frames/s | MB/s | peak MB |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|"
    for row in sorted(of(own, "site", cpus=1), key=lambda row: row.frame_s):
        twins = of(own, "site", tool=row.tool, cpus=2)
        two = f"{_times(twins[0], rows)} | {_seconds(twins[0])}" if twins else "– | –"
        one = f"{_times(row, rows)} | {_seconds(row)}"
        yield f"| {_name(row, own)} | {_DOES[row.tool]} | {one} | {two} | {_rates(row)} |"
    yield ""
    if any(row.frames != own[0].frames for row in own):
        yield "A tool with a number of frames behind its name got so many only: its ratio is of the time for a frame."
        yield ""


def _full(rows: Rows) -> Iterator[str]:
    own = of(rows, "full", cpus=1)
    if own:
        yield f"## Frames of full size\n\n{_about(own[0])}\n"
        yield from _plain_table(own, rows)
    blocks = of(rows, "format")
    if blocks:
        yield f"## pcapng\n\nThe site's frames in both formats, {blocks[0].frames:,} of them.\n"
        yield "| tool | pcap, s | pcapng, s | |\n|---|--:|--:|--:|"
        for tool in dict.fromkeys(row.tool for row in blocks):
            plain, block = (of(blocks, "format", tool=tool, capture=kind)[0] for kind in ("pcap", "pcapng"))
            change = block.seconds / plain.seconds - 1
            yield f"| {tool} | {_seconds(plain)} | {_seconds(block)} | {change:+.0%} |"
        yield ""


def _small(rows: Rows) -> Iterator[str]:
    own = of(rows, "small")
    if own:
        yield f"## A small capture\n\n{_about(own[0])} Mostly start-up.\n\n| tool | s | peak MB |\n|---|--:|--:|"
        for row in sorted(own, key=lambda row: row.seconds):
            yield f"| {row.tool} | {row.seconds:.3f} | {row.peak_bytes / 1e6:.0f} |"
        yield ""


def _interpreted(rows: Rows) -> Iterator[str]:
    own = of(rows, "interpreted")
    if own:
        yield f"## Without a compiler\n\n{_about(own[0])}\n\n| tool | s | µs a frame | peak MB |\n|---|--:|--:|--:|"
        for row in sorted(own, key=lambda row: row.seconds):
            yield f"| {row.tool} | {_seconds(row)} | {row.frame_s * 1e6:.1f} | {row.peak_bytes / 1e6:.0f} |"
        yield ""


def _scaling(rows: Rows) -> Iterator[str]:
    if not of(rows, "frames") and not of(rows, "flows"):
        return
    yield "## How the cost grows\n\nThe site's mix on one processor. What a frame costs is the processor time beyond"
    yield "that of the smallest capture, for each frame beyond its own: start-up is not in it.\n"
    yield "![Cost of a frame over frames and flows](scaling.svg)\n"
    yield "| frames | flows | s | ratio | µs a frame | tcpdump's | peak MB |\n|--:|--:|--:|--:|--:|--:|--:|"
    for part in ("frames", "flows"):
        costs, others = (frame_costs(rows, part, tool) for tool in (OURS, YARDSTICK))
        for row in of(rows, part, tool=OURS):
            key = getattr(row, part)
            cost, other = (f"{c[key]:.2f}" if key in c else "–" for c in (costs, others))
            yield (
                f"| {row.frames:,} | {row.flows:,} | {_seconds(row)} | {_times(row, rows)} | {cost} | {other} | "
                f"{_peak_of(row)} |"
            )
    yield ""


def _rooms(rows: Rows) -> Iterator[str]:
    own = of(rows, "rooms")
    if own:
        total = sum(row.seconds for row in own)
        yield f"## Where the time goes\n\n{_about(own[0])} Processor time of an audit by the rooms of"
        yield "[docs/architecture.md](architecture.md), sampled; machine code counts for the room that called it.\n"
        yield "| room | s | |\n|---|--:|--:|"
        for row in own:
            yield f"| {row.tool} | {row.seconds:.2f} | {row.seconds / total:.0%} |"
        yield ""


def _wire(rows: Rows) -> Iterator[str]:
    own = of(rows, "wire")
    if not own:
        return
    yield "## On a wire\n\nA virtual cable in a network namespace, fed by tcpreplay with the site's traffic. Sender,"
    yield f"kernel and reader share {own[0].cpus} processors. Sent is what the kernel counted at the far end; told,"
    yield "what the tool itself says was lost. Late is the time from the last frame to the tool's result, for"
    yield "pcapaudit its report of all. Processor time is that of the tool and all it starts; the sender's has the"
    yield "kernel's way into the reader's buffer in it.\n"
    yield "| tool | what it does | frames/s | for, s | sent | lost | told | µs a frame | sender's | peak MB | late, s |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for row in own:
        sent = f"{row.frames / row.seconds:,.0f} | {row.seconds:.0f} | {row.frames:,}"
        lost = "? | ?" if row.was_ended else f"{1 - row.seen / row.frames:.2%} | {row.dropped:,}"
        costs = f"{row.cpu_s / row.frames * 1e6:.2f} | {row.sender_s / row.frames * 1e6:.2f}"
        late = f"{'> ' if row.was_ended else ''}{row.late_s:.1f}"
        yield f"| {row.tool} | {_LISTENS[row.tool]} | {sent} | {lost} | {costs} | {_peak_of(row)} | {late} |"
    yield ""


def _machine(machine: Machine) -> str:
    tools = ", ".join(f"{name} {number}".strip() for name, number in machine.versions.items())
    place = f"{machine.processor}; {machine.system}; Python {machine.python}; {machine.day}"
    return f"## Measured on\n\n{place}.\n\n{tools}.\n"


def _plain_table(own: Rows, rows: Rows) -> Iterator[str]:
    yield "| tool | what it does | ratio | s | million frames/s | MB/s | peak MB |\n|---|---|--:|--:|--:|--:|--:|"
    for row in sorted(own, key=lambda row: row.seconds):
        yield f"| {row.tool} | {_DOES[row.tool]} | {_times(row, rows)} | {_seconds(row)} | {_rates(row)} |"
    yield ""


def _about(row: Row) -> str:
    mean = row.size / row.frames - 16
    return f"{row.frames:,} frames of {mean:,.0f} bytes in {row.flows:,} flows, {row.size / 1e6:,.0f} MB."


def _name(row: Row, own: Rows) -> str:
    return row.tool if row.frames == own[0].frames else f"{row.tool} ({row.frames:,})"


def _times(row: Row, rows: Rows) -> str:
    found = ratio(row, rows)
    return "–" if found is None else f"{'> ' if row.was_ended else ''}{found:.2f}" if found < 100 else f"{found:.0f}"


def _seconds(row: Row) -> str:
    return f"{'> ' if row.was_ended else ''}{row.seconds:.2f}"


def _rates(row: Row) -> str:
    return f"{row.frames / row.seconds / 1e6:.2f} | {row.size / row.seconds / 1e6:.0f} | {_peak_of(row)}"


def _peak_of(row: Row) -> str:
    return f"{'> ' if row.was_ended else ''}{row.peak_bytes / 1e6:.0f}"
