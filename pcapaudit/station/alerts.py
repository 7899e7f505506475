"""The door by which a watch tells others: events and its newest status go to a process that does all the talking.

That process may hang, crash or be slow: nothing here waits for it. It is started anew when it ended, and given again
what it had not acknowledged.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from pcapaudit.model.errors import UsageError
from pcapaudit.model.records import dataclass
from pcapaudit.station.outlet import MOST_WAITING
from pcapaudit.station.supervisor import Supervisor
from pcapaudit.station.teller import Start
from pcapaudit.station.telling import TellerProcess
from pcapaudit.station.wish import Wish, join_address

MOST_KEPT = 2 * MOST_WAITING
"""Events that are kept until they are settled; beyond that the oldest go. Only one that hangs is so far behind."""
PATIENCE_S = 10.0
"""What is left at the end may take so long to go out: as long as a webhook may take for one answer."""
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
_DEATHS = 3
"""An event at which the process ended so often is not given to it again."""
_BACKLOG = 16


@dataclass(slots=True)
class _Alert:
    event: Mapping[str, Any]
    deaths: int = 0


class Alerts:
    """Tells others what a watch sees, and systemd, where it runs the watch. Where nothing is wished nothing is started.

    Call ``tell`` about once a second, also without news: it restarts what ended, and passes on what people should know.

    Args:
        wish: Whom to tell, and of what.
        source: What is watched.
        say: Given sentences for people.
        clock: Seconds.

    Raises:
        UsageError: The address for the numbers cannot be listened at.
    """

    def __init__(
        self, wish: Wish, *, source: str, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._wish = wish
        self._source = source
        self._say = say
        self._clock = clock
        self._run = secrets.token_hex(6)
        self._supervisor = Supervisor(os.environ)
        self._listening = _listen(*wish.metrics) if wish.metrics else None
        self._next = 1
        self._kept: dict[int, _Alert] = {}
        self._unsent: deque[int] = deque()
        self._missed = 0
        self._status: Mapping[str, Any] | None = None
        self._is_status_new = False
        self._child: TellerProcess | None = None
        self._starts = 0
        self._start_at_s = self._began_s = 0.0
        self._wait_s = _FIRST_WAIT_S
        self._start_when_due()

    @property
    def metrics_address(self) -> str | None:
        """``127.0.0.1:9100``, where the numbers are; None without."""
        return None if self._listening is None else join_address(*self._listening.getsockname()[:2])

    def tell(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Pass on events, and the newest status, as a watch's JSON lines have them. Never waits.

        Events of kinds that are not wished for go nowhere.
        """
        for line in lines:
            self._keep(line)
        self._start_when_due()
        self._hear()
        self._write()

    def close(self, patience_s: float = PATIENCE_S) -> int:
        """Let out what waits, as far as that goes quickly; how many events were not delivered."""
        if self._child is None and self._kept:
            self._start_at_s = 0.0
            self._start_when_due()
        until_s = self._clock() + patience_s
        child = self._child
        if child is not None:
            self._flush(child, until_s)
            # The process's own patience begins when its input ends.
            self._drain(child, until_s + 1.0)
            self._child = None
            child.end()
        if self._listening is not None:
            self._listening.close()
        lost = len(self._kept) + self._missed
        if lost:
            self._say(f"events that could not be told to others any more: {lost:,}")
        self._kept.clear()
        self._missed = 0
        return lost

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _keep(self, line: Mapping[str, Any]) -> None:
        if line["event"] == "status":
            self._supervisor.tell(line)
            self._status, self._is_status_new = line, self._listening is not None
        elif self._wish.has_alerts and line["event"] in self._wish.alert_on:
            if len(self._kept) >= MOST_KEPT:
                self._drop(next(iter(self._kept)))
            self._kept[self._next] = _Alert(line)
            self._unsent.append(self._next)
            self._next += 1

    def _drop(self, number: int) -> None:
        """Lose an event, but not silently."""
        del self._kept[number]
        with suppress(ValueError):
            self._unsent.remove(number)
        self._missed += 1

    def _start_when_due(self) -> None:
        now_s = self._clock()
        if self._child is not None or self._wish.is_empty or now_s < self._start_at_s:
            return
        start = Start(
            wish=self._wish,
            source=self._source,
            run=self._run,
            pid=os.getpid(),
            restarts=self._starts,
            listening=None if self._listening is None else self._listening.fileno(),
            grace_s=PATIENCE_S,
        )
        self._starts += 1
        self._began_s = now_s
        try:
            self._child = TellerProcess(start)
        except OSError as error:
            self._wait_longer(f"does not start ({error.strerror})")
        self._is_status_new = self._status is not None and self._listening is not None

    def _wait_longer(self, what: str) -> None:
        """Try again later, and later each time; one that ran for a while begins anew."""
        now_s = self._clock()
        if now_s - self._began_s > _LONGEST_WAIT_S:
            self._wait_s = _FIRST_WAIT_S
        self._start_at_s = now_s + self._wait_s
        self._say(f"the process that tells others {what}; it is started again in {self._wait_s:g} s")
        self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S)

    def _hear(self) -> None:
        """Take what the process says; see whether it is still there."""
        child = self._child
        if child is None:
            return
        self._take(child)
        ended = child.ended
        if ended is not None:
            self._bury(child, ended)

    def _bury(self, child: TellerProcess, ended: str) -> None:
        """What it had not settled goes to the next one, but for an event at which it ended again and again."""
        self._child = None
        child.end()
        unsent = set(self._unsent)
        oldest = next((number for number in self._kept if number not in unsent), None)
        if oldest is not None:
            self._kept[oldest].deaths += 1
            if self._kept[oldest].deaths >= _DEATHS:
                self._drop(oldest)
        self._unsent = deque(self._kept)
        self._wait_longer(f"ended ({ended})")

    def _write(self) -> None:
        """Write what the pipe takes."""
        while self._child is not None and self._child.has_room() and (line := self._choose()) is not None:
            self._child.give(line)

    def _choose(self) -> bytes | None:
        """The next line: what was missed, events in order, then the newest status."""
        if self._missed:
            missed, self._missed = self._missed, 0
            return _line({"missed": missed})
        while self._unsent:
            number = self._unsent.popleft()
            if number in self._kept:
                return _line({"number": number, "event": self._kept[number].event})
        if self._is_status_new:
            self._is_status_new = False
            return _line({"status": self._status})
        return None

    def _flush(self, child: TellerProcess, until_s: float) -> None:
        """Give the process all that is for it, while it takes it; then nothing more."""
        self._write()
        while not child.has_room() and child.ended is None and (left_s := until_s - self._clock()) > 0:
            child.wait_for_room(left_s)
            self._write()
        child.close_input()

    def _drain(self, child: TellerProcess, until_s: float) -> None:
        while (left_s := until_s - self._clock()) > 0 and child.wait_for_words(left_s):
            self._take(child)

    def _take(self, child: TellerProcess) -> None:
        """Take what the process says so far."""
        for told in child.hear():
            if "note" in told:
                self._say(told["note"])
            else:
                self._kept.pop(told["settled"], None)


def _line(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told).encode() + b"\n"


def _listen(host: str, port: int) -> socket.socket:
    """Raises UsageError: nobody can listen there; says why."""
    where = f"--metrics {join_address(host, port)}"
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{where}: cannot listen there ({getattr(error, 'strerror', None) or error})") from error
