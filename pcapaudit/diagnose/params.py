"""The thresholds that rules wait and count by, with the defaults of the diagnosis catalogue, section 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

from pcapaudit.model.errors import UsageError
from pcapaudit.model.records import dataclass

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Params:
    """All thresholds; waits in seconds, counts plain, shares between 0 and 1."""

    vis_min: int = 3
    syn_min_tries: int = 3
    syn_wait: float = 3.0
    dns_wait: float = 5.0
    dhcp_min_tries: int = 2
    dhcp_wait: float = 10.0
    arp_min_tries: int = 3
    udp_wait: float = 10.0
    udp_min_tries: int = 2
    ntp_wait: float = 5.0
    rtt_factor: float = 0.5
    ttl_delta: int = 3
    dup_window: float = 0.05
    idle_gap: float = 5.0
    gap_ratio: float = 0.005
    clock_bad: float = 300.0
    short_conn: float = 10.0

    def changed(self, overrides: Mapping[str, float]) -> Params:
        """A copy with some values replaced. Raises UsageError for an unknown name or a negative value."""
        known = {f.name: f.type for f in fields(self)}
        for name, value in overrides.items():
            if name not in known:
                raise UsageError(f"there is no threshold {name!r}; known are: {', '.join(sorted(known))}")
            if value < 0:
                raise UsageError(f"threshold {name} must not be negative, got {value}")
        typed = {n: int(v) if known[n] == "int" else float(v) for n, v in overrides.items()}
        return replace(self, **typed)  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, float]:
        """Name -> value, for the report's settings."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def ns(seconds: float) -> int:
    """Seconds as int nanoseconds."""
    return round(seconds * NS)
