from __future__ import annotations

from dataclasses import replace

import pytest

from pcapaudit.model.report import UnreadSource
from pcapaudit.model.words import Verdict
from pcapaudit.report.fleet import (
    MAX_WORST,
    Sighting,
    Tally,
    count_fleet,
    find_sightings,
    render,
    site_of,
    write_fleet,
)
from pcapaudit.report.layout import count_cells
from pcapaudit.report.registry import Look
from tests.support.reports import load_report


def seen(site: str, verdict: Verdict, stage: str | None = None, rule: str | None = None) -> Sighting:
    return Sighting(
        f"{site}/x.pcap", site, "02:00:00:00:00:01", "Acme box", verdict, stage, rule, "Why" if rule else None
    )


FLEET = [
    seen("north", Verdict.HEALTHY),
    seen("south", Verdict.DEGRADED, "dns", "DNS-SLOW"),
    seen("south", Verdict.DEGRADED, "dns", "DNS-SLOW"),
    seen("west", Verdict.FAILED, "connect", "TCP-SYN-TIMEOUT"),
    seen("west", Verdict.UNDECIDED),
]


def test_the_worst_stands_first_in_every_table() -> None:
    fleet = count_fleet(FLEET, captures=3, unread=1)
    assert fleet.total == Tally("all", (1, 2, 1, 1))
    assert fleet.sites == (Tally("west", (1, 0, 1, 0)), Tally("south", (0, 2, 0, 0)), Tally("north", (0, 0, 0, 1)))
    assert fleet.stages == (Tally("connect", (1, 0, 0, 0)), Tally("dns", (0, 2, 0, 0)))
    assert [tally.name for tally in fleet.causes] == ["TCP-SYN-TIMEOUT: Why", "DNS-SLOW: Why"]
    assert fleet.products == (Tally("Acme box", (1, 2, 1, 1)),)
    assert [device.site for device in fleet.worst] == ["west", "south", "south"]


@pytest.mark.parametrize(
    ("capture", "site"),
    [
        ("captures/north/x.pcap", "north"),
        ("x.pcap", "."),
        ("s3://bucket/south/x.pcap", "south"),
        ("s3://bucket/x.pcap", "bucket"),
        ("/x.pcap", "."),
    ],
)
def test_a_site_is_the_folder_of_the_capture(capture: str, site: str) -> None:
    assert site_of(capture) == site


def test_a_report_becomes_its_devices() -> None:
    (device,) = find_sightings(load_report("e1_blinking_red"))
    assert (device.device, device.verdict, device.stage) == ("54:10:ec:2b:30:01", Verdict.FAILED, "connect")
    assert (device.rule, bool(device.cause)) == ("TCP-ALL-PORTS-FAIL", True)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_but_a_path_is_wider_than_asked(width: int) -> None:
    lines = write_fleet(
        count_fleet([*FLEET, seen("a very long name of a site " * 5, Verdict.FAILED)], captures=4, unread=0), width
    )
    assert max(count_cells(line) for line in lines if "/x.pcap" not in line) <= width


def test_long_tables_say_how_much_more_there_is() -> None:
    many = [seen(f"site {at:03}", Verdict.FAILED, "dns", "DNS-SLOW") for at in range(MAX_WORST + 7)]
    lines = write_fleet(count_fleet(many, captures=len(many), unread=0))
    assert lines.count("  and 7 more") == 2


def test_what_a_stranger_wrote_cannot_move_the_cursor() -> None:
    report = load_report("e1_blinking_red")
    capture = replace(report.captures[0], source="evil\x1b[2J/x.pcap")
    shown = render(replace(report, captures=(capture,), unread=(UnreadSource("\u202ex", "why"),)), Look())
    assert "evil\\x1b[2J" in shown
    assert "\\u202ex: why" in shown
    assert shown.isprintable() or set(shown) & {"\x1b", "\u202e"} == set()


def test_plain_ascii_is_enough() -> None:
    assert render(load_report("e1_blinking_red"), Look(is_unicode=False)).isascii()
