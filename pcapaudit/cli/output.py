"""Where results go: standard output, or a file that is whole or not there at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import click

from pcapaudit.model.errors import UsageError
from pcapaudit.report.escape import make_visible
from pcapaudit.report.registry import Look

_MARKS = "✓✗·–…"
_STDOUT = "-"


def choose_look(target: str | None, colour: str) -> Look:
    """How a text may look where it goes.

    Args:
        target: File that ``-o`` named; None or ``-`` for standard output.
        colour: ``auto``, ``always`` or ``never``. Auto means a terminal that is not dumb and
            no NO_COLOR in the environment (https://no-color.org).
    """
    if target not in (None, _STDOUT):
        return Look(has_colour=colour == "always")
    auto = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Look(is_unicode=can_show(_MARKS, sys.stdout), has_colour=colour == "always" or (colour == "auto" and auto))


def can_show(text: str, stream: TextIO) -> bool:
    """Whether the encoding of a stream has these characters."""
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def write_result(pieces: Iterable[str], target: str | None) -> None:
    """Write a result piece by piece.

    A reader that closes the pipe early is no error: the rest is not made.

    Raises:
        UsageError: The file cannot be written.
    """
    if target in (None, _STDOUT):
        _write_stdout(pieces)
    else:
        _write_file(pieces, Path(str(target)))


def _write_stdout(pieces: Iterable[str]) -> None:
    encoding = sys.stdout.encoding or "ascii"
    try:
        for piece in pieces:
            sys.stdout.write(piece if piece.isascii() else piece.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
    except OSError as error:
        silence_stdout()
        raise UsageError(f"cannot write the result: {error.strerror or error}") from error
    except KeyboardInterrupt:
        # Else Python's own flush at the end waits for the reader who kept this waiting.
        silence_stdout()
        raise


def silence_stdout() -> None:
    """Point standard output at nothing, so that Python's own flush at the end finds no closed pipe."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


def _write_file(pieces: Iterable[str], path: Path) -> None:
    """Write beside the target, then put it in its place; a device or a pipe is written directly."""
    path = Path(os.path.realpath(path))
    try:
        if path.exists() and not path.is_file():
            with path.open("w", encoding="utf-8", errors="backslashreplace") as out:
                out.writelines(pieces)
            return
        _replace_file(pieces, path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def _replace_file(pieces: Iterable[str], path: Path) -> None:
    # Loaded with all it brings along when a file is written: most results go to standard output.
    import tempfile  # noqa: PLC0415

    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as out:
            out.writelines(pieces)
        draft.chmod(_choose_mode(path))
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _choose_mode(path: Path) -> int:
    """The old file's permissions, or those that a new file gets; a draft has none for others."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def write_note(text: str) -> None:
    """One line on standard error."""
    click.echo(make_visible(text), err=True)
