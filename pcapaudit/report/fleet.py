"""One report over a fleet: devices by verdict, site, step, cause and product, the worst first.

A site is the folder of the capture, unless the caller says otherwise. Nothing is judged here: devices are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from pcapaudit.model.records import dataclass
from pcapaudit.model.report import DeviceReport, Report
from pcapaudit.model.words import VERDICTS, Verdict
from pcapaudit.report import phrases
from pcapaudit.report.escape import clean, make_ascii, make_visible
from pcapaudit.report.layout import count_cells, pad, wrap
from pcapaudit.report.registry import Look

WORST_FIRST = tuple(reversed(VERDICTS))
MAX_WORST = 50
"""Devices that are named one by one, and rows of a table."""
_COUNT = 9
_INDENT = 2


@dataclass(frozen=True, slots=True)
class Sighting:
    """One device of one capture, in the few words that are counted.

    Attributes:
        capture: File of the capture, or its first.
        site: Where that is.
        device: MAC address, or the first address.
        title: Vendor and product for people.
        verdict: Of the device.
        stage: First broken step; None where none broke.
        rule: Of the root cause.
        cause: What that rule says, in words.
    """

    capture: str
    site: str
    device: str
    title: str
    verdict: Verdict
    stage: str | None
    rule: str | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class Tally:
    """Devices that have something in common, ``counts`` by verdict as in ``WORST_FIRST``."""

    name: str
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The devices of many captures, counted.

    ``sites``, ``stages``, ``causes`` and ``products`` have the worst first: most failed, then most degraded; ``stages``
    and ``causes`` hold the devices where a step broke. ``worst`` are the failed and degraded devices, where most fail.
    """

    captures: int
    unread: int
    total: Tally
    sites: tuple[Tally, ...]
    stages: tuple[Tally, ...]
    causes: tuple[Tally, ...]
    products: tuple[Tally, ...]
    worst: tuple[Sighting, ...]


def count_fleet(sightings: Sequence[Sighting], *, captures: int, unread: int) -> Fleet:
    """Count devices.

    Args:
        sightings: All of them.
        captures: Number of captures that were read.
        unread: Of those that were not.
    """
    sites = _tally(sightings, lambda seen: seen.site)
    places = {tally.name: at for at, tally in enumerate(sites)}
    ill = [seen for seen in sightings if seen.verdict in (Verdict.FAILED, Verdict.DEGRADED)]
    return Fleet(
        captures,
        unread,
        Tally("all", _count(sightings)),
        sites,
        _tally(sightings, lambda seen: seen.stage),
        _tally(sightings, lambda seen: f"{seen.rule}: {seen.cause}" if seen.cause else seen.rule),
        _tally(sightings, lambda seen: seen.title),
        tuple(sorted(ill, key=lambda seen: (WORST_FIRST.index(seen.verdict), places[seen.site], seen.capture))),
    )


def _tally(sightings: Iterable[Sighting], key: Callable[[Sighting], str | None]) -> tuple[Tally, ...]:
    groups: dict[str, list[Sighting]] = {}
    for seen in sightings:
        name = key(seen)
        if name is not None:
            groups.setdefault(name, []).append(seen)
    tallies = (Tally(name, _count(members)) for name, members in groups.items())
    return tuple(sorted(tallies, key=lambda tally: ([-count for count in tally.counts], tally.name)))


def _count(sightings: Iterable[Sighting]) -> tuple[int, ...]:
    counts = dict.fromkeys(WORST_FIRST, 0)
    for seen in sightings:
        counts[seen.verdict] += 1
    return tuple(counts.values())


def find_sightings(report: Report) -> list[Sighting]:
    """The devices of a report. The site of each is the folder of its capture."""
    return [_sight(device, report.captures[device.capture].source) for device in report.devices]


def site_of(capture: str) -> str:
    """The last folder of a capture's path or address; ``.`` where it has none."""
    return PurePosixPath(capture.partition("://")[2] or capture).parent.name or "."


