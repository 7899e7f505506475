"""The list of output formats: each is a module of this room with a function ``render`` over the report.

A new format is a new module and its name in ``_FORMATS``, with dashes. Its ``render`` gives the text, or the pieces of
one that may be large. A module is imported when its format is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module

from pcapaudit.model.errors import UsageError
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import Report

_FORMATS = ("text", "csv", "fleet", "html", "json", "markdown", "requests", "requests-csv")


@dataclass(frozen=True, slots=True)
class Look:
    """How a text may look.

    Attributes:
        is_unicode: The output can show marks like ✓; else plain ASCII stands for them.
        has_colour: Terminal colours are wanted. No meaning hangs on them.
        width: Columns a line may take, at least 60.
    """

    is_unicode: bool = True
    has_colour: bool = False
    width: int = 80


def formats() -> tuple[str, ...]:
    """Names of all formats, the terminal's first."""
    return _FORMATS


def render(report: Report, name: str, look: Look | None = None) -> str:
    """The report in one format. Raises UsageError for a format that does not exist."""
    return "".join(render_pieces(report, name, look))


def render_pieces(report: Report, name: str, look: Look | None = None) -> Iterable[str]:
    """The same, to be written piece by piece. Raises UsageError for a format that does not exist."""
    if name not in _FORMATS:
        raise UsageError(f"there is no format {name!r}; known are: {', '.join(_FORMATS)}")
    write: Callable[[Report, Look], str | Iterable[str]]
    write = import_module(f"pcapaudit.report.{name.replace('-', '_')}").render
    written = write(report, look or Look())
    return [written] if isinstance(written, str) else written
