"""The change requests of a report as a table for a firewall team's tool.

A row stands for one device, one name (or the addresses without a name), one transport and one port; a request that
speaks of no traffic has one row a device. Several values in a cell are separated by blanks. Unknown is empty. A cell
that begins like a formula is preceded by an apostrophe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from pcapaudit.model.report import FarSide, Report
from pcapaudit.model.words import Action
from pcapaudit.report.escape import quote_cell
from pcapaudit.report.registry import Look
from pcapaudit.report.requests import ChangeRequest, Concerned, find_requests

COLUMNS = (
    "request",
    "to",
    "action",
    "device",
    "title",
    "mac",
    "vlan",
    "switch",
    "mirror_point",
    "direction",
    "stateful",
    "host",
    "addresses",
    "resolved_at",
    "transport",
    "port",
    "fact",
    "attempts",
    "first",
    "last",
    "frames",
    "search_at",
    "rule",
    "confidence",
    "source",
)
"""Columns in their order; new ones are added at the end."""

Row = dict[str, object]


def render(report: Report, _look: Look) -> str:
    """The table of all requests with its header line (RFC 4180, lines ended by a line feed)."""
    return tabulate(find_requests(report))


def tabulate(requests: Iterable[ChangeRequest]) -> str:
    """The table of some requests, numbered from 1."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for number, request in enumerate(requests, start=1):
        for row in _rows(request, number):
            writer.writerow({name: _cell(value) for name, value in row.items()})
    return out.getvalue()


def _cell(value: object) -> str:
    """Text of a cell; None and the empty sequence are an empty cell."""
    if value is None:
        return ""
    return quote_cell(" ".join(str(item) for item in value) if isinstance(value, tuple) else str(value))


def _rows(request: ChangeRequest, number: int) -> Iterator[Row]:
    common: Row = {"request": number, "to": request.to, "action": request.action}
    for device in request.devices:
        own = common | _device_cells(device)
        if not request.flows:
            yield own
        for far in request.flows:
            for port in far.ports or (None,):
                yield own | _flow_cells(far, port, request.action)


def _device_cells(device: Concerned) -> Row:
    return {
        "device": device.name,
        "title": device.title,
        "mac": device.mac,
        "vlan": device.vlan,
        "switch": device.switch,
        "mirror_point": device.mirror_point,
        "attempts": device.attempts,
        "first": device.first,
        "last": device.last,
        "frames": device.frames,
        "search_at": device.search_at,
        "rule": device.rule,
        "confidence": device.confidence,
        "source": device.source,
    }


def _flow_cells(far: FarSide, port: int | None, action: Action) -> Row:
    return {
        "direction": "out",
        "stateful": "yes" if action is Action.ALLOW else None,
        "host": far.host,
        "addresses": far.addresses,
        "resolved_at": far.resolved_at,
        "transport": far.transport,
        "port": port,
        "fact": far.fact,
    }
