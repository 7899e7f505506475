"""What the server knows of its live watch: the newest status, the newest events, and who wants to hear of more."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import Any

from pcapaudit.model.errors import UsageError
from pcapaudit.model.records import dataclass
from pcapaudit.model.times import NS
from pcapaudit.station.child import Child
from pcapaudit.station.memory import Memory
from pcapaudit.web.settings import Live

_LOG = logging.getLogger(__name__)

MOST_EVENTS = 500
"""Events that are kept."""
STALE_S = 5.0
"""A watch tells something each second; when it told nothing for so long, what is shown is old."""
_TOLD_LATE_NS = 30 * NS
"""Lost frames may be told so long after they were lost."""
_PATIENCE_S = 1.0
_MOST_LOSSES = 10_000
_MOST_GAPS = 1000
_NUMBERS = frozenset({"frames", "octets", "dropped", "frames_per_s", "bits_per_s", "lag_s", "look_s"})
_MAYBE_TEXTS = frozenset({"at", "source", "since", "directions"})
"""Keys of a status by what they hold; the others hold lists and objects."""
_DEVICE = frozenset(
    {
        *("device", "mac", "address", "signature", "verdict", "stage", "rule", "summary", "indicator", "answered"),
        *("since", "heard"),
    }
)
"""Keys of each of its devices that hold a text or nothing."""
_MARKS = frozenset({"is_provisional", "is_flapping", "is_silent"})
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Happened:
    """An event with its number, which grows from event to event and outlives a restart of the server."""

    number: int
    event: Mapping[str, Any]


class Desk:
    """Takes what the watch tells.

    Args:
        live: The watch.
    """

    def __init__(self, live: Live) -> None:
        self.live = live
        self.status: Mapping[str, Any] | None = None
        """The newest one as the watch wrote it; None before the first."""
        self.revision = 0
        """Grows with whatever is told."""
        self._child = Child(live.words, self.note)
        self._told_s = 0.0
        self._events: deque[Happened] = deque(maxlen=MOST_EVENTS)
        self._number = 0
        self._losses: deque[tuple[int, int]] = deque(maxlen=_MOST_LOSSES)
        self._gaps: deque[tuple[int, int]] = deque(maxlen=_MOST_GAPS)
        self._blind_ns: int | None = None
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_ending = False

    # --- the server's life ----------------------------------------------------------------------------

    async def open(self) -> None:
        """Begin the watch; what happened before is known again."""
        self.live.folder.mkdir(mode=0o700, exist_ok=True)
        self._remember()
        self._task = asyncio.create_task(self._child.keep_running())

    def dismiss(self) -> None:
        """Let go all who wait for news: the server is about to end."""
        self._is_ending = True
        self._tell()

    async def close(self) -> None:
        """End the watch, and wait until it has."""
        self.dismiss()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _remember(self) -> None:
        """Read the newest events of the watch's memory, which the watch alone may open once it runs."""
        if not self.live.state.exists():
            return
        # A memory that cannot be read is told by the watch, which then does not begin.
        with contextlib.suppress(UsageError), contextlib.closing(Memory(self.live.state, _LOG.warning)) as memory:
            for event in reversed(memory.events(MOST_EVENTS)):
                self.note(event)

    # --- what the watch tells -------------------------------------------------------------------------

    def note(self, told: Mapping[str, Any]) -> None:
        """Take one line of the watch; what is neither a status nor an event is passed over."""
        if told.get("event") == "status":
            if not _is_status(told):
                return
            self._note_losses(told)
            self.status, self._told_s = told, time.monotonic()
        elif _is_event(told):
            # By its time, so that it has the same one when it is remembered after a restart.
            self._number = max(self._number + 1, (read_ns(told["at"]) or 0) // 1000)
            self._events.append(Happened(self._number, told))
            self._note_sight(told)
        self._tell()

    def _note_losses(self, status: Mapping[str, Any]) -> None:
        """Keep when frames were lost; the count begins anew with each run of the watch."""
        before = self.status["dropped"] if self.status else 0
        now = status["dropped"]
        new = now - before if now >= before else now
        at_ns = read_ns(status["at"])
        if new and at_ns is not None:
            self._losses.append((at_ns, new))

    def _note_sight(self, event: Mapping[str, Any]) -> None:
        """Keep when nothing was watched."""
        since_ns, at_ns = read_ns(event.get("since")), read_ns(event["at"])
        if event["event"] == "blind":
            self._blind_ns = at_ns if since_ns is None else since_ns
        elif event["event"] == "sighted":
            self._blind_ns = None
            if since_ns is not None and at_ns is not None and since_ns < at_ns:
                self._gaps.append((since_ns, at_ns))

    # --- what is asked of it --------------------------------------------------------------------------

    @property
    def fault(self) -> str | None:
        """Why nothing is watched; None while something is."""
        return self._child.fault

    @property
    def age_s(self) -> float | None:
        """Seconds since the newest status came; None before the first."""
        return None if self.status is None else time.monotonic() - self._told_s

    @property
    def is_fresh(self) -> bool:
        """Whether what is known is of now."""
        return self.fault is None and self.age_s is not None and self.age_s < STALE_S

    @property
    def now_ns(self) -> int:
        """The wire's clock, as far as it was told; else that of this machine."""
        told_ns = read_ns(self.status["at"]) if self.status else None
        return time.time_ns() if told_ns is None else told_ns

    def newest(self, limit: int) -> list[Happened]:
        """The newest events, the newest first."""
        return list(self._events)[-limit:][::-1] if limit > 0 else []

    def after(self, number: int) -> list[Happened]:
        """The events behind one, the oldest first."""
        return [happened for happened in self._events if happened.number > number]

    def lost_between(self, from_ns: int, to_ns: int) -> int:
        """Frames that the watch lost in this span, or may have lost in it, as far as this server heard of them."""
        return sum(count for at_ns, count in self._losses if from_ns <= at_ns < to_ns + _TOLD_LATE_NS)

    def watched_until(self, to_ns: int) -> int | None:
        """Until when, up to a moment, the wire was watched; None if the watch has not said so yet."""
        now_ns = read_ns(self.status["at"]) if self.status else None
        if now_ns is None:
            return None
        return min(to_ns, now_ns if self._blind_ns is None else self._blind_ns)

    def gaps_between(self, from_ns: int, to_ns: int) -> list[tuple[int, int]]:
        """Spans of this one in which nothing was watched, as far as the newest events tell; in order."""
        gaps = [*self._gaps, *([(self._blind_ns, to_ns)] if self._blind_ns is not None else [])]
        return sorted((max(a, from_ns), min(b, to_ns)) for a, b in gaps if a < to_ns and b > from_ns)

    async def watch(self) -> AsyncIterator[int]:
        """The revision now and after each change, until the server ends; about once a second when there is none."""
        while not self._is_ending:
            news = self._news
            yield self.revision
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await news.wait()

    def _tell(self) -> None:
        self.revision += 1
        self._news.set()
        self._news = asyncio.Event()


def read_ns(text: object) -> int | None:
    """An RFC 3339 time of the watch, ns; None for none."""
    if not isinstance(text, str):
        return None
    try:
        return round(datetime.fromisoformat(text).timestamp() * NS)
    except (ValueError, OverflowError):
        return None


def _is_status(told: Mapping[str, Any]) -> bool:
    """Whether all is there that is shown; a watch of another version, begun after an upgrade, may tell other things."""
    ring, health, devices, verdicts = (told.get(name) for name in ("ring", "health", "devices", "verdicts"))
    return (
        all(isinstance(told.get(name), int | float) for name in _NUMBERS)
        and _has_texts(told, _MAYBE_TEXTS)
        and "is_blind" in told
        and (ring is None or (isinstance(ring, dict) and _is_ring(ring)))
        and isinstance(verdicts, dict)
        and isinstance(health, list)
        and all(isinstance(remark, dict) and remark.keys() >= {"id", "summary"} for remark in health)
        and isinstance(devices, list)
        and all(_is_device(device) for device in devices)
    )


def _is_ring(told: Mapping[str, Any]) -> bool:
    return all(isinstance(told.get(name), int) for name in ("files", "octets")) and _has_texts(told, {"from", "fault"})


def _is_device(told: object) -> bool:
    return isinstance(told, dict) and told.keys() >= _MARKS and _has_texts(told, _DEVICE)


def _has_texts(told: Mapping[str, Any], names: Iterable[str]) -> bool:
    """Whether all of these keys are there, each with a text or nothing."""
    return all(isinstance(told.get(name, _MISSING), str | None) for name in names)


def _is_event(told: Mapping[str, Any]) -> bool:
    return all(isinstance(told.get(name), str) for name in ("event", "at", "text"))
