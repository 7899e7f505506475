"""``pcapaudit dissect``: single frames as Wireshark shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from pcapaudit.cli.output import write_note, write_result
from pcapaudit.deep.dissect import dissect, show_frames
from pcapaudit.deep.hexview import hex_lines
from pcapaudit.deep.tree import Dissection, DissectionError, Field, Frame, Layer, to_json
from pcapaudit.model.errors import UsageError
from pcapaudit.model.times import rfc3339
from pcapaudit.report.escape import make_visible

_SPAN = re.compile(r"([0-9]{1,10})(?:-([0-9]{1,10}))?")
_MOST = 200

_EPILOG = """\b
Examples:
  pcapaudit dissect capture.pcapng 31
  pcapaudit dissect capture.pcapng 31 38 44-47 --hex
  pcapaudit dissect --format json x.pcap 5 | jq '.frames[0].layers[].title'
"""


@click.command("dissect", epilog=_EPILOG)
@click.argument("source", metavar="SOURCE")
@click.argument("frames", metavar="FRAME...", nargs=-1, required=True)
@click.option(
    "--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True, help="Output form."
)
@click.option("--hex", "has_bytes", is_flag=True, help="Also print the bytes of each frame (text).")
@click.option("--separate", is_flag=True, help="A folder's files are captures of their own, never one ring.")
@click.option("-o", "--output", metavar="FILE", help="Write there instead of standard output.")
def command(
    source: str,
    frames: tuple[str, ...],
    form: str,
    has_bytes: bool,  # noqa: FBT001 - click passes flags by name
    separate: bool,  # noqa: FBT001 - as above
    output: str | None,
) -> None:
    """Print single frames with all their fields, as Wireshark shows them.

    FRAME is a frame's number as reports and Wireshark count it, or a span of them.
    tshark does the work, on a small capture cut out of SOURCE, in a process of its own;
    what it must know of earlier frames is read along. Without tshark, each frame's bytes
    and one line about it are printed.
    """
    found = _find([source], read_numbers(frames), separate=separate)
    write_result([to_json(found)] if form == "json" else show(found, has_bytes=has_bytes), output)


def read_numbers(words: tuple[str, ...]) -> list[int]:
    """Frame numbers of words like ``31`` and ``44-47``. Raises UsageError."""
    numbers: list[int] = []
    for word in words:
        match = _SPAN.fullmatch(word)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last:
            raise UsageError(f"{word!r} is no frame: give a number from 1, or a span as 44-47")
        if last - first + len(numbers) >= _MOST:
            raise UsageError(f"these are too many frames at one time: at most {_MOST}")
        numbers += range(first, last + 1)
    return numbers


def show(found: Dissection, *, has_bytes: bool) -> Iterator[str]:
    """The frames as text, two blanks for each level; a frame without a tree is shown by its bytes."""
    for number, frame in enumerate(found.frames):
        yield "\n" if number else ""
        yield from (f"{line}\n" for line in _show_frame(frame, has_bytes=has_bytes or not frame.layers))


def _find(sources: list[str], numbers: list[int], *, separate: bool) -> Dissection:
    try:
        found = dissect(sources, numbers, separate=separate)
    except DissectionError as error:
        found = show_frames(sources, numbers, why=str(error), separate=separate)
    if found.note:
        write_note(f"pcapaudit: {found.note}")
    return found


def _show_frame(frame: Frame, *, has_bytes: bool) -> Iterator[str]:
    ends = f"{frame.source} > {frame.target}" if frame.source or frame.target else ""
    head = (f"Frame {frame.number}", rfc3339(frame.time_ns), ends, frame.protocol, frame.info)
    yield make_visible("  ".join(part for part in head if part))
    for layer in frame.layers:
        yield from _show_line(layer.title, layer, 1)
    if frame.left_out:
        yield f"  ({frame.left_out} more lines are left out)"
    if has_bytes:
        yield from (f"  {line}" for line in hex_lines(frame.data))


def _show_line(label: str, line: Layer | Field, level: int) -> Iterator[str]:
    yield "  " * level + make_visible(label)
    for below in line.fields:
        yield from _show_line(below.label, below, level + 1)
