"""A dissected frame as a tree, and that tree as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pcapaudit.model.errors import PcapAuditError
from pcapaudit.model.records import dataclass
from pcapaudit.model.times import rfc3339

SCHEMA = "pcapaudit/frames/1"
"""Name and version of the JSON document."""


class DissectionError(PcapAuditError):
    """There is no dissection: tshark is missing, or did not answer; says what to do."""


@dataclass(frozen=True, slots=True)
class Field:
    """One line of the tree.

    Attributes:
        name: As a display filter calls it, ``tcp.dstport``; empty for a line that is text alone.
        label: The line as Wireshark shows it.
        value: As a display filter compares it; empty where there is none.
        position: First byte in the frame, or in what was put together (``part``); None where the line speaks of no
            byte, as with what was worked out.
        size: Bytes, 0 with ``position`` None.
        fields: The lines below.
        frame: The frame of the capture that the line speaks of, as an answer of its question; None without one.
    """

    name: str
    label: str
    value: str
    position: int | None
    size: int
    fields: tuple[Field, ...] = ()
    frame: int | None = None
    part: int = 0
    """0 when ``position`` counts in the frame, else from 1 the place among the frame's ``parts``."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One protocol of a frame; parts as those of a field."""

    name: str
    title: str
    position: int | None
    size: int
    fields: tuple[Field, ...]
    part: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes that were put together of several frames, this one the last: ``Reassembled TCP Data``."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame.

    Attributes:
        number: In the capture it came from.
        time_ns: ns since the epoch, UTC.
        length: Bytes on the wire.
        link: Name of the link type.
        source, target, protocol, info: The line of Wireshark's list of packets.
        data: The bytes that were captured.
        layers: Empty when there is no dissection.
        left_out: Lines of the tree beyond its bounds.
        parts: What was put together of this frame and earlier ones.
    """

    number: int
    time_ns: int
    length: int
    link: str
    source: str
    target: str
    protocol: str
    info: str
    data: bytes
    layers: tuple[Layer, ...] = ()
    left_out: int = 0
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Dissection:
    """Frames of one capture.

    Attributes:
        frames: Ascending.
        dissector: Name and version of what made the trees; None when there are none.
        note: What to know of them; None when there is nothing: why there is no tree, or what it was made without.
    """

    frames: tuple[Frame, ...]
    dissector: str | None
    note: str | None = None


def to_json(found: Dissection) -> str:
    """The document, ASCII only, with a newline at the end. Times are RFC 3339 and ns, bytes are hexadecimal."""
    frames = [describe(frame) for frame in found.frames]
    document = {"schema": SCHEMA, "dissector": found.dissector, "note": found.note, "frames": frames}
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")) + "\n"


def describe(frame: Frame) -> dict[str, Any]:
    """One frame as it stands in the document."""
    parts = [{"name": part.name, "data": part.data.hex()} for part in frame.parts]
    return {**asdict(frame), "time": rfc3339(frame.time_ns), "data": frame.data.hex(), "parts": parts}


def from_json(text: str | bytes) -> Dissection:
    """What ``to_json`` wrote. Raises DissectionError when it is something else."""
    try:
        document = json.loads(text)
        if document["schema"] != SCHEMA:
            raise DissectionError(f"expected {SCHEMA!r}, found {document['schema']!r}")
        frames = tuple(_read_frame(frame) for frame in document["frames"])
        return Dissection(frames, document["dissector"], document["note"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DissectionError(f"this is no document of dissected frames ({error})") from error


def read_layers(found: Sequence[Mapping[str, Any]]) -> tuple[Layer, ...]:
    """Layers as JSON has them."""
    return tuple(Layer(**{**layer, "fields": _read_fields(layer["fields"])}) for layer in found)


def read_parts(found: Sequence[Mapping[str, Any]]) -> tuple[Part, ...]:
    """Parts as JSON has them."""
    return tuple(Part(part["name"], bytes.fromhex(part["data"])) for part in found)


def _read_frame(found: Mapping[str, Any]) -> Frame:
    values = {name: value for name, value in found.items() if name != "time"}
    made = {"data": bytes.fromhex(found["data"]), "layers": read_layers(found["layers"])}
    return Frame(**{**values, **made, "parts": read_parts(found["parts"])})


def _read_fields(found: Sequence[Mapping[str, Any]]) -> tuple[Field, ...]:
    return tuple(Field(**{**field, "fields": _read_fields(field["fields"])}) for field in found)
