from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, field, fields, is_dataclass, replace
from dataclasses import dataclass as standard
from inspect import signature
from typing import get_type_hints

import pytest

from pcapaudit.model.records import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame."""

    number: int
    data: bytes | None = None
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.data or b"")


@dataclass(frozen=True, slots=True)
class Marked(Frame):
    """A frame with a mark."""

    mark: str = "none"


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing."""


@dataclass(frozen=True, slots=True)
class Named:
    """One field, with words of its own."""

    name: str

    def __repr__(self) -> str:
        return f"<{self.name}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """By name only."""

    schema: str = "x/1"
    what: int


@dataclass(slots=True)
class Count:
    """A count that grows."""

    total: int = 0
    seen: list[int] = field(default_factory=list)


@standard(frozen=True, slots=True)
class StandardFrame:
    """The same by the standard library."""

    number: int
    data: bytes | None = None
    notes: Mapping[str, str] = field(default_factory=dict)


def test_fields_are_given_by_place_by_name_or_by_default() -> None:
    frame = Frame(1, data=b"ab")
    assert (frame.number, frame.data, frame.notes, frame.size) == (1, b"ab", {}, 2)
    assert (Marked(1, mark="late").mark, Marked(1).mark) == ("late", "none")
    assert (Wish(what=3).schema, Wish(what=3).what) == ("x/1", 3)


def test_each_instance_gets_a_default_of_its_own() -> None:
    first, second = Count(), Count()
    first.seen.append(1)
    assert second.seen == []


@pytest.mark.parametrize(
    ("kind", "places", "names"),
    [(Frame, (), {}), (Frame, (1, 2, 3, 4), {}), (Frame, (1,), {"colour": 2}), (Wish, (3,), {})],
)
def test_wrong_arguments_are_refused(
    kind: Callable[..., object], places: tuple[int, ...], names: dict[str, int]
) -> None:
    with pytest.raises(TypeError, match="__init__"):
        kind(*places, **names)


def test_to_others_it_is_a_data_class() -> None:
    assert is_dataclass(Frame)
    assert [f.name for f in fields(Marked)] == ["number", "data", "notes", "mark"]
    assert replace(Frame(1), number=2) == Frame(2)
    assert list(signature(Frame).parameters) == list(signature(StandardFrame).parameters)
    assert get_type_hints(Frame.__init__) == get_type_hints(StandardFrame.__init__)
    match Frame(7, b"x"):
        case Frame(number, data):
            assert (number, data) == (7, b"x")


def test_it_looks_like_one_of_the_standard_library() -> None:
    assert repr(Frame(1, b"a")) == repr(StandardFrame(1, b"a")).replace("StandardFrame", "Frame")
    assert (repr(Empty()), repr(Named("x"))) == ("Empty()", "<x>")


def test_equal_means_the_same_class_and_the_same_values() -> None:
    assert Frame(1, b"a") == Frame(1, b"a")
    assert Frame(1, b"a") != Frame(1, b"b")
    assert Frame(1) != Marked(1)
    assert Frame(1) != object()
    assert Empty() == Empty()
    assert Count(1) == Count(1)


def test_frozen_ones_have_a_hash_and_others_none() -> None:
    assert {Named("a"): 1}[Named("a")] == 1
    assert hash(Empty()) == hash(Empty())
    with pytest.raises(TypeError, match="unhashable"):
        hash(Count())


def test_frozen_ones_cannot_be_changed_and_others_can() -> None:
    frame, count = Frame(1), Count()
    with pytest.raises(FrozenInstanceError, match="'number'"):
        frame.number = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError, match="'number'"):
        del frame.number
    count.total += 1
    assert (frame.number, count.total) == (1, 1)


def test_there_is_no_room_beside_the_fields() -> None:
    assert not hasattr(Frame(1), "__dict__")
    with pytest.raises(AttributeError):
        Count().colour = "red"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "record", [Frame(1, b"a", {"x": "y"}), Marked(2, mark="m"), Empty(), Wish(what=1), Count(3, [4])]
)
def test_it_survives_pickling_and_copying(record: object) -> None:
    assert pickle.loads(pickle.dumps(record)) == record
    assert copy.deepcopy(record) == record


def test_one_without_a_docstring_has_its_name_there() -> None:
    @dataclass(frozen=True, slots=True)
    class Bare:
        name: str

    assert (Bare.__doc__, Frame.__doc__) == ("Bare", "A frame.")
