"""The live view on a terminal: how the capture does, a row a device, and the newest events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pcapaudit.engine.live import Look
from pcapaudit.model.times import rfc3339
from pcapaudit.model.words import Verdict
from pcapaudit.report.phrases import DIRECTIONS, say_count, say_title
from pcapaudit.watch.events import Event, Kind, say, say_frames
from pcapaudit.watch.state import Row
from pcapaudit.watch.status import Status

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
_WORTH_SAYING_S = 2.0
"""A lag that is shown."""
_UNITS = ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"))


class Screen:
    """Shows a watch on a terminal; what it shows stays there when it ends.

    Args:
        name: What is watched.
        spell: Makes a string of the capture harmless, and fit for the terminal.
        console: The terminal.
    """

    def __init__(self, name: str, spell: Callable[[str], str], console: Console) -> None:
        self._name = name
        self._spell = spell
        self._console = console
        self._status: Status | None = None
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

    def tell(self, events: Sequence[Event]) -> None:
        """Show what happened."""
        self._events.extend(events)
        self._draw()

    def stand(self, status: Status) -> None:
        """Show how the watch stands."""
        self._status = status
        self._draw()

    def _draw(self) -> None:
        parts = [self._head(), Text(""), self._table(), Text(""), *self._list_events()]
        self._live.update(Group(*parts), refresh=True)

    def _head(self) -> Text:
        """What came, what was lost, which directions are seen."""
        items = [self._name]
        if self._status is not None:
            items += [*_say_rate(self._status), _say_lost(self._status)]
            items += ["NOTHING CAN BE SEEN"] if self._status.is_blind else []
            items += _say_look(self._status.look)
            ring = self._status.ring
            items += [f"nothing is kept: {ring.fault}"] if ring is not None and ring.fault else []
        return Text(self._spell(" · ".join(items)), style="bold")

    def _table(self) -> Table | Text:
        rows = self._status.rows if self._status else ()
        if not rows:
            return Text("no device recognised yet", style="dim")
        table = Table(box=None, pad_edge=False, header_style="dim", expand=False)
        for title in ("device", "address", "verdict", "stage", "shows", "answered", "offline"):
            # Both times have the offset of the head's clock. In too little room the device's name and its lamp are cut.
            table.add_column(title, no_wrap=title not in {"device", "shows"})
        room = max(3, self._console.height - _AROUND)
        for row in rows[:room]:
            table.add_row(*self._cells(row))
        if len(rows) > room:
            table.add_row(Text(f"and {len(rows) - room} more", style="dim"))
        return table

    def _cells(self, row: Row) -> list[Text]:
        report, standing = row.report, row.standing
        style = _STYLES[standing.verdict] if standing else "dim"
        name = report.addresses[0] if report.addresses else report.mac or "-"
        plain = (
            standing.stage or "-" if standing else "-",
            report.indicator.state if report.indicator else "-",
            _of_day(row.answered),
            _of_day(row.since),
        )
        return [
            Text(self._spell(say_title(report)), no_wrap=True, overflow="ellipsis"),
            Text(self._spell(name)),
            Text(say_verdict(row), style=style),
            *(Text(self._spell(str(cell)), no_wrap=True, overflow="ellipsis") for cell in plain),
        ]

    def _list_events(self) -> list[Text]:
        """The newest event first: a terminal that is too low cuts the last ones off."""
        styles = {Kind.RECOVERED: "green", Kind.DROPPED: "yellow", Kind.SIGHTED: "yellow"}
        styles |= dict.fromkeys((Kind.LOST, Kind.FLAPPING, Kind.BLIND), "red")
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


def _clock_time(time_ns: int) -> str:
    return f"{_of_day(rfc3339(time_ns))} +00:00"


def _of_day(time: str | None) -> str:
    return time[11:19] if time else "-"


def _say_rate(status: Status) -> list[str]:
    count = status.count
    lag = [f"{status.lag_s:.0f} s BEHIND"] if status.lag_s >= _WORTH_SAYING_S else []
    frames = say_count(count.frames, "frame")
    return [f"{count.frames_per_s:,.0f} frames/s", _say_bits(count.bits_per_s), *lag, frames]


def _say_lost(status: Status) -> str:
    return f"{status.count.dropped:,} LOST" if status.count.dropped else "none known to be lost"


def _say_look(look: Look | None) -> list[str]:
    if look is None or look.info is None:
        return []
    directions = [DIRECTIONS[look.info.directions]] if look.info.directions else []
    remarks = [say_count(len(look.info.health), "remark")] if look.info.health else []
    return [f"wire's clock {_clock_time(look.now_ns)}", *directions, *remarks]


def _say_bits(rate: float) -> str:
    for size, unit in _UNITS:
        if rate >= size:
            return f"{rate / size:.{0 if rate >= 10 * size else 1}f} {unit}"
    return f"{rate:.0f} bit/s"
