"""Time stamps that cannot be taken at their word."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapaudit.diagnose.health.registry import View, health_check
from pcapaudit.diagnose.health.remarks import frame_span, remark
from pcapaudit.flows.flow import FIN, SYN
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import Packet
from pcapaudit.model.report import HealthItem
from pcapaudit.model.times import NS, duration, readable
from pcapaudit.scan.columns import NO_FLOW

HOUR_NS = 3600 * NS
DAY_NS = 24 * HOUR_NS
YEAR_1990_NS = 631_152_000 * NS
YEAR_2005_NS = 1_104_537_600 * NS
NEAR_ROWS = 50
"""Packets on either side of a step in which its proof is looked for."""
GRAINS = {NS: "a second", 10_000_000: "10 ms", 1_000_000: "a millisecond"}


@health_check("CAP-TIME-DISORDER")
def time_disorder(view: View) -> Iterator[HealthItem]:
    """Frames stand out of the order of their times.

    **Seen**: a time stamp lies more than a millisecond before that of the frame before it. Many of them: files
    were merged, or the capturing host reads several queues.

    **Effect**: frames are judged in file order, time differences never count as negative; waits across the
    disorder are uncertain by the size of the step.

    **Ask for**: a capture from one interface; sort a merged file by time (``reordercap``).
    """
    odd = view.traffic.result.oddities
    if odd.backward_over_1ms:
        yield remark(
            "CAP-TIME-DISORDER",
            f"{odd.backward_over_1ms} frames are dated before their predecessor, "
            f"by up to {duration(odd.largest_back_ns / NS)}",
            odd.backward.frames,
            effect="frames are read in file order; waiting times near these frames are uncertain",
            advice="Capture on one interface; sort a merged file by time before the audit.",
        )


@health_check("CAP-CLOCK-JUMP")
def clock_jump(view: View) -> Iterator[HealthItem]:
    """The capturing clock was set while it ran, or never was.

    **Seen**: a step ahead of more than an hour between a segment and the acknowledgment it waited for; a step
    back of more than an hour; or frames dated before 2005.

    **Effect**: waits across the step prove nothing, and the dates cannot be held against certificates or logs.

    **Ask for**: set the clock of the capturing host (NTP), then capture again.
    """
    yield from _steps_ahead(view.traffic)
    yield from _step_back(view.traffic)
    yield from _never_set(view.traffic)


def _jump(summary: str, frames: list[int], *, is_proven: bool) -> HealthItem:
    return remark(
        "CAP-CLOCK-JUMP",
        summary,
        frames,
        effect="waiting times across the step and the dates themselves prove nothing",
        advice="Set the clock of the capturing host by NTP and capture again.",
        is_proven=is_proven,
    )


def _steps_ahead(traffic: Traffic) -> Iterator[HealthItem]:
    """An hour or more that passed between a segment and its acknowledgment; a mere pause proves nothing."""
    borders = {f.first_frame for f in traffic.notes.files}
    for frame in traffic.result.oddities.forward_hour.frames:
        proof = _interrupted(traffic, frame) if frame not in borders else None
        if proof is not None:
            hours = duration((proof[1].time_ns - proof[0].time_ns) / NS)
            text = f"the clock jumps by {hours} before frame {frame}, in the middle of a conversation"
            yield _jump(text, [p.frame for p in proof], is_proven=True)


def _interrupted(traffic: Traffic, frame: int) -> tuple[Packet, Packet] | None:
    """A segment before the step whose first acknowledgment comes behind it."""
    rows = traffic.result.rows
    at = int(np.searchsorted(rows["frame"], frame))
    before = [traffic.packet(i) for i in range(max(0, at - NEAR_ROWS), at) if rows[i]["flow"] != NO_FLOW]
    after = [traffic.packet(i) for i in range(at, min(len(rows), at + NEAR_ROWS)) if rows[i]["flow"] != NO_FLOW]
    acked = {(p.src, p.sport, p.dst, p.dport, p.ack) for p in before}
    waiting = {(p.dst, p.dport, p.src, p.sport, _end_of(p)): p for p in before if p.payload_len}
    for p in after:
        key = (p.src, p.sport, p.dst, p.dport, p.ack)
        if key in waiting and key not in acked and p.time_ns - waiting[key].time_ns > HOUR_NS:
            return waiting[key], p
    return None


def _end_of(p: Packet) -> int:
    extra = (1 if p.flags & SYN else 0) + (1 if p.flags & FIN else 0)
    return (p.seq + p.payload_len + extra) % (1 << 32)


def _step_back(traffic: Traffic) -> Iterator[HealthItem]:
    odd = traffic.result.oddities
    if odd.largest_back_ns > HOUR_NS:
        text = f"the time falls back by {duration(odd.largest_back_ns / NS)}: clock set, or files put together"
        yield _jump(text, list(odd.backward.frames), is_proven=False)


def _never_set(traffic: Traffic) -> Iterator[HealthItem]:
    first = traffic.result.first_ns
    if first is not None and first < YEAR_2005_NS:
        text = f"the capture is dated {readable(first)[:10]}: the clock of the capturing host was probably not set"
        yield _jump(text, frame_span(traffic)[:1], is_proven=first < YEAR_1990_NS)


@health_check("CAP-FILES-APART")
def files_apart(view: View) -> Iterator[HealthItem]:
    """Files that were read as one capture lie more than a day apart.

    **Seen**: between the last frame of a file and the first one of the next more than 24 hours pass.

    **Effect**: nobody watched in between: silence across the gap proves nothing, and what failed before it may long
    have been mended.

    **Ask for**: the missing files; or audit the files one by one (``--separate``).
    """
    rows = view.traffic.result.rows
    begins = [f.first_frame for f in view.traffic.notes.files[1:] if f.frames]
    places = np.searchsorted(rows["frame"], begins)
    places = places[(places > 0) & (places < len(rows))]
    # As floating point: hostile time stamps may lie further apart than 64 bits hold.
    gaps = rows["time_ns"][places].astype(np.float64) - rows["time_ns"][places - 1].astype(np.float64)
    apart = places[gaps > DAY_NS]
    if len(apart):
        times = "once" if len(apart) == 1 else f"{len(apart)} times"
        yield remark(
            "CAP-FILES-APART",
            f"the files are read as one capture, but lie up to {duration(float(gaps.max()) / NS)} apart ({times})",
            [int(frame) for at in apart for frame in (rows["frame"][at - 1], rows["frame"][at])],
            effect="nobody watched between them: silence across such a gap proves nothing",
            advice="Name only files that follow each other, or audit each by itself (--separate).",
        )


@health_check("CAP-COARSE-TIME")
def coarse_time(view: View) -> Iterator[HealthItem]:
    """The time stamps are coarse.

    **Seen**: all time stamps are multiples of a millisecond or more, and many frames share one.

    **Effect**: what is told from the time between a packet and its answer (a reset too fast to come from the
    server) is off.

    **Ask for**: a capturing tool with time stamps of a microsecond.
    """
    rows = view.traffic.result.rows
    times = rows["time_ns"]
    if view.traffic.grain_ns:
        equal = np.flatnonzero(times[1:] == times[:-1])
        yield remark(
            "CAP-COARSE-TIME",
            f"time stamps are multiples of {GRAINS[view.traffic.grain_ns]}; "
            f"{len(equal)} frames share that of the frame before",
            [int(f) for i in equal[:5] for f in (rows["frame"][i], rows["frame"][i + 1])],
            effect="signs that rest on round-trip times are off",
            advice="Capture with a tool that writes microseconds.",
        )
