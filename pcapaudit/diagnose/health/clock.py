"""Time stamps that cannot be taken at their word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from pcapaudit.diagnose.health.registry import View, health_check
from pcapaudit.diagnose.health.remarks import frame_span, remark
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.report import HealthItem
from pcapaudit.model.times import NS, duration, readable

HOUR_NS = 3600 * NS
DAY_NS = 24 * HOUR_NS
YEAR_1990_NS = 631_152_000 * NS
YEAR_2005_NS = 1_104_537_600 * NS
DATES_EFFECT = "waiting times across the step and the dates themselves prove nothing"
STEP_EFFECT = "waits and silences across the step count without it; the dates prove nothing"
GRAINS = {NS: "a second", 10_000_000: "10 ms", 1_000_000: "a millisecond"}


@health_check("CAP-TIME-DISORDER")
def time_disorder(view: View) -> Iterator[HealthItem]:
    """Frames stand out of the order of their times.

    **Seen**: a time stamp lies more than a millisecond before that of the frame before it. Many of them: files
    were merged, or the capturing host reads several queues. A clock that was set is CAP-CLOCK-JUMP.

    **Effect**: frames are judged in file order, time differences never count as negative; waits across the
    disorder are uncertain by the size of the step.

    **Ask for**: a capture from one interface; sort a merged file by time (``reordercap``).
    """
    odd = view.traffic.result.oddities
    set_back = [s for s in view.traffic.clock.steps if s.hop.after_ns < s.hop.before_ns]
    late = odd.backward_over_1ms - len(set_back)
    if late:
        # How far they are off is not known beside a step: that is the largest.
        by = "" if set_back else f", by up to {duration(odd.largest_back_ns / NS)}"
        yield remark(
            "CAP-TIME-DISORDER",
            f"{late} frames are dated before their predecessor{by}",
            odd.backward.frames,
            effect="frames are read in file order; waiting times near these frames are uncertain",
            advice="Capture on one interface; sort a merged file by time before the audit.",
        )


@health_check("CAP-CLOCK-JUMP")
def clock_jump(view: View) -> Iterator[HealthItem]:
    """The capturing clock was set while it ran, or never was.

    **Seen**: inside a file, a step back of more than a second that later frames keep to; a step ahead of more than
    five minutes in which nobody sent anything, not even the TCP segment again that waited for its acknowledgment; or
    frames dated before 2005.

    **Effect**: it is judged as if the frames behind the step had followed at once: a wait or silence across it counts
    without the step, hence never too long. Times are told as the file has them. Dates cannot be held against
    certificates or logs.

    **Ask for**: set the clock of the capturing host (NTP), then capture again.
    """
    yield from _steps(view.traffic)
    yield from _fallen_back(view.traffic)
    yield from _never_set(view.traffic)


def _jump(summary: str, frames: Iterable[int], *, effect: str = DATES_EFFECT, is_proven: bool) -> HealthItem:
    return remark(
        "CAP-CLOCK-JUMP",
        summary,
        frames,
        effect=effect,
        advice="Set the clock of the capturing host by NTP and capture again.",
        is_proven=is_proven,
    )


def _steps(traffic: Traffic) -> Iterator[HealthItem]:
    for step in traffic.clock.steps:
        hop = step.hop
        by = duration(abs(hop.after_ns - hop.before_ns) / NS)
        how = f"is set back by {by}" if hop.after_ns < hop.before_ns else f"jumps ahead by {by}"
        why = "in the middle of a conversation" if step.proof else "or files were put together there"
        text = f"the clock {how} before frame {hop.frame}, {why}"
        frames = sorted({*step.proof, hop.frame - 1, hop.frame})
        yield _jump(text, frames, effect=STEP_EFFECT, is_proven=bool(step.proof))


def _fallen_back(traffic: Traffic) -> Iterator[HealthItem]:
    """The same where it cannot be mended: too often, or between two files."""
    odd = traffic.result.oddities
    mended_ns = max((s.hop.before_ns - s.hop.after_ns for s in traffic.clock.steps), default=0)
    if odd.largest_back_ns > max(HOUR_NS, mended_ns):
        text = f"the time falls back by {duration(odd.largest_back_ns / NS)}: clock set, or files put together"
        yield _jump(text, odd.backward.frames, is_proven=False)


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
