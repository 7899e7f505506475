"""A progress bar that looks like one in a notebook, and is not there anywhere else."""

from __future__ import annotations

import time
from importlib import import_module
from types import TracebackType
from typing import Any, Self

from pcapaudit.engine.progress import Phase, Progress, Step, ignore
from pcapaudit.model.report import DeviceReport
from pcapaudit.notebook.session import is_notebook

_PATIENCE_S = 0.5
_STEP_S = 0.1
_WORDS = {Phase.READING: "reading", Phase.JUDGING: "judging", Phase.AUDITING: "auditing"}


class Bar:
    """Call it with each step; leaving the context takes it away.

    Args:
        display: ``IPython.display``, or what stands for it.
    """

    def __init__(self, display: Any) -> None:
        self._display = display
        self._handle: Any = None
        self._next_s = time.monotonic() + _PATIENCE_S

    def __call__(self, news: Step | DeviceReport) -> None:
        """Take notice; draws at most ten times a second, and nothing for work of half a second."""
        if isinstance(news, DeviceReport) or time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + _STEP_S
        drawn = self._display.HTML(draw(news))
        if self._handle is None:
            self._handle = self._display.display(drawn, display_id=True)
        else:
            self._handle.update(drawn)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the bar away until the next step."""
        if self._handle is not None:
            self._handle.update(self._display.HTML(""))
            self._handle = None


def draw(step: Step) -> str:
    """The bar as HTML."""
    share = step.done / step.total if step.total else 0.0
    words = f"{_WORDS[step.phase]}: {share:.0%}" if step.total else _WORDS[step.phase]
    return f'<progress max="1" value="{min(1.0, share):.4f}" style="width:20em"></progress> <span>{words}</span>'


def bar_of_session() -> Progress:
    """A bar where the code runs in a notebook; elsewhere nobody is told anything."""
    return Bar(import_module("IPython.display")) if is_notebook() else ignore


def clear_bar(tell: Progress) -> None:
    """Take a bar away; whoever else is told needs nothing."""
    if isinstance(tell, Bar):
        tell.clear()
