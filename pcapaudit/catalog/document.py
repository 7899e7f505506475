"""YAML in, plain text out: every scalar stays the text that was written, and every key knows where it stands.

Plain YAML would turn ``no`` into False, ``22:22`` into 1342 and ``010`` into 8, and keep the last of two equal keys.
Anchors, aliases and tags are refused: a signature needs none, and a few lines of aliases can stand for gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import NamedTuple, Protocol, TypeAlias

import yaml

from pcapaudit.model.records import dataclass

MAX_BYTES = 1 << 20
MAX_DEPTH = 24

Tree: TypeAlias = "str | list[Tree] | dict[str, Tree]"
Path: TypeAlias = "tuple[str | int, ...]"


class Place(NamedTuple):
    """Line and column, both from 1."""

    line: int
    column: int


START = Place(1, 1)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a signature file, where, and what to write instead."""

    file: str
    line: int
    column: int
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        tail = f" ({self.hint})" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {self.message}{tail}"


class _Mark(Protocol):
    """A mark of PyYAML, whose two parsers have a class of their own each; from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


@dataclass(slots=True)
class Document:
    """One file: its tree, the places of its keys and values by path, and what is wrong with its YAML."""

    file: str
    tree: Tree = ""
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def complain(self, place: Place, message: str, hint: str | None = None) -> None:
        """Note a problem."""
        self.problems.append(Problem(self.file, place.line, place.column, message, hint))

    def place_of(self, path: Path) -> Place:
        """Where the value of a path stands, or the nearest thing around it that exists."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, START)

    def place_of_key(self, path: Path) -> Place:
        """Where the key of a path stands, or the nearest thing around it that exists."""
        return self.keys.get(path) or self.place_of(path)


def parse(data: bytes, file: str) -> Document:
    """Read one YAML file.

    Args:
        data: The file's bytes, UTF-8.
        file: Name for messages.

    Returns:
        The document. With ``problems`` in it the tree may be empty or incomplete; nothing is raised.
    """
    document = Document(file)
    if len(data) > MAX_BYTES:
        document.complain(START, f"the file has more than {MAX_BYTES} bytes")
        return document
    try:
        text = data.decode("utf-8-sig")
        if _check_events(text, document):
            _grow(text, document)
    except UnicodeDecodeError as error:
        document.complain(_place_at(data[: error.start].decode("utf-8")), "the file is not UTF-8 text")
    except yaml.reader.ReaderError as error:
        document.complain(_place_at(text[: error.position]), f"the character U+{_code(error):04X} is not allowed")
    except yaml.MarkedYAMLError as error:
        place = _place_of(error.problem_mark or error.context_mark)
        document.complain(place, f"no YAML: {error.problem or error.context}", _yaml_hint(error))
    return document


def _place_of(mark: _Mark | None) -> Place:
    return START if mark is None else Place(mark.line + 1, mark.column + 1)


def _code(error: yaml.reader.ReaderError) -> int:
    return ord(error.character) if isinstance(error.character, str) else int(error.character)


def _place_at(before: str) -> Place:
    return Place(before.count("\n") + 1, len(before) - before.rfind("\n"))


def _yaml_hint(error: yaml.MarkedYAMLError) -> str | None:
    if "\\t" in str(error.problem):
        return "indent with spaces, not with tabs"
    if "mapping values are not allowed" in str(error.problem):
        return "put text that contains a colon and a space in quotes"
    return None


def _check_events(text: str, document: Document) -> bool:
    """Whether the file is worth a tree: no aliases, anchors or tags, not too deep, not empty."""
    depth, has_content = 0, False
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        place = _place_of(event.start_mark)
        if isinstance(event, yaml.NodeEvent):
            has_content = True
            if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
                document.complain(place, "anchors and aliases are no part of the format", "write the value out")
            elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None:
                document.complain(place, f"the tag {event.tag} is no part of the format", "leave it out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            document.complain(place, f"more than {MAX_DEPTH} levels inside each other")
            return False
    if not has_content:
        document.complain(START, "the file is empty")
    return not document.problems


def _grow(text: str, document: Document) -> None:
    root = yaml.compose(text, Loader=yaml.BaseLoader)
    if not isinstance(root, yaml.MappingNode):
        document.complain(START, "a signature is a mapping", "write one key: value a line")
        return
    document.tree = _plain(root, (), document)


def _plain(node: yaml.Node, path: Path, document: Document) -> Tree:
    document.values[path] = _place_of(node.start_mark)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, (*path, index), document) for index, child in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return {key: _plain(child, (*path, key), document) for key, child in _entries(node, path, document)}
    return str(node.value)


def _entries(node: yaml.MappingNode, path: Path, document: Document) -> Iterator[tuple[str, yaml.Node]]:
    """The entries of a mapping, each key once."""
    for key, child in node.value:
        place = _place_of(key.start_mark)
        if not isinstance(key, yaml.ScalarNode):
            document.complain(place, "a key must be plain text")
        elif (*path, key.value) in document.keys:
            first = document.keys[(*path, key.value)]
            document.complain(place, f"the key {key.value!r} stands here twice", f"the first is in line {first.line}")
        else:
            document.keys[(*path, key.value)] = place
            yield key.value, child
