"""What the caller wants of an audit beside the sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from pcapaudit.model.records import dataclass


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """Options of ``pcapaudit audit``.

    ``signature`` is ``vendor/product``; ``device`` a MAC or IP address as text; ``params`` the
    values for a signature's parameters as text; ``thresholds`` override the catalogue's waits
    and counts; ``led`` and ``log`` are what the engineer saw, ``mirror_point`` is where the capture
    was taken; ``since_ns`` and ``until_ns`` bound the frames that are looked at (ns UTC, both
    inclusive); ``why`` adds to each device what came of every rule; ``max_flows`` is how many
    conversations are kept, None for the scan's own bound.
    """

    signature: str | None = None
    device: str | None = None
    all_devices: bool = False
    params: Mapping[str, str] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    led: str | None = None
    log: str | None = None
    mirror_point: str | None = None
    signatures_dir: Path | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    separate: bool = False
    why: bool = False
    max_flows: int | None = None
