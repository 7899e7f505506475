"""Dissected frames as they show themselves in a notebook and on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from pcapaudit.deep.tree import Dissection, Field, Frame, Layer
from pcapaudit.report.escape import make_visible

_HEAD = "{number}: {protocol} {source} \u2192 {target} {info}"


class Dissected:
    """Frames with all their fields.

    Args:
        found: As the room ``deep`` gives them.
    """

    def __init__(self, found: Dissection) -> None:
        self.frames = found.frames
        self.dissector = found.dissector
        self.note = found.note

    def find(self, name: str) -> list[str]:
        """The values of a field in all frames, by its name in display filters, e.g. ``tcp.analysis.rto``."""
        return [at.value for frame in self.frames for layer in frame.layers for at in _walk(layer.fields)
                if at.name == name]  # fmt: skip

    def __str__(self) -> str:
        return "\n".join(line for frame in self.frames for line in _lines(frame))

    def __repr__(self) -> str:
        return f"<Dissected: frames {', '.join(str(frame.number) for frame in self.frames[:10])} by {self.dissector}>"

    def _repr_html_(self) -> str:
        return "".join(_draw(frame) for frame in self.frames)


def _walk(fields: Sequence[Field]) -> Iterator[Field]:
    for field in fields:
        yield field
        yield from _walk(field.fields)


def _lines(frame: Frame) -> Iterator[str]:
    """The tree as lines, two blanks a level; what a stranger sent is spelled out."""
    yield make_visible(_head(frame))
    for layer in frame.layers:
        yield f"  {make_visible(layer.title)}"
        yield from _field_lines(layer.fields, 2)


def _field_lines(fields: Sequence[Field], depth: int) -> Iterator[str]:
    for field in fields:
        yield f"{'  ' * depth}{make_visible(field.label)}"
        yield from _field_lines(field.fields, depth + 1)


def _draw(frame: Frame) -> str:
    inner = "".join(_draw_branch(layer.title, layer) for layer in frame.layers)
    return f'<div style="text-align:left"><b>{escape(make_visible(_head(frame)))}</b>{inner}</div>'


def _draw_branch(label: str, node: Layer | Field) -> str:
    shown = escape(make_visible(label))
    if not node.fields:
        return f'<div style="margin-left:1.5em">{shown}</div>'
    inner = "".join(_draw_branch(field.label, field) for field in node.fields)
    return f'<details style="margin-left:1em"><summary>{shown}</summary>{inner}</details>'


def _head(frame: Frame) -> str:
    return _HEAD.format(
        number=frame.number, protocol=frame.protocol, source=frame.source, target=frame.target, info=frame.info
    )
