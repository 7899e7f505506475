"""Reads what tshark writes: packet details (PDML) and the list of packets (PSML), as bounded trees.

What stands in a frame was chosen by strangers, so depth, number and length of all that is read have bounds. Numbers of
frames that tshark counts in the small capture become those of the capture they were cut out of.

Source: Wireshark, doc/README.xml-output.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any
from xml.parsers import expat

from pcapaudit.deep.tree import Field, Layer, Part
from pcapaudit.model.records import dataclass

MAX_FIELDS = 3000
"""Lines of one frame's tree."""
MAX_DEPTH = 24
MAX_TEXT = 600
"""Characters of one label or value."""

MAX_PARTS = 4
MAX_PART = 1 << 16
"""Bytes of what was put together of several frames."""

_REASSEMBLED = "reassembled.data"
_OF_THE_CUT = frozenset(
    {"frame.section_number", "frame.interface_id", "frame.time_delta_displayed", "frame.marked", "frame.ignored"}
    | {"frame.offset_shift"}
)
"""Fields that speak of the small capture, or of a window that nobody has open."""
_WRAPPER = "fake-field-wrapper"
_BAD_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_PARTS = re.compile(r"#(\d{1,10})\(")
_NUMBER_IN_INFO = re.compile(r"(?<=\[TCP Dup ACK )\d{1,10}(?=#)|(?<=\[TCP PDU reassembled in )\d{1,10}(?=\])")


