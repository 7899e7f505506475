"""What a watch says, and how it says it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from pcapaudit.model.records import dataclass
from pcapaudit.model.times import duration, rfc3339
from pcapaudit.model.words import Stage, Verdict


class Kind(StrEnum):
    """What happened."""

    SEEN = "seen"
    """A device is there for the first time, and its verdict is known."""
    LOST = "lost"
    RECOVERED = "recovered"
    """Closes ``lost``."""
    CHANGED = "changed"
    """Another verdict that is no loss, or another reason of a loss."""
    FLAPPING = "flapping"
    """The losses come again and again; no more is said of each until it is over."""
    SETTLED = "settled"
    """Closes ``flapping``."""
    SILENT = "silent"
    """Nothing was heard of the device for a long time, while the wire was watched."""
    BACK = "back"
    """Closes ``silent``."""
    FORGOTTEN = "forgotten"
    """A device that was offline was not heard for so long that it is watched no more; closes ``lost``, ``flapping``."""
    DROPPED = "dropped"
    """The capturing side lost frames: nothing is claimed over this gap."""
    BLIND = "blind"
    """Nothing can be seen: the interface is down or away, or what captures has ended. Nothing is claimed meanwhile."""
    SIGHTED = "sighted"
    """Closes ``blind``; after a restart of the watch also what passed in between."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a watch. What does not belong to its kind is None."""

    kind: Kind
    at_ns: int
    """The wire's clock when it was clear."""
    device: str | None = None
    """Vendor and product, or what is known instead."""
    mac: str | None = None
    address: str | None = None
    verdict: Verdict | None = None
    stage: Stage | None = None
    """Where the ladder breaks."""
    rule: str | None = None
    since: str | None = None
    """When the failure, or the blindness, began; RFC 3339."""
    summary: str | None = None
    """The verdict in one sentence; why nothing could be seen."""
    frames: tuple[int, ...] = ()
    """The frames that prove it."""
    count: int | None = None
    """Losses (flapping), frames (dropped)."""
    period_s: float | None = None
    """Seconds from one loss to the next, in the middle."""
    lasted_s: float | None = None
    """How long what this event closes went on."""

    def as_dict(self) -> dict[str, Any]:
        """Keys and values of its JSON line; what does not belong to its kind is left out."""
        told: dict[str, Any] = {"event": self.kind.value, "at": rfc3339(self.at_ns)}
        for name in ("device", "mac", "address", "verdict", "stage", "rule", "since", "summary"):
            told[name] = getattr(self, name)
        told["frames"] = list(self.frames) or None
        told |= {"count": self.count, "period_s": self.period_s, "lasted_s": self.lasted_s}
        told["text"] = say(self)
        return {name: value for name, value in told.items() if value is not None}


def say(event: Event) -> str:
    """The event in one sentence, without its time."""
    who = " ".join(part for part in (event.device, event.address or event.mac) if part)
    return " ".join(part for part in (who, _SAY[event.kind](event)) if part)


def say_frames(event: Event) -> str:
    """``frames 31, 38, 214``; empty without any."""
    return f"frames {', '.join(map(str, event.frames))}" if event.frames else ""


def _say_seen(event: Event) -> str:
    verdicts = {
        Verdict.HEALTHY: "is there and works",
        Verdict.DEGRADED: "is there and works, but not as it should",
        Verdict.UNDECIDED: "is there; nothing shows yet whether it works",
    }
    return verdicts.get(event.verdict or Verdict.UNDECIDED, "is there")


def _say_lost(event: Event) -> str:
    return f"is offline{_say_since(event)}, at {event.stage or 'an unknown stage'}: {_say_why(event)}"


def _say_since(event: Event) -> str:
    return f" since {event.since[11:19]}" if event.since else ""


def _say_why(event: Event) -> str:
    """The reason, to go on from."""
    return (event.summary or event.rule or "no reason is known").removesuffix(".")


def _say_recovered(event: Event) -> str:
    return f"works again, after {_span(event.lasted_s)}"


def _say_changed(event: Event) -> str:
    if event.verdict is Verdict.FAILED:
        return f"is still offline, now at {event.stage or 'an unknown stage'}: {_say_why(event)}"
    return f"is now {event.verdict}: {_say_why(event)}" if event.summary else f"is now {event.verdict}"


def _say_flapping(event: Event) -> str:
    return f"was lost {event.count} times, every {_span(event.period_s)}; only the end of this will be told"


def _say_settled(event: Event) -> str:
    state = "and works now" if event.verdict is not Verdict.FAILED else "and stays offline"
    return f"was lost {event.count} times in {_span(event.lasted_s)} {state}"


def _say_silent(event: Event) -> str:
    return f"has not been heard for {_span(event.lasted_s)}"


def _say_back(event: Event) -> str:
    return f"is heard again, after {_span(event.lasted_s)}"


def _say_forgotten(event: Event) -> str:
    return f"was offline and has not been heard for {_span(event.lasted_s)}; it is watched no more"


def _say_dropped(event: Event) -> str:
    return f"{event.count:,} frames were lost while capturing; nothing is claimed over this gap"


def _say_blind(event: Event) -> str:
    return f"nothing can be seen{_say_since(event)}: {_say_why(event)}; nothing is claimed until it can"


def _say_sighted(event: Event) -> str:
    return f"nothing could be seen for {_span(event.lasted_s)}: {_say_why(event)}; nothing is claimed over this gap"


def _span(seconds: float | None) -> str:
    return duration(seconds or 0.0)


_SAY: dict[Kind, Callable[[Event], str]] = {
    Kind.SEEN: _say_seen,
    Kind.LOST: _say_lost,
    Kind.RECOVERED: _say_recovered,
    Kind.CHANGED: _say_changed,
    Kind.FLAPPING: _say_flapping,
    Kind.SETTLED: _say_settled,
    Kind.SILENT: _say_silent,
    Kind.BACK: _say_back,
    Kind.FORGOTTEN: _say_forgotten,
    Kind.DROPPED: _say_dropped,
    Kind.BLIND: _say_blind,
    Kind.SIGHTED: _say_sighted,
}
