"""How a watch stands at one moment, as numbers and rows: what pages, metrics and programs show of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pcapaudit.engine.live import Count, Look
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import HealthItem
from pcapaudit.model.times import rfc3339
from pcapaudit.model.words import VERDICTS
from pcapaudit.watch.state import Row

MOST_ROWS = 1000
"""Devices that are listed; all are counted."""


@dataclass(frozen=True, slots=True)
class RingStatus:
    """The files that keep the newest frames."""

    folder: str
    files: int
    octets: int
    begun: str | None
    """When the oldest file was begun, RFC 3339."""
    fault: str | None
    """Why nothing is kept now."""


@dataclass(frozen=True, slots=True)
class Status:
    """How a watch stands.

    Attributes:
        source: The interface, or ``-``.
        count: What came.
        look: The newest look; None before the first.
        rows: All devices as they stand, the worst first.
        lag_s: How far the reading is behind the wire.
        is_blind: The interface is down or away.
        ring: The ring; None where none is kept.
    """

    source: str
    count: Count
    look: Look | None
    rows: Sequence[Row]
    lag_s: float
    is_blind: bool
    ring: RingStatus | None

    def as_dict(self) -> dict[str, Any]:
        """Keys and values of its JSON line, as ``docs/live.md`` lists them."""
        count, look = self.count, self.look
        standings = [row.standing for row in self.rows if row.standing is not None]
        verdicts = Counter(standing.verdict for standing in standings)
        stages = Counter(standing.stage for standing in standings if standing.is_down and standing.stage)
        return {
            "event": "status",
            "at": rfc3339(count.now_ns) if count.frames else None,
            "source": self.source,
            "since": rfc3339(look.begun_ns) if look and count.frames else None,
            "frames": count.frames,
            "octets": count.octets,
            "dropped": count.dropped,
            "frames_per_s": round(count.frames_per_s, 1),
            "bits_per_s": round(count.bits_per_s),
            "lag_s": round(self.lag_s, 3),
            "look_s": round(count.look_s, 3),
            "directions": look.info.directions if look and look.info else None,
            "health": [_show_health(item) for item in look.info.health] if look and look.info else [],
            "tables": dict(look.tables) if look else {},
            "is_blind": self.is_blind,
            "verdicts": {verdict.value: verdicts[verdict] for verdict in VERDICTS},
            "stages": {stage.value: number for stage, number in stages.items()},
            "ring": _show_ring(self.ring) if self.ring else None,
            "devices": [_show_row(row) for row in self.rows[:MOST_ROWS]],
        }


def _show_health(item: HealthItem) -> dict[str, Any]:
    return {"id": item.rule, "summary": item.summary}


def _show_ring(ring: RingStatus) -> dict[str, Any]:
    shown = {name: getattr(ring, name) for name in ("folder", "files", "octets")}
    return {**shown, "from": ring.begun, "fault": ring.fault}


def _show_row(row: Row) -> dict[str, Any]:
    report, standing = row.report, row.standing
    return {
        "device": report.title or report.signature,
        "mac": report.mac,
        "address": report.addresses[0] if report.addresses else None,
        "signature": report.signature,
        "verdict": standing.verdict if standing else None,
        "is_provisional": row.is_provisional,
        "is_flapping": row.is_flapping,
        "is_silent": row.is_silent,
        "stage": standing.stage if standing else None,
        "rule": standing.rule if standing else None,
        "summary": report.summary,
        "indicator": report.indicator.state if report.indicator else None,
        "answered": row.answered,
        "since": row.since,
        "heard": rfc3339(row.heard_ns) if row.heard_ns is not None else None,
    }