@dataclass(frozen=True, slots=True)
class Numbering:
    """How the small capture counts: its frame numbers -> those of the capture; fields that hold such numbers."""

    numbers: Mapping[int, int]
    names: frozenset[str] = frozenset({"frame.number"})

    def find(self, number: str) -> int | None:
        """The capture's number of a frame of the small one; None for what is none."""
        return self.numbers.get(int(number)) if number.isdecimal() and len(number) < 11 else None

    def translate(self, number: str) -> str:
        """The same as text; what is none stays as it is."""
        return str(self.find(number) or number)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list of packets."""

    number: int
    source: str
    target: str
    protocol: str
    info: str


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: its layers, what was put together of several frames, the lines that were left out."""

    layers: tuple[Layer, ...]
    parts: tuple[Part, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class _Source:
    """Bytes that fields are of: those of the frame (0), or of a part."""

    part: int
    data: bytes


@dataclass(slots=True)
class _Node:
    """An element while it is read."""

    attributes: Mapping[str, str]
    below: list[_Node] = field(default_factory=list)


class _Reader:
    """Takes the elements of one packet as they come."""

    def __init__(self, most: int) -> None:
        self.root = _Node({})
        self.left_out = 0
        self._open = [self.root]
        self._skipped = 0
        self._room = most

    def start(self, _name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if self._skipped or not self._is_wanted(attributes):
            self._skipped += 1
            return
        node = _Node(attributes)
        self._open[-1].below.append(node)
        self._open.append(node)

    def end(self, _name: str) -> None:
        """An element ends."""
        if self._skipped:
            self._skipped -= 1
        else:
            self._open.pop()

    def _is_wanted(self, attributes: Mapping[str, str]) -> bool:
        name = attributes.get("name", "")
        if attributes.get("hide") == "yes" or name in _OF_THE_CUT or name == "geninfo":
            return False
        if name.endswith(".stream") and attributes.get("size") == "0":
            # Wireshark numbers the streams of a capture: in a small one they have other numbers.
            return False
        if self._room <= 0 or len(self._open) > MAX_DEPTH + 1:
            self.left_out += 1
            return False
        self._room -= 1
        return True


def read_packet(xml: bytes, data: bytes, numbering: Numbering, most: int = MAX_FIELDS) -> Packet:
    """One packet.

    Args:
        xml: One ``packet`` element of PDML. Where it is broken, what stands before is given.
        data: The frame's bytes: a field gets its place only where these, or a part, are what it says.
        numbering: How the small capture counts.
        most: Lines of the tree.
    """
    reader = _Reader(most)
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    try:
        parser.Parse(_repair(xml), True)
    except expat.ExpatError:
        reader.left_out += 1
    tops = [top for packet in reader.root.below for top in packet.below]
    found = [node for top in tops for node in (top.below if top.attributes.get("name") == _WRAPPER else [top])]
    parts = tuple(part for node in found for part in _find_parts(node))[:MAX_PARTS]
    sources = (data, *(part.data for part in parts))
    return Packet(tuple(_make_layer(node, sources, numbering) for node in found), parts, reader.left_out)


def read_rows(xml: bytes, numbering: Numbering) -> Iterator[Row]:
    """The lines of a list of packets (PSML) whose columns are number, source, destination, protocol and info."""
    for packet in re.finditer(rb"<packet>(.*?)</packet>", xml, re.DOTALL):
        cells = [_text_of(cell) for cell in re.findall(rb"<section>(.*?)</section>", packet[1], re.DOTALL)]
        if len(cells) == 5 and cells[0].isdecimal():
            info = _NUMBER_IN_INFO.sub(lambda match: numbering.translate(match[0]), cells[4])
            yield Row(numbering.numbers.get(int(cells[0]), 0), cells[1], cells[2], cells[3], info)


def read_frame_fields(listing: bytes) -> frozenset[str]:
    """Names of the fields that hold frame numbers, of what ``tshark -G fields`` prints."""
    names = re.findall(rb"^F\t[^\t\n]*\t([^\t\n]+)\tFT_FRAMENUM\t", listing, re.MULTILINE)
    return frozenset(name.decode("ascii", "replace") for name in names) | {"frame.number"}


def _repair(xml: bytes) -> bytes:
    """The text without what XML may not hold."""
    return _BAD_CHARACTERS.sub("\ufffd", xml.decode("utf-8", "replace")).encode()


def _text_of(cell: bytes) -> str:
    text = cell.decode("utf-8", "replace")
    for entity, char in (
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", '"'),
        ("&apos;", "'"),
        ("&#x27;", "'"),
        ("&amp;", "&"),
    ):
        text = text.replace(entity, char)
    return text[:MAX_TEXT]


def _find_parts(layer: _Node) -> Iterator[Part]:
    """What tshark says it put together of several frames; it writes these bytes as ``48:54:54:50``."""
    for node in _walk(layer):
        if node.attributes.get("name", "").endswith(_REASSEMBLED):
            data = re.match(r"[0-9a-f:]*", node.attributes.get("show", "")[: 3 * MAX_PART])
            pairs = data[0].replace(":", "") if data else ""
            name = (node.attributes.get("showname") or "Reassembled").partition(":")[0]
            yield Part(name[:MAX_TEXT], bytes.fromhex(pairs[: min(len(pairs) // 2, MAX_PART) * 2]))


def _make_layer(node: _Node, sources: Sequence[bytes], numbering: Numbering) -> Layer:
    part = _choose_source(node, sources)
    made = _make_field(node, _Source(part or 0, b"" if part is None else sources[part]), numbering)
    label = made.label
    if made.name == "frame":
        # The number, and the interface, are those of the small capture.
        match = re.match(r"Frame (\d+)(: .*)", label)
        label = f"Frame {numbering.translate(match[1])}{match[2].partition(' on interface ')[0]}" if match else label
    return Layer(made.name, label or made.name, made.position, made.size, made.fields, made.part)


def _choose_source(layer: _Node, sources: Sequence[bytes]) -> int | None:
    """The bytes that a layer's fields are of: the frame's, or those of a part; None if they are of neither."""
    for place, data in enumerate(sources):
        said = [_agrees(node.attributes, data) for node in _walk(layer)]
        if said.count(True) >= said.count(False) and (True in said or place == 0):
            return place
    return None


def _walk(node: _Node) -> Iterator[_Node]:
    yield node
    for below in node.below:
        yield from _walk(below)


def _agrees(attributes: Mapping[str, str], data: bytes) -> bool | None:
    """Whether the frame's bytes are those that a field states; None when it states none."""
    stated = attributes.get("unmaskedvalue") or attributes.get("value") or ""
    position, size = _place(attributes)
    if not stated or not size or len(stated) != 2 * size:
        return None
    return data[position : position + size].hex() == stated


def _place(attributes: Mapping[str, str]) -> tuple[int, int]:
    position, size = attributes.get("pos", ""), attributes.get("size", "")
    if not (position.isdecimal() and size.isdecimal() and len(position + size) < 18):
        return 0, 0
    return int(position), int(size)


def _make_field(node: _Node, source: _Source, numbering: Numbering) -> Field:
    attributes = node.attributes
    name, value = attributes.get("name", "")[:MAX_TEXT], attributes.get("show", "")
    label = attributes.get("showname") or value or name
    frame = None
    if name in numbering.names:
        frame = numbering.find(value) if name != "frame.number" else None
        renamed = numbering.translate(value)
        label = re.sub(rf"\b{re.escape(value)}\b", renamed, label, count=1) if value else label
        value = renamed
    elif name.endswith((".segments", ".fragments")):
        label = _PARTS.sub(lambda match: f"#{numbering.translate(match[1])}(", label)
    position, size = _place(attributes)
    is_placed = bool(size) and position + size <= len(source.data) and _agrees(attributes, source.data) is not False
    return Field(
        name=name,
        label=label[:MAX_TEXT],
        value=value[:MAX_TEXT],
        position=position if is_placed else None,
        size=size if is_placed else 0,
        fields=tuple(_make_field(child, source, numbering) for child in node.below),
        frame=frame,
        part=source.part if is_placed else 0,
    )


def count_fields(layers: tuple[Layer, ...]) -> int:
    """Lines of a tree."""
    return sum(1 + _count(layer.fields) for layer in layers)


def _count(fields: tuple[Any, ...]) -> int:
    return sum(1 + _count(line.fields) for line in fields)
