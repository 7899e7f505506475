from __future__ import annotations

from pathlib import Path

from bench.parts import Row
from bench.peers import OURS, YARDSTICK
from bench.plot import draw


def row(part: str, tool: str, frames: int, *, cpus: int = 1) -> Row:
    return Row(part, "site", tool, frames, frames // 50, frames * 300, cpus, 1.0, 0.2 + frames / 1e6, 50_000_000)


SITE = [row("site", tool, 1_000_000, cpus=cpus) for tool in (OURS, YARDSTICK) for cpus in (1, 2)]
SCALING = [
    row(part, tool, frames)
    for part in ("frames", "flows")
    for tool in (OURS, YARDSTICK)
    for frames in (2_000, 10_000, 100_000)
]


def test_each_picture_is_drawn_when_there_are_figures_for_it(tmp_path: Path) -> None:
    draw(SITE, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"performance.svg"}
    draw(SCALING, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"performance.svg", "scaling.svg"}


def test_the_same_figures_give_the_same_picture(tmp_path: Path) -> None:
    pictures = []
    for _ in range(2):
        draw([*SITE, *SCALING], tmp_path)
        pictures.append([(tmp_path / name).read_bytes() for name in ("performance.svg", "scaling.svg")])
    assert pictures[0] == pictures[1]
