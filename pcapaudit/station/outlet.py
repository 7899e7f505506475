"""Events on their way to one receiver: in order, again and again until it takes them, and counted when it does not."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from threading import Condition
from typing import Any, Protocol

from pcapaudit.model.records import dataclass
from pcapaudit.report.escape import make_visible

MOST_WAITING = 1_000
"""Events that wait for a receiver at most; then the oldest makes room."""
KEPT_S = 86_400.0
"""An event that is so old is given up when it fails once more."""
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
LONGEST_WISH_S = 300.0
"""The longest wait that a receiver may ask for."""
SAID_S = 60.0
"""Seconds between two lines about events that were given up."""
_PIPE = "-"
MISSED = "missed"
"""The kind of the event that stands where others could not be kept."""


class RefusedError(Exception):
    """The receiver does not want this event; says why."""


class UnreachedError(Exception):
    """The receiver did not take an event now; says why, and in how many seconds to ask again, if it said so."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Sender(Protocol):
    """Brings one event to a receiver. Raises RefusedError or UnreachedError."""

    def __call__(self, number: int | None, event: Mapping[str, Any]) -> None:
        """Bring one event; ``number`` tells it from others, None for one that is made on the way."""

    def close(self) -> None:
        """Close what is open."""


def say_event(event: Mapping[str, Any], source: str) -> str:
    """An event in one sentence, harmless on any screen; begins with what is watched, if that has a name."""
    text = event.get("text") or event["event"]
    return make_visible(text if source == _PIPE else f"{source}: {text}")


@dataclass(frozen=True, slots=True)
class Counts:
    """How the events fared."""

    sent: int
    failed: int
    """Given up: refused, too old, or too many."""
    waiting: int


@dataclass(frozen=True, slots=True)
class _Job:
    event: Mapping[str, Any]
    number: int | None
    """What it is acknowledged by; None for one that is made here."""
    came_s: float


class Outlet:
    """The queue before one receiver, worked off by a thread of its own.

    Args:
        name: What notes call the receiver; without its secrets.
        send: Brings one event there, as a sender does.
        note: Given sentences about what does not work.
        settle: Given the number of each event that was taken or given up.
        clock: Seconds.
    """

    def __init__(
        self,
        name: str,
        send: Callable[[int | None, Mapping[str, Any]], None],
        *,
        note: Callable[[str], None],
        settle: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._send = send
        self._note = note
        self._settle = settle
        self._clock = clock
        self._changed = Condition()
        self._queue: deque[_Job] = deque()
        self._on_its_way = 0
        self._missed = 0
        self._is_over = False
        self._sent = self._failed = 0
        self._is_failing = False
        self._said_s: float | None = None

    @property
    def counts(self) -> Counts:
        """So far."""
        with self._changed:
            return Counts(self._sent, self._failed, len(self._queue) + self._on_its_way)

    def put(self, number: int, event: Mapping[str, Any]) -> None:
        """Let one event wait for its turn. Never waits itself."""
        oldest = None
        with self._changed:
            if len(self._queue) >= MOST_WAITING:
                oldest = self._queue.popleft()
                self._missed += 1
            self._queue.append(_Job(event, number, self._clock()))
            self._changed.notify()
        if oldest is not None:
            self._give_up(oldest, f"more than {MOST_WAITING:,} wait")

    def miss(self, count: int) -> None:
        """Note that so many events were lost before they came here."""
        with self._changed:
            self._missed += count
            self._failed += count
            self._changed.notify()
        self._note(
            f"{self._name}: events that could not be kept until now: {count:,}; {self._failed:,} not delivered so far"
        )

    def finish(self) -> None:
        """Nothing more comes: what waits is sent until one fails for the second time."""
        with self._changed:
            self._is_over = True
            self._changed.notify()

    def work(self) -> None:
        """Deliver until it is over; for a thread."""
        is_reached = True
        while is_reached and (job := self._take()) is not None:
            is_reached = self._deliver(job)
            with self._changed:
                self._on_its_way = 0

    def _take(self) -> _Job | None:
        """The next one, when there is one; None at the end."""
        with self._changed:
            while not (self._queue or self._missed or self._is_over):
                self._changed.wait()
            if self._missed:
                count, self._missed = self._missed, 0
                text = f"events before this one that could not be delivered: {count:,}"
                self._on_its_way = 1
                return _Job({"event": MISSED, "count": count, "text": text}, None, self._clock())
            self._on_its_way = 1 if self._queue else 0
            return self._queue.popleft() if self._queue else None

    def _deliver(self, job: _Job) -> bool:
        """Try until it is taken or given up; False when the end came before that, and a second try did not help."""
        wait_s = FIRST_WAIT_S
        was_tried = False
        while True:
            was_over = self._is_over
            try:
                self._send(job.number, job.event)
            except RefusedError as error:
                self._give_up(job, str(error))
                return True
            except UnreachedError as error:
                if was_over and was_tried:
                    return False
                if self._clock() - job.came_s >= KEPT_S:
                    self._give_up(job, str(error))
                    return True
                self._complain(str(error))
                wished_s = min(error.wait_s or 0.0, LONGEST_WISH_S)
                self._pause(FIRST_WAIT_S if was_over else max(wait_s, wished_s), was_over=was_over)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
                was_tried = True
            else:
                self._succeed(job)
                return True

    def _pause(self, seconds: float, *, was_over: bool) -> None:
        """Wait; the end that comes meanwhile cuts it short."""
        until_s = self._clock() + seconds
        with self._changed:
            while self._is_over == was_over and (left_s := until_s - self._clock()) > 0:
                self._changed.wait(left_s)

    def _complain(self, reason: str) -> None:
        if not self._is_failing:
            self._is_failing = True
            self._note(f"{self._name}: {reason}; it is tried again, and what comes meanwhile waits")

    def _succeed(self, job: _Job) -> None:
        with self._changed:
            self._sent += 1
        if self._is_failing:
            self._is_failing = False
            self._note(f"{self._name}: works again")
        if job.number is not None:
            self._settle(job.number)

    def _give_up(self, job: _Job, reason: str) -> None:
        with self._changed:
            self._failed += 1
        now_s = self._clock()
        if self._said_s is None or now_s - self._said_s >= SAID_S:
            self._said_s = now_s
            self._note(f"{self._name}: {reason}; an event was not delivered, {self._failed:,} so far")
        if job.number is not None:
            self._settle(job.number)
