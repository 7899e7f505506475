"""``make bench``: build the captures, measure, and write ``docs/performance.md`` with its pictures."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import platform
import re
import signal
from collections.abc import Sequence
from pathlib import Path

from bench.measure import Patience
from bench.page import Machine, write_page
from bench.parts import PARTS, RATES, WIRE_S, Bench, Row
from bench.peers import PEERS
from bench.plot import draw

ROOT = Path(__file__).resolve().parents[1]


def main(words: Sequence[str] | None = None) -> int:
    """Measure the parts that are wanted and write the page from all that were measured; 0 when it was written."""
    options = _parser().parse_args(words)
    # In the background of a script this is born deaf to Ctrl-C, and the readers of a wire with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    options.folder.mkdir(parents=True, exist_ok=True)
    patience = Patience(options.rounds, options.total, options.limit)
    bench = Bench(options.frames, options.folder, patience, tuple(options.rates), options.seconds)
    bench.drop_old_captures()
    kept = options.folder / "rows.json"
    rows = _load(kept)
    for part in options.only or PARTS:
        rows = [row for row in rows if row.part != part] + list(PARTS[part](bench))
        kept.write_text(json.dumps([dataclasses.asdict(row) for row in rows]), encoding="utf-8")
    options.docs.mkdir(parents=True, exist_ok=True)
    (options.docs / "performance.md").write_text(write_page(rows, _machine()), encoding="utf-8")
    draw(rows, options.docs)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench.run",
        description="Compare pcapaudit with tools of its kind. Parts: " + ", ".join(PARTS) + ".",
    )
    add = parser.add_argument
    add("--only", nargs="+", choices=list(PARTS), metavar="PART", help="measure these; the page keeps earlier others")
    add("--frames", type=int, default=3_000_000, help="frames of the site's capture (default: %(default)s)")
    add("--rounds", type=int, default=3, help="times each tool runs (default: %(default)s)")
    add("--total", type=float, default=20.0, help="seconds after which a tool is not run again (default: %(default)s)")
    add("--limit", type=float, default=180.0, help="seconds after which a tool is ended (default: %(default)s)")
    add("--rates", type=int, nargs="+", default=RATES, help="frames a second on a wire; 0: as many as go")
    add("--seconds", type=float, default=WIRE_S, help="how long a wire carries them (default: %(default)s)")
    add("--folder", type=Path, default=ROOT / "build" / "bench", help="where captures and figures are kept")
    add("--docs", type=Path, default=ROOT / "docs", help="where the page is written")
    return parser


def _load(path: Path) -> list[Row]:
    return [Row(**fields) for fields in json.loads(path.read_text(encoding="utf-8"))] if path.is_file() else []


def _machine() -> Machine:
    model = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    return Machine(
        day=datetime.datetime.now(datetime.UTC).date().isoformat(),
        system=f"{platform.system()} {platform.release()} on {platform.machine()}",
        processor=f"{os.cpu_count()} processors, {model[1] if model else 'model unknown'}",
        python=platform.python_version(),
        versions={peer.name.removesuffix(" audit"): peer.version() for peer in PEERS if peer.is_here},
    )


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8") if Path(path).is_file() else ""


if __name__ == "__main__":
    raise SystemExit(main())
