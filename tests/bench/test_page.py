from __future__ import annotations

import dataclasses

import pytest

from bench.page import Machine, frame_costs, ratio, write_page
from bench.parts import Row
from bench.peers import OURS, YARDSTICK

MACHINE = Machine("2026-01-01", "Linux", "a processor", "3.11", {"tcpdump": "4.99"})


def row(part: str, tool: str, seconds: float, *, frames: int = 1_000_000, cpus: int = 1, cpu_s: float = 0.0) -> Row:
    return Row(part, "site", tool, frames, 20_000, frames * 316, cpus, seconds, cpu_s, peak_bytes=100_000_000)


SITE = [row("site", OURS, 1.0), row("site", YARDSTICK, 0.5), row("site", "scapy", 2.0, frames=10_000)]
FRAMES = [row("frames", OURS, s, frames=n, cpu_s=s) for n, s in ((2_000, 0.2), (12_000, 0.21), (1_002_000, 2.2))]


def test_a_ratio_is_to_the_yardstick_on_as_many_processors() -> None:
    two = [row("site", OURS, 0.9, cpus=2), row("site", YARDSTICK, 0.3, cpus=2)]
    assert ratio(SITE[0], [*SITE, *two]) == pytest.approx(2.0)
    assert ratio(two[0], [*SITE, *two]) == pytest.approx(3.0)


def test_a_tool_that_got_a_part_is_compared_by_the_frame() -> None:
    assert ratio(SITE[2], SITE) == pytest.approx(400.0)


def test_without_a_yardstick_there_is_no_ratio() -> None:
    assert ratio(SITE[0], SITE[:1]) is None


def test_the_cost_of_a_frame_is_without_start_up() -> None:
    assert frame_costs(FRAMES, "frames", OURS) == pytest.approx({12_000: 1.0, 1_002_000: 2.0})


def test_the_page_shows_what_was_measured_and_leaves_out_the_rest() -> None:
    page = write_page(SITE, MACHINE)
    assert "| pcapaudit audit | the whole diagnosis, as JSON | 2.00 | 1.00 | – | – | 1.00 | 316 | 100 |" in page
    assert "| scapy (10,000) | decodes each frame | 400 |" in page
    assert "## pcapng" not in page
    assert "tcpdump 4.99" in page


@pytest.mark.parametrize(("seconds", "judged"), [(1.0, "2.00 | yes"), (1.1, "2.20 | not yet")])
def test_an_aim_is_met_or_not(seconds: float, judged: str) -> None:
    page = write_page([row("site", OURS, seconds), SITE[1]], MACHINE)
    assert f"| a site's mirror port, one processor, ratio | 2 | {judged} |" in page


def test_how_steep_the_cost_is_is_said_of_the_whole_range_alone() -> None:
    assert "dearest beside cheapest" not in write_page(FRAMES, MACHINE)
    largest = row("frames", OURS, 30.2, frames=10_002_000, cpu_s=30.2)
    assert "from 10⁴ to 10⁷ frames | 1.5 | 3.00 | not yet |" in write_page([*FRAMES, largest], MACHINE)


def test_a_tool_that_was_ended_has_lower_bounds() -> None:
    page = write_page([dataclasses.replace(SITE[0], was_ended=True), SITE[1]], MACHINE)
    assert "| > 2.00 | > 1.00 |" in page


def test_on_a_wire_what_was_lost_stands_beside_what_the_tool_tells() -> None:
    wired = Row("wire", "300000", "pcapaudit live", 1_000_000, 20_000, 316, 2, 4.0, cpu_s=3.0, peak_bytes=200_000_000)
    lossy = dataclasses.replace(wired, seen=990_000, dropped=10_000, late_s=2.0, sender_s=2.5)
    page = write_page([lossy], MACHINE)
    assert "| 250,000 | 4 | 1,000,000 | 1.00% | 10,000 | 3.00 | 2.50 | 200 | 2.0 |" in page
    assert "| ? | ? | 3.00 | 0.00 | > 200 | > 0.0 |" in write_page(
        [dataclasses.replace(wired, was_ended=True)], MACHINE
    )
