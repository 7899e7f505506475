"""Keeps what captures hold out of the log: of a fault its kind and place are written, never its words."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

_LOGGERS = ("uvicorn.error", "asyncio", "concurrent.futures")
"""Those that write down an error they were not told how to handle."""


class QuietFaults(logging.Filter):
    """Puts the place of an error where its message and its values would stand: these may quote a capture."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without the words of its error."""
        if record.exc_info and record.exc_info[1] is not None:
            record.msg = f"{_first_line(record.msg)}: {say_place(record.exc_info[1])}"
            record.args, record.exc_info, record.exc_text = (), None, None
        return True


def keep_quiet() -> None:
    """Have all that this process logs of errors pass the filter."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(QuietFaults())


def say_place(error: BaseException) -> str:
    """The kind of an error and where it came from: ``KeyError at work.py:120 < app.py:80``."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__} at {places or 'an unknown place'}"


def _first_line(message: object) -> str:
    return str(message).partition("\n")[0]
