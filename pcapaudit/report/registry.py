"""The list of output formats: each renderer is a function over the report, one per file.

A new format is a new file with ``@renderer("name")`` and its line in ``_load``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pcapaudit.model.errors import UsageError
from pcapaudit.model.report import Report


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


Render = Callable[[Report, Look], str]

_RENDERERS: dict[str, Render] = {}


def renderer(name: str) -> Callable[[Render], Render]:
    """Register a function as the renderer of a format. Raises ValueError for a name that is taken."""

    def register(render: Render) -> Render:
        if name in _RENDERERS:
            raise ValueError(f"format {name} is registered twice")
        _RENDERERS[name] = render
        return render

    return register


def formats() -> tuple[str, ...]:
    """Names of all formats, the terminal's first."""
    _load()
    return tuple(sorted(_RENDERERS, key=lambda name: (name != "text", name)))


def render(report: Report, name: str, look: Look | None = None) -> str:
    """The report in one format. Raises UsageError for a format that does not exist."""
    _load()
    if name not in _RENDERERS:
        raise UsageError(f"there is no format {name!r}; known are: {', '.join(formats())}")
    return _RENDERERS[name](report, look or Look())


def _load() -> None:
    """Import the renderer modules, each of which registers itself."""
    from pcapaudit.report import csv, html, json, markdown, text  # noqa: F401, PLC0415 - they import this module
