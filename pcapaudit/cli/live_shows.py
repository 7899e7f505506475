"""Where the news of a live capture go: a screen, lines for people, lines for programs, or nowhere."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

from pcapaudit.cli.output import choose_look
from pcapaudit.model.times import rfc3339
from pcapaudit.report.escape import make_ascii, make_visible
from pcapaudit.watch.events import Event, say, say_frames
from pcapaudit.watch.status import Status


class Show(Protocol):
    """Where news go."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def tell(self, events: Sequence[Event]) -> None:
        """Take what happened."""

    def stand(self, status: Status) -> None:
        """Take how the watch stands: once a second, and after each look."""


def choose_show(name: str, form: str, *, has_status: bool) -> Show:
    """What shows a watch of ``name`` in one of the forms text, json, jsonl; for text, by where standard output goes."""
    if form == "json":
        return Silence()
    if form == "jsonl":
        return JsonLines(has_status=has_status)
    look = choose_look(None, "auto")
    spell = make_visible if look.is_unicode else make_ascii
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return Lines(spell)
    # Loaded where there is a terminal to draw on.
    from rich.console import Console  # noqa: PLC0415

    from pcapaudit.cli.live_view import Screen  # noqa: PLC0415

    return Screen(name, spell, Console(no_color=not look.has_colour, highlight=False))


class Silence:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def tell(self, events: Sequence[Event]) -> None:
        """Take what happened."""

    def stand(self, status: Status) -> None:
        """Take how the watch stands."""


class Lines(Silence):
    """An event a line, for people."""

    def __init__(self, spell: Callable[[str], str]) -> None:
        self._spell = spell

    def tell(self, events: Sequence[Event]) -> None:
        """Write what is new."""
        for event in events:
            parts = (say(event), say_frames(event))
            time = rfc3339(event.at_ns)
            _put(self._spell(f"{time[:10]} {time[11:19]} +00:00 {', '.join(part for part in parts if part)}"))


class JsonLines(Silence):
    """An event a line, for programs; with ``has_status`` also a line each second on how the watch stands."""

    def __init__(self, *, has_status: bool) -> None:
        self._has_status = has_status

    def tell(self, events: Sequence[Event]) -> None:
        """Write what is new."""
        for event in events:
            _put(json.dumps(event.as_dict()))

    def stand(self, status: Status) -> None:
        """Write it."""
        if self._has_status:
            _put(json.dumps(status.as_dict()))


def _put(line: str) -> None:
    """Write a line at once. Raises BrokenPipeError when nobody reads any more."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
