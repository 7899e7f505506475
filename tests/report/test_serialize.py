from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcapaudit.model.report import Report
from pcapaudit.report.serialize import serialize, serialize_pieces
from tests.support.reports import any_report


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Mark:
    from_: str
    colour: Colour | None = None
    frames: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Alone:
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Nothing:
    pass


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


def plain(value: object) -> object:
    """What the standard library can write, slowly."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name.rstrip("_"): plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(value[key]) for key in sorted(value)}
    return [plain(item) for item in value] if isinstance(value, tuple | list) else value


def write_slowly(value: object) -> str:
    return json.dumps(plain(value), indent=2, ensure_ascii=True, allow_nan=False)


@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(any_report())
def test_reports_are_written_as_the_standard_library_writes_them(report: Report) -> None:
    assert serialize(report) == write_slowly(report)
    assert "".join(serialize_pieces(report)) == serialize(report)


@pytest.mark.parametrize("value", [Alone({}), Mark("a", None, (1, 2)), Mark("", Colour.RED)])
def test_the_pieces_of_any_data_class_are_its_text(value: object) -> None:
    assert "".join(serialize_pieces(value)) == serialize(value)


@given(VALUES)
def test_so_is_whatever_stands_in_the_facts(value: object) -> None:
    assert serialize(Alone({"x": value, "a": value})) == write_slowly(Alone({"x": value, "a": value}))


@pytest.mark.parametrize(
    "value",
    [
        Mark("a", Colour.RED, (1, 2)),
        (Mark("\u202e\x1b[31m\x7f\U0001f600\ud800"), Mark("", None, ())),
        Alone(MappingProxyType({"b": (), "a": {}, "%s": [[], {}]})),
        (Nothing(), Alone({})),
        {"share": 1e16, "tiny": 5e-324, "minus": -0.0, "yes": True, "large": 1 << 70},
    ],
)
def test_every_kind_of_value_is_written_as_the_standard_library_writes_it(value: object) -> None:
    assert serialize(value) == write_slowly(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_json_has_not_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        serialize(Alone({"x": value}))


@pytest.mark.parametrize("value", [b"x", {1, 2}, 1j, object()])
def test_a_value_that_json_has_not_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no form in JSON"):
        serialize(Alone({"x": value}))
