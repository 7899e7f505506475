"""``make bench``: build the captures, measure, and write ``docs/performance.md`` with its plot."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

from bench.generate import write_capture
from bench.measure import Measure, measure_all
from bench.peers import PEERS, YARDSTICK, peers_for
from bench.stories import BULK, SITE, frames_a_flow

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Series:
    """One capture and what the tools took for it."""

    title: str
    frames: int
    size: int
    measures: Mapping[str, Measure]


def main(words: Sequence[str] | None = None) -> int:
    """Measure everything; 0 when the page was written."""
    options = _parser().parse_args(words)
    options.folder.mkdir(parents=True, exist_ok=True)
    series = [_measure(title, path, frames, options) for title, path, frames in _captures(options)]
    (ROOT / "docs" / "performance.md").write_text(_page(series, options), encoding="utf-8")
    _plot(series[0], ROOT / "docs" / "performance.svg")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench/run.py", description="Compare pcapaudit with tools of its kind.")
    parser.add_argument(
        "--frames", type=int, default=3_000_000, help="frames of the largest capture (default: 3000000)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="times each tool runs (default: 3)")
    parser.add_argument("--cpus", type=int, default=None, help="processors that each tool may use (default: all)")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench", help="where the captures are kept")
    return parser


def _captures(options: argparse.Namespace) -> list[tuple[str, Path, int]]:
    """Title, file and number of frames of each capture, made where it is missing."""
    frames: int = options.frames
    wanted = (
        ("a site's mirror port", "site", SITE, frames, False),
        ("the same as pcapng", "site-ng", SITE, frames, True),
        ("frames of full size", "full", BULK, frames // 3, False),
        ("a small capture", "small", SITE, 2_000, False),
    )
    found = []
    for title, name, stories, most, is_block in wanted:
        flows = int(most / frames_a_flow(stories) * 1.05) + 1
        path = options.folder / f"{name}-{most}.{'pcapng' if is_block else 'pcap'}"
        count = write_capture(path, stories, flows, most, seed=1, block=is_block)
        found.append((title, path, count))
    return found


def _measure(title: str, path: Path, frames: int, options: argparse.Namespace) -> Series:
    print(f"{title}: {frames} frames, {path.stat().st_size / 1e6:.0f} MB", flush=True)
    path.read_bytes()  # into the page cache
    measures = measure_all(peers_for(path, frames), options.rounds, cpus=options.cpus)
    return Series(title, frames, path.stat().st_size, measures)


# --- the page --------------------------------------------------------------------------------------


def _page(series: Sequence[Series], options: argparse.Namespace) -> str:
    tables = "\n".join(_table(s) for s in series)
    cpus = options.cpus or os.cpu_count()
    return f"""# Performance

Written by `make bench` ([bench/](../bench/README.md)); do not edit by hand. Times are of whole processes with the file
in the page cache, the best of {options.rounds} rounds in which the tools take turns; memory is the highest resident
size. The ratio is to tcpdump printing the SYNs, which builds no table. Measured on {cpus} processors
({platform.machine()}), Python {platform.python_version()}.

![Time and memory beside other tools](performance.svg)

{tables}"""


def _table(series: Series) -> str:
    yardstick = series.measures.get(YARDSTICK)
    does = {p.name: p.does for p in PEERS}
    rows = [
        f"| {name} | {does[name]} | {_ratio(m, yardstick)} | {m.seconds:.2f} | {series.frames / m.seconds / 1e6:.2f} | "
        f"{series.size / m.seconds / 1e6:.0f} | {m.peak_bytes / 1e6:.0f} |"
        for name, m in sorted(series.measures.items(), key=lambda item: item[1].seconds)
    ]
    head = f"## {series.title[0].upper()}{series.title[1:]}\n\n{series.frames:,} frames, {series.size / 1e6:.0f} MB.\n"
    columns = "| tool | what it does | ratio | s | million frames/s | MB/s | peak MB |\n|---|---|--:|--:|--:|--:|--:|"
    return "\n".join([head, columns, *rows, ""])


def _ratio(measure: Measure, yardstick: Measure | None) -> str:
    return "–" if yardstick is None else f"{measure.seconds / yardstick.seconds:.2f}"


def _plot(series: Series, path: Path) -> None:
    """Bars of time and memory, the fastest on top."""
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "pcapaudit"
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    ordered = sorted(series.measures.items(), key=lambda item: -item[1].seconds)
    names = [name for name, _ in ordered]
    colours = ["#24588f" if name.startswith("pcapaudit") else "#b8c0c8" for name in names]
    figure, (left, right) = plt.subplots(1, 2, sharey=True, figsize=(9, 0.45 * len(names) + 1.4), layout="constrained")
    for axes, values, title in (
        (left, [m.seconds for _, m in ordered], "seconds"),
        (right, [m.peak_bytes / 1e6 for _, m in ordered], "peak memory, MB"),
    ):
        bars = axes.barh(names, values, color=colours)
        axes.bar_label(bars, fmt="%.2g" if axes is left else "%.0f", padding=3, fontsize=8)
        axes.set_title(title, loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.15)
    figure.suptitle(f"{series.frames / 1e6:.1f} million frames, {series.title}", fontsize=11)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    raise SystemExit(main())
