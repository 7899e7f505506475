"""How a health check makes its remark, and what checks ask of a capture as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import choose_frames
from pcapaudit.diagnose.vantage import vantage_of
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text, mac_text
from pcapaudit.model.events import Packet
from pcapaudit.model.report import HealthItem
from pcapaudit.model.times import NS
from pcapaudit.model.words import HealthState, Vantage


def remark(
    rule: str,
    summary: str,
    frames: Iterable[Packet | int],
    *,
    effect: str,
    advice: str | None = None,
    is_proven: bool = True,
    facts: Facts | None = None,
) -> HealthItem:
    """One remark on the capture, or on what it shows of one device.

    Args:
        rule: Catalogue id (CAP-...).
        summary: What was seen, in one sentence.
        frames: Packets or frame numbers that show it; at most ten are kept, the first and last among them.
        effect: What the verdicts may not claim because of it.
        advice: What to ask of whoever captures (catalogue, section 13.3).
        is_proven: False for a mere suspicion.
        facts: The device it speaks of; None for the whole capture. A device whose MAC is not in the capture
            is named in the summary alone.
    """
    mac = facts.mac if facts is not None and vantage_of(facts) is not Vantage.WAN else None
    return HealthItem(
        rule=rule,
        state=HealthState.PROVEN if is_proven else HealthState.SUSPECTED,
        device=None if mac is None else mac_text(mac),
        summary=summary,
        frames=tuple(choose_frames(frames)),
        effect=effect,
        advice=advice,
    )


def name_of(facts: Facts) -> str:
    """What to call a device in a sentence: its address, else its MAC."""
    if facts.address is not None:
        return ip_text(facts.address)
    return mac_text(facts.mac) if facts.mac is not None else "the device"


def judged(devices: Sequence[Facts]) -> list[Facts]:
    """Devices that a remark can be tied to: those with a MAC of their own, and all that were recognised."""
    own = [f for f in devices if not f.host.is_router]
    return [f for f in own if f.signature is not None or (f.mac is not None and not f.host.behind_router)]


def frame_span(traffic: Traffic) -> list[int]:
    """First and last frame number of the capture; empty without a frame. Found once per capture."""
    known: list[int] | None = traffic.memo.get("frame_span")
    if known is None:
        known = traffic.memo["frame_span"] = _find_span(traffic)
    return known


def _find_span(traffic: Traffic) -> list[int]:
    result = traffic.result
    tables = (result.pairs, result.flows, result.arps)
    firsts = [int(t[n].min()) for t, n in zip(tables, ("first_frame", "first_frame", "frame"), strict=True) if len(t)]
    lasts = [int(t[n].max()) for t, n in zip(tables, ("last_frame", "last_frame", "frame"), strict=True) if len(t)]
    # Frames of a file that were all left out (another time was asked for) are none to speak of.
    if not firsts and result.counters["frames"]:
        files = [f for f in traffic.notes.files if f.frames]
        firsts, lasts = [f.first_frame for f in files], [f.first_frame + f.frames - 1 for f in files]
    return sorted({min(firsts), max(lasts)}) if firsts else []


def frames_where(traffic: Traffic, mask: np.ndarray) -> list[int]:
    """Frame numbers of the logged packets that the mask picks: the first nine and the last."""
    frames = traffic.result.rows["frame"][mask]
    return [*frames[:9].tolist(), *frames[-1:].tolist()]


def watched_s(traffic: Traffic) -> float:
    """Seconds from the first frame to the end of the watched window."""
    return max(0, traffic.end_ns - traffic.start_ns) / NS if traffic.result.first_ns is not None else 0.0


def count(number: int, noun: str) -> str:
    """``1 frame``, ``3 frames``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def share(part: int, whole: int) -> str:
    """``12 %``, ``0.8 %``; what is smaller than that still shows as ``0.1 %``."""
    percent = 100 * part / max(1, whole)
    return f"{percent:.0f} %" if percent >= 10 else f"{max(percent, 0.1):.1f} %"
