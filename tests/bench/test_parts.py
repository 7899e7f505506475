from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.measure import Patience
from bench.parts import PARTS, Bench
from bench.peers import Peer

READ = "import sys; open(sys.argv[1], 'rb').read()"


def reader(name: str, *, part: int | None = None) -> Peer:
    return Peer(name, "reads it", (sys.executable, "-c", READ, "{file}"), part=part)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(5_000, tmp_path, Patience(1))


def test_a_capture_is_written_once_and_keeps_its_count(bench: Bench) -> None:
    first = bench.site(5_000)
    first.path.write_bytes(b"left as it is")
    again = bench.site(5_000)
    assert again == first
    assert again.size == len("left as it is")
    assert again.frames == pytest.approx(5_000, rel=0.01)


def test_what_an_earlier_generator_wrote_is_removed_and_the_rest_kept(bench: Bench) -> None:
    kept = bench.site(5_000)
    old = bench.folder / "site-5000-100-00000000.pcap"
    old.write_bytes(b"")
    bench.drop_old_captures()
    assert kept.path.is_file()
    assert not old.exists()


def test_a_row_says_what_was_measured_on_what(bench: Bench) -> None:
    capture = bench.site(5_000)
    (row,) = bench.compare("site", capture, [reader("one"), Peer("absent", "", ("x",), program="no-such-program")], 1)
    assert (row.part, row.capture, row.tool, row.cpus) == ("site", "site", "one", 1)
    assert (row.frames, row.flows, row.size) == (capture.frames, 100, capture.size)
    assert row.seconds >= row.cpu_s > 0


def test_a_tool_that_cannot_take_all_gets_a_part_and_one_processor(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.parts.PEERS", (reader("whole"), reader("slow", part=1_000)))
    rows = [row for cpus in (1, 2) for row in bench.compare_all("site", bench.site(5_000), cpus)]
    found = [(row.tool, row.cpus, round(row.frames, -3)) for row in rows]
    assert found == [("whole", 1, 5_000), ("slow", 1, 1_000), ("whole", 2, 5_000)]


def test_every_part_is_named_in_the_readme(checkout: Path) -> None:
    readme = (checkout / "bench" / "README.md").read_text(encoding="utf-8")
    assert [part for part in PARTS if f"`{part}`" not in readme] == []