def _sight(device: DeviceReport, capture: str) -> Sighting:
    root = device.root_cause
    finding = phrases.find_root(device)
    return Sighting(
        capture,
        site_of(capture),
        device.mac or next(iter(device.addresses), "unknown"),
        phrases.say_title(device),
        device.verdict,
        root.stage if root else None,
        root.rule if root else None,
        finding.title if finding else None,
    )


def render(report: Report, look: Look) -> str:
    """The tables of the fleet, at most ``look.width`` columns wide."""
    safe = clean(report, make_visible if look.is_unicode else make_ascii)
    glyphs = phrases.UNICODE if look.is_unicode else phrases.ASCII
    fleet = count_fleet(find_sightings(safe), captures=len(safe.captures), unread=len(safe.unread))
    lines = ["Interrupted: this is the report so far.", ""] if safe.partial else []
    lines += write_fleet(fleet, look.width, glyphs)
    if safe.unread:
        lines += ["", "Not read"]
        lines += [line for one in safe.unread[:MAX_WORST] for line in _fold(f"{one.source}: {one.reason}", look.width)]
        lines += _say_more(len(safe.unread))
    return "\n".join(lines) + "\n"


def write_fleet(fleet: Fleet, width: int = 80, glyphs: phrases.Glyphs = phrases.UNICODE) -> list[str]:
    """The lines of the tables. Every string was made visible before."""
    head = [phrases.say_count(fleet.captures, "capture"), phrases.say_count(fleet.total.total, "device")]
    head += [f"{phrases.say_count(fleet.unread, 'capture')} not read"] if fleet.unread else []
    tables = (
        ("By verdict", [fleet.total]),
        ("By site", fleet.sites),
        ("By broken step", fleet.stages),
        ("By cause", fleet.causes),
        ("By product", fleet.products),
    )
    lines = [f" {glyphs.dot} ".join(head)]
    names = [name for title, tallies in tables for name in (title, *(tally.name for tally in tallies[:MAX_WORST]))]
    # One width for all tables, so that their numbers stand below each other.
    first = min(width - _INDENT - (_COUNT + 2) * len(WORST_FIRST), max(map(count_cells, names)))
    for title, tallies in tables:
        lines += ["", *_write_table(title, tallies, first)] if tallies else []
    if fleet.worst:
        lines += ["", "Worst first", *_write_worst(fleet.worst, width, glyphs)]
    return lines


def _write_table(title: str, tallies: Sequence[Tally], first: int) -> Iterator[str]:
    """A table whose names take ``first`` cells; longer ones go on below."""
    yield pad(title, first + _INDENT) + "".join(f"  {verdict:>{_COUNT}}" for verdict in WORST_FIRST)
    for tally in tallies[:MAX_WORST]:
        name, *rest = (" " * _INDENT + line for line in wrap(tally.name, first))
        yield pad(name, first + _INDENT) + "".join(f"  {count or '-':>{_COUNT}}" for count in tally.counts)
        yield from rest
    yield from _say_more(len(tallies))


def _write_worst(worst: Sequence[Sighting], width: int, glyphs: phrases.Glyphs) -> Iterator[str]:
    for seen in worst[:MAX_WORST]:
        what = f"{seen.rule}: {seen.cause}" if seen.cause else seen.rule
        words = [seen.verdict.upper(), seen.site, seen.title, seen.device, *filter(None, [seen.stage, what])]
        yield from _fold(f" {glyphs.dot} ".join(words), width)
        # Whole, however long: it is there to be copied.
        yield f"      {seen.capture}"
    yield from _say_more(len(worst))


def _fold(text: str, width: int) -> list[str]:
    first, *rest = wrap(text, width - 4)
    return [f"  {first}", *(f"    {line}" for line in rest)]


def _say_more(count: int) -> list[str]:
    return [f"  and {count - MAX_WORST:,} more"] if count > MAX_WORST else []
