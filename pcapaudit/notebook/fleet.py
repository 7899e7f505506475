"""A fleet in a notebook: the tables of ``report.fleet`` as DataFrames, as text, as a card."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cached_property
from html import escape

import pandas as pd

from pcapaudit.model.errors import UsageError
from pcapaudit.model.words import Verdict
from pcapaudit.notebook.card import COLOURS
from pcapaudit.report.escape import clean, make_visible
from pcapaudit.report.fleet import WORST_FIRST, Fleet, Sighting, Tally, count_fleet, site_of, write_fleet

NO_SITE = "(no site)"
MAX_ROWS = 10
"""Rows of a table on the card."""
_NAME = "text-align:left;min-width:12em;overflow-wrap:break-word;padding:.15em 0"
_NUMBER = "text-align:right;vertical-align:bottom;padding:.15em 0 .15em .8em"


class FleetTables:
    """What came of a fleet, the worst first; shows itself as text and as a card.

    Args:
        fleet: The counted devices.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    @cached_property
    def verdicts(self) -> pd.Series[int]:
        """Devices by verdict."""
        return pd.Series(self._fleet.total.counts, index=list(map(str, WORST_FIRST)), name="devices")

    @cached_property
    def sites(self) -> pd.DataFrame:
        """A row for each site, a column for each verdict."""
        return _frame("site", self._fleet.sites)

    @cached_property
    def stages(self) -> pd.DataFrame:
        """A row for each step of the ladder that broke somewhere."""
        return _frame("stage", self._fleet.stages)

    @cached_property
    def causes(self) -> pd.DataFrame:
        """A row for each root cause: the rule, and what it says."""
        return _frame("cause", self._fleet.causes)

    @cached_property
    def products(self) -> pd.DataFrame:
        """A row for each product."""
        return _frame("product", self._fleet.products)

    @cached_property
    def worst(self) -> pd.DataFrame:
        """A row for each failed or degraded device; first the failed, of the site where most are."""
        names = list(Sighting.__dataclass_fields__)
        return pd.DataFrame([asdict(seen) for seen in self._fleet.worst], columns=names)

    def __str__(self) -> str:
        return "\n".join(write_fleet(clean(self._fleet, make_visible)))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        safe = clean(self._fleet, make_visible)
        tables = {
            "site": safe.sites,
            "broken step": safe.stages,
            "cause": safe.causes,
            "product": safe.products,
        }
        unread = f", {safe.unread} not read" if safe.unread else ""
        head = f"<b>{safe.total.total} devices</b> in {safe.captures} captures{unread}: {_draw_counts(safe.total)}"
        parts = "".join(_draw(name, tallies) for name, tallies in tables.items() if tallies)
        table = f'<table style="border-collapse:collapse;margin-top:.5em">{parts}</table>'
        return f'<div style="max-width:60em;overflow-x:auto;text-align:left"><div>{head}</div>{table}</div>'


def count_devices(
    devices: pd.DataFrame,
    findings: pd.DataFrame,
    site: str | Callable[[str], str] | None,
    *,
    captures: int,
    unread: int,
) -> FleetTables:
    """Count the devices of many captures.

    Args:
        devices: The table, with ``capture``.
        findings: The table, for what the rules say in words.
        site: See ``Captures.fleet``.
        captures: How many were read.
        unread: How many were not.

    Raises:
        UsageError: The regular expression is none.
    """
    place = _make_place(site)
    titles = dict(zip(findings["rule"].astype(str), findings["title"].astype(str), strict=True))
    columns = ("capture", "device", "title", "signature", "verdict", "stage", "rule")
    cells = (map(_text, devices[name]) for name in columns)
    sightings = [
        Sighting(
            capture=capture or "",
            site=place(capture or ""),
            device=device or "unknown",
            title=title or signature or "Device without a signature",
            verdict=Verdict(verdict or ""),
            stage=stage,
            rule=rule,
            cause=titles.get(rule) if rule else None,
        )
        for capture, device, title, signature, verdict, stage, rule in zip(*cells, strict=True)
    ]
    return FleetTables(count_fleet(sightings, captures=captures, unread=unread))


def _text(cell: object) -> str | None:
    return cell if isinstance(cell, str) else None


def _make_place(site: str | Callable[[str], str] | None) -> Callable[[str], str]:
    if site is None:
        return site_of
    if not isinstance(site, str):
        return lambda capture: str(site(capture))
    try:
        pattern = re.compile(site)
    except re.error as error:
        raise UsageError(f"{site!r} is no regular expression: {error}") from None

    def find(capture: str) -> str:
        match = pattern.search(capture)
        return NO_SITE if match is None else (match[1] if pattern.groups else match[0]) or NO_SITE

    return find


def _frame(name: str, tallies: Sequence[Tally]) -> pd.DataFrame:
    index = pd.Index([tally.name for tally in tallies], name=name, dtype="string")
    return pd.DataFrame([tally.counts for tally in tallies], index=index, columns=list(map(str, WORST_FIRST)))


def _draw(name: str, tallies: Sequence[Tally]) -> str:
    """One part of the table, so that the numbers of all parts stand below each other."""
    heads = "".join(f'<th style="{_NUMBER}">{escape(verdict)}</th>' for verdict in WORST_FIRST)
    rows = [f'<tr><th style="{_NAME};padding-top:.8em">by {escape(name)}</th>{heads}</tr>']
    rows += [f'<tr><td style="{_NAME}">{escape(at.name)}</td>{_draw_cells(at)}</tr>' for at in tallies[:MAX_ROWS]]
    more = len(tallies) - MAX_ROWS
    rows += [f'<tr><td style="{_NAME}">and {more} more</td></tr>'] if more > 0 else []
    return f"<tbody>{''.join(rows)}</tbody>"


def _draw_cells(tally: Tally) -> str:
    pairs = zip(WORST_FIRST, tally.counts, strict=True)
    return "".join(f'<td style="{_NUMBER}">{_draw_count(verdict, count)}</td>' for verdict, count in pairs)


def _draw_counts(tally: Tally) -> str:
    pairs = zip(WORST_FIRST, tally.counts, strict=True)
    return ", ".join(f"{_draw_count(verdict, count)} {escape(verdict)}" for verdict, count in pairs)


def _draw_count(verdict: Verdict, count: int) -> str:
    """White on its colour, which can be read on a light page and on a dark one."""
    look = f"background:{COLOURS[verdict]};color:#fff;border-radius:.6em;padding:0 .5em"
    return f'<b style="{look}">{count}</b>' if count else "0"
