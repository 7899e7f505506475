from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.capture import walk
from pcapaudit.capture.columns import Columns
from pcapaudit.capture.section import Interface, Section
from tests.capture.material import block, option, packet, record

FRAME = bytes(range(40))


@pytest.fixture(scope="module")
def interpreted() -> ModuleType:
    """The same file, run as Python even where it was compiled."""
    spec = importlib.util.spec_from_file_location("walk_as_python", Path(walk.__file__).parent / "walk.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows_of(columns: Columns) -> list[tuple[int, ...]]:
    table = (columns.offset, columns.captured, columns.wire, columns.time_ns, columns.link)
    return [tuple(column[row] for column in table) for row in range(columns.count)]


def make_section(order: str = "<") -> Section:
    section = Section(order)
    section.add(Interface(1))
    section.add(Interface(113, per_second=10**9, offset_s=-3))
    section.add(Interface(276, per_second=1024))
    return section


def test_a_walk_stops_when_the_columns_are_full_and_goes_on_from_there() -> None:
    data = record("<", 1, 0, FRAME) * 5
    form, columns = walk.RecordForm(is_big=False), Columns(room=2)
    assert walk.walk_records(data, 0, len(data), form, columns) == (2 * 56, walk.FULL)
    columns.give_batch(data)
    assert walk.walk_records(data, 112, len(data), form, columns) == (4 * 56, walk.FULL)
    columns.give_batch(data)
    assert walk.walk_records(data, 224, len(data), form, columns) == (5 * 56, 16)


@pytest.mark.parametrize(("length", "stop"), [(0, 16), (15, 16), (16, 56), (55, 56), (56, 16)])
def test_a_walk_says_how_many_bytes_the_next_record_needs(length: int, stop: int) -> None:
    data = record("<", 1, 0, FRAME)
    place = 56 if length == 56 else 0
    assert walk.walk_records(data, 0, length, walk.RecordForm(is_big=False), Columns()) == (place, stop)


@pytest.mark.parametrize(("length", "stop"), [(0, 12), (11, 12), (12, 72), (71, 72), (72, 12)])
def test_a_walk_says_how_many_bytes_the_next_block_needs(length: int, stop: int) -> None:
    data = packet("<", 1, FRAME)
    place = 72 if length == 72 else 0
    assert walk.walk_blocks(data, 0, length, make_section().table, Columns()) == (place, stop)


def test_a_walk_ends_with_its_data_even_if_told_that_more_is_there() -> None:
    data = record("<", 1, 0, FRAME)
    assert walk.walk_records(data, 0, 1000, walk.RecordForm(is_big=False), Columns()) == (56, 16)
    assert walk.walk_blocks(packet("<", 1, FRAME), 0, 1000, make_section().table, Columns()) == (72, 12)


@pytest.mark.parametrize(
    "odd",
    [
        block("<", 5, bytes(12)),
        packet("<", 1, FRAME, number=3),
        packet("<", 1, FRAME, number=2),
        packet("<", 1 << 63, FRAME),
        packet("<", 1 << 61, FRAME),
        packet("<", 1, FRAME, options=option("<", 1, b"comment")),
        packet("<", 1, FRAME, options=option("<", 2, b"flag") + option("<", 1, b"comment")),
        packet("<", 1, FRAME, options=b"\2\0\5\0"),
        packet("<", 1, FRAME)[:-4] + b"\1\2\3\4",
    ],
    ids=["kind", "undeclared", "binary clock", "sign", "overflow", "comment", "late comment", "overrun", "trailer"],
)
def test_what_is_rare_or_odd_is_left_to_the_caller(odd: bytes) -> None:
    data = packet("<", 1, FRAME) + odd
    columns = Columns()
    assert walk.walk_blocks(data, 0, len(data), make_section().table, columns) == (72, walk.ODD)
    assert rows_of(columns) == [(28, 40, 40, 1000, 1)]


def test_a_walk_leaves_the_time_of_the_newest_frame() -> None:
    columns, data = Columns(), packet("<", 7, FRAME) + packet("<", 5, FRAME)
    walk.walk_blocks(data, 0, len(data), make_section().table, columns)
    assert columns.latest_ns == 5000


def test_frames_lie_where_the_walk_says() -> None:
    data = b"before" + packet(">", 4_000_000_000, FRAME, number=1, wire=99) + packet(">", 2, b"abc")
    columns = Columns()
    walk.walk_blocks(data, 6, len(data), make_section(">").table, columns)
    assert rows_of(columns) == [(34, 40, 99, 1_000_000_000, 113), (106, 3, 3, 2000, 1)]


numbers = st.integers(0, (1 << 64) - 1) | st.integers(0, 1 << 40)
options = st.sampled_from([b"", option("<", 2, b"flag"), option("<", 1, b"note"), option("<", 0, b""), b"\2\0\xff\0"])
blocks = st.builds(
    lambda count, size, number, tail: packet("<", count, bytes(size), number=number, options=tail),
    numbers,
    st.integers(0, 20),
    st.integers(0, 3),
    options,
)
records = st.builds(
    lambda seconds, fraction, size, wire: record("<", seconds, fraction, bytes(size), wire),
    st.integers(0, (1 << 32) - 1),
    st.integers(0, (1 << 32) - 1),
    st.integers(0, 20),
    st.integers(0, (1 << 32) - 1),
)


@given(parts=st.lists(blocks | st.binary(max_size=30), max_size=6), start=st.integers(0, 8), room=st.integers(1, 4))
def test_compiled_and_interpreted_walks_of_blocks_agree(
    interpreted: ModuleType, parts: list[bytes], start: int, room: int
) -> None:
    data = bytes(start) + b"".join(parts)
    ours, theirs = Columns(room=room), Columns(room=room)
    table = make_section().table
    places = [each.walk_blocks(data, start, len(data), table, to) for each, to in ((walk, ours), (interpreted, theirs))]
    assert places[0] == places[1]
    assert (rows_of(ours), ours.latest_ns) == (rows_of(theirs), theirs.latest_ns)
    assert all(offset + captured <= len(data) for offset, captured, *_ in rows_of(ours))


@given(
    parts=st.lists(records | st.binary(max_size=30), max_size=6),
    swap=st.integers(0, 2),
    is_big=st.booleans(),
    header=st.sampled_from([16, 24]),
)
def test_compiled_and_interpreted_walks_of_records_agree(
    interpreted: ModuleType,
    parts: list[bytes],
    swap: int,
    is_big: bool,
    header: int,
) -> None:
    data = b"".join(parts)
    ours, theirs = Columns(room=4), Columns(room=4)
    form = walk.RecordForm(is_big=is_big, header=header, swap=swap, limit=1000)
    places = [each.walk_records(data, 0, len(data), form, to) for each, to in ((walk, ours), (interpreted, theirs))]
    assert places[0] == places[1]
    assert rows_of(ours) == rows_of(theirs)
    assert all(offset + captured <= len(data) for offset, captured, *_ in rows_of(ours))


def test_the_python_file_says_that_it_is_not_compiled(interpreted: ModuleType) -> None:
    assert interpreted.is_compiled() is False
    assert walk.is_compiled() is (not walk.__file__.endswith(".py"))
