"""The report's part on the capture itself: where it comes from, what it holds, how far its clock is off."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields
from statistics import median_low
from typing import Any

from pcapaudit.diagnose.health.remarks import watched_s
from pcapaudit.diagnose.switchport import switch_ports
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import NtpMessage
from pcapaudit.model.linktypes import name_of
from pcapaudit.model.report import CaptureFile, CaptureInfo, Counters, HealthItem
from pcapaudit.model.times import NS, rfc3339
from pcapaudit.model.words import Directions

OFFSET_WORTH_SAYING_S = 2.0
_OF_MESSAGES = ("dns_queries", "dns_responses", "dns_rcodes")
_COUNTED_FROM = {
    "flows": ("tcp_conversations", "udp_conversations", *_OF_MESSAGES),
    "rows": _OF_MESSAGES,
    "handed": _OF_MESSAGES,
}
"""Table of the scan -> the counters that need its entries; all others are counted frame by frame."""
_ONE_WAY = frozenset({"CAP-ONEWAY", "CAP-PARTIAL-DIR"})


def capture_info(traffic: Traffic, items: Sequence[HealthItem]) -> CaptureInfo:
    """The report of one capture.

    Args:
        traffic: The capture.
        items: Its health, as far as it concerns the report.
    """
    notes, result = traffic.notes, traffic.result
    return CaptureInfo(
        source=notes.files[0].source if notes.files else "capture",
        format=", ".join(dict.fromkeys(f.format for f in notes.files)) or "frames",
        files=tuple(CaptureFile(f.source, f.first_frame, f.frames) for f in notes.files),
        link_types=tuple(dict.fromkeys(name_of(n) for n in notes.link_types)),
        snaplen=notes.snaplen,
        first=rfc3339(result.first_ns) if result.first_ns is not None else None,
        last=rfc3339(result.last_ns) if result.last_ns is not None else None,
        counters=_counters(traffic),
        health=tuple(items),
        watched_s=watched_s(traffic) if result.first_ns is not None else None,
        directions=_directions(traffic, items),
        clock_offset_s=clock_offset_s(traffic),
        switches=switch_ports(traffic),
        lower_limits=_lower_limits(traffic),
    )


def _counters(traffic: Traffic) -> Counters:
    values: dict[str, Any] = {**traffic.result.counters, **traffic.dns_counters()}
    return Counters(**{f.name: values[f.name] for f in fields(Counters)})


def _lower_limits(traffic: Traffic) -> tuple[str, ...]:
    """Counters that what was left out would have raised."""
    lost = [names for table, names in _COUNTED_FROM.items() if traffic.result.left_out.get(table)]
    return tuple(dict.fromkeys(name for names in lost for name in names))


def _directions(traffic: Traffic, items: Sequence[HealthItem]) -> Directions | None:
    """Which directions are there; None where no conversation tells."""
    flows = traffic.result.flows
    has_both = bool(((flows["a_pkts"] > 0) & (flows["b_pkts"] > 0)).any())
    is_one_way = any(i.rule in _ONE_WAY for i in items)
    if has_both:
        return Directions.PARTLY if is_one_way else Directions.BOTH
    return Directions.ONE if is_one_way else None


def clock_offset_s(traffic: Traffic) -> float | None:
    """Seconds that the capture's clock is behind the time servers (negative: ahead of them).

    Only answers count that repeat the time stamp of a query in the capture and come from a server whose clock is
    set (RFC 5905, sections 7.3 and 8). None when there is none, when the servers do not agree, or within 2 s.
    """
    servers = [median_low(found) for found in _offsets(traffic.ntp).values()]
    if not servers:
        return None
    middle = median_low(servers)
    near = [s for s in servers if abs(s - middle) <= OFFSET_WORTH_SAYING_S * NS]
    if 2 * len(near) <= len(servers) or abs(middle) <= OFFSET_WORTH_SAYING_S * NS:
        return None
    return round(middle / NS, 3)


def _offsets(messages: Sequence[NtpMessage]) -> dict[bytes, list[int]]:
    """Server -> its transmit time minus the answer's time stamp in the capture, ns, for valid answers."""
    asked: set[tuple[bytes, bytes, int]] = set()
    offsets: dict[bytes, list[int]] = defaultdict(list)
    for m in messages:
        if m.mode == 3:
            asked.add((m.at.src, m.at.dst, m.transmit_raw))
        elif m.mode == 4 and (m.at.dst, m.at.src, m.origin_raw) in asked and m.transmit_ns is not None and _is_set(m):
            offsets[m.at.src].append(m.transmit_ns - m.at.time_ns)
    return offsets


def _is_set(m: NtpMessage) -> bool:
    """Whether the server's own clock is synchronised, and the answer names a query."""
    return 1 <= m.stratum <= 15 and m.leap != 3 and m.origin_raw != 0
