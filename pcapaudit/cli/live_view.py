"""The live view on a terminal: how the capture does, a row a device, and the newest events."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pcapaudit.engine.live import Count, Look
from pcapaudit.model.report import DeviceReport
from pcapaudit.model.times import rfc3339
from pcapaudit.model.words import MarkKind, Verdict
from pcapaudit.report.phrases import DIRECTIONS, say_count, say_title
from pcapaudit.watch.events import Event, Kind, say, say_frames
from pcapaudit.watch.state import Row

EVENTS = 8
"""Events that are shown."""
_AROUND = 10 + EVENTS
"""Lines of the screen that are no rows."""
_STYLES = {
    Verdict.FAILED: "bold red",
    Verdict.DEGRADED: "yellow",
    Verdict.UNDECIDED: "cyan",
    Verdict.HEALTHY: "green",
}
_UNITS = ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"))


class Screen:
    """Shows a watch on a terminal; what it shows stays there when it ends.

    Args:
        name: What is watched.
        spell: Makes a string of the capture harmless, and fit for the terminal.
        console: The terminal.
        clock: Seconds, for the rate.
    """

    def __init__(
        self,
        name: str,
        spell: Callable[[str], str],
        console: Console,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._spell = spell
        self._console = console
        self._clock = clock
        self._counts: deque[tuple[float, Count]] = deque(maxlen=6)
        self._look: Look | None = None
        self._rows: Sequence[Row] = ()
        self._events: deque[Event] = deque(maxlen=EVENTS)
        # Drawn when something is new, never by a thread of its own.
        self._live = Live(console=console, auto_refresh=False, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        self._draw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def count(self, count: Count) -> None:
        """Show what came."""
        self._counts.append((self._clock(), count))
        self._draw()

    def look(self, look: Look, events: Sequence[Event], rows: Sequence[Row]) -> None:
        """Show what is known."""
        self._look, self._rows = look, rows
        self._events.extend(events)
        self._draw()

    def _draw(self) -> None:
        parts = [self._head(), Text(""), self._table(), Text(""), *self._list_events()]
        self._live.update(Group(*parts), refresh=True)

    def _head(self) -> Text:
        """What came, what was lost, which directions are seen."""
        items = [self._name]
        if self._counts:
            items += [*self._say_rate(), say_count(self._counts[-1][1].frames, "frame"), self._say_lost()]
        if self._look is not None and self._look.info is not None:
            info = self._look.info
            items.append(f"wire's clock {_clock_time(self._look.now_ns)}")
            items += [DIRECTIONS[info.directions]] if info.directions else []
            items += [say_count(len(info.health), "remark")] if info.health else []
        return Text(self._spell(" · ".join(items)), style="bold")

    def _say_rate(self) -> list[str]:
        (first_s, first), (last_s, last) = self._counts[0], self._counts[-1]
        if last_s <= first_s:
            return []
        frames = (last.frames - first.frames) / (last_s - first_s)
        bits = 8 * (last.octets - first.octets) / (last_s - first_s)
        return [f"{frames:,.0f} frames/s", _say_bits(bits)]

    def _say_lost(self) -> str:
        dropped = self._counts[-1][1].dropped
        return f"{dropped:,} LOST" if dropped else "none known to be lost"

    def _table(self) -> Table | Text:
        if not self._rows:
            return Text("no device recognised yet", style="dim")
        table = Table(box=None, pad_edge=False, header_style="dim", expand=False)
        for title in ("device", "address", "verdict", "stage", "shows", "answered", "offline"):
            # Both times have the offset of the head's clock. In too little room the device's name and its lamp are cut.
            table.add_column(title, no_wrap=title not in {"device", "shows"})
        room = max(3, self._console.height - _AROUND)
        for row in self._rows[:room]:
            table.add_row(*self._cells(row))
        if len(self._rows) > room:
            table.add_row(Text(f"and {len(self._rows) - room} more", style="dim"))
        return table

    def _cells(self, row: Row) -> list[Text]:
        report, standing = row.report, row.standing
        style = _STYLES[standing.verdict] if standing else "dim"
        is_down = standing is not None and standing.is_down
        name = report.addresses[0] if report.addresses else report.mac or "-"
        plain = (
            standing.stage or "-" if standing else "-",
            report.indicator.state if report.indicator else "-",
            _of_day(find_last_answer(report)),
            _of_day(report.since if is_down else None),
        )
        return [
            Text(self._spell(say_title(report)), no_wrap=True, overflow="ellipsis"),
            Text(self._spell(name)),
            Text(say_verdict(row), style=style),
            *(Text(self._spell(str(cell)), no_wrap=True, overflow="ellipsis") for cell in plain),
        ]

    def _list_events(self) -> list[Text]:
        """The newest event first: a terminal that is too low cuts the last ones off."""
        styles = {Kind.LOST: "red", Kind.FLAPPING: "red", Kind.DROPPED: "yellow", Kind.RECOVERED: "green"}
        return [
            Text(self._spell(write_line(event)), style=styles.get(event.kind, "")) for event in reversed(self._events)
        ]


def say_verdict(row: Row) -> str:
    """The verdict that is believed; a question mark where the newest look says something else."""
    word = row.standing.verdict.value if row.standing else "looking"
    more = [*(["flapping"] if row.is_flapping else []), *(["silent"] if row.is_silent else [])]
    return word + ("?" if row.is_provisional else "") + (f" ({', '.join(more)})" if more else "")


def write_line(event: Event) -> str:
    """``14:02:11 +00:00 Sensorist … is offline …, frames 31, 38``."""
    return f"{_clock_time(event.at_ns)} {', '.join(part for part in (say(event), say_frames(event)) if part)}"


def find_last_answer(report: DeviceReport) -> str | None:
    """When the device was last answered by anybody, RFC 3339; None if it never was."""
    return max((m.at for lane in report.timeline for m in lane.marks if m.kind is MarkKind.ANSWERED), default=None)


def _clock_time(time_ns: int) -> str:
    return f"{_of_day(rfc3339(time_ns))} +00:00"


def _of_day(time: str | None) -> str:
    return time[11:19] if time else "-"


def _say_bits(rate: float) -> str:
    for size, unit in _UNITS:
        if rate >= size:
            return f"{rate / size:.{0 if rate >= 10 * size else 1}f} {unit}"
    return f"{rate:.0f} bit/s"
