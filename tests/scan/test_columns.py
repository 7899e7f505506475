from __future__ import annotations

import numpy as np
import pytest

from pcapaudit.scan.columns import (
    ARP_COLUMNS,
    BINDING_COLUMNS,
    FLOW_COLUMNS,
    FLOW_DTYPE,
    HANDED_COLUMNS,
    PAIR_COLUMNS,
    REASONS,
    ROW_COLUMNS,
    Column,
    Oddity,
    make_dtype,
    make_word_dtype,
)

TABLES = {
    "flows": FLOW_COLUMNS,
    "rows": ROW_COLUMNS,
    "handed": HANDED_COLUMNS,
    "arps": ARP_COLUMNS,
    "pairs": PAIR_COLUMNS,
    "bindings": BINDING_COLUMNS,
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_names_each_column_once(name: str) -> None:
    names = [column.name for column in TABLES[name]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", TABLES)
def test_a_column_of_time_or_size_states_its_unit(name: str) -> None:
    assert all(column.unit for column in TABLES[name] if column.name.endswith(("_ns", "bytes", "frame", "_len")))


def test_both_sides_of_a_flow_have_the_same_columns() -> None:
    sides = {side: [n[2:] for n in FLOW_DTYPE.names or () if n.startswith(f"{side}_")] for side in "ab"}
    assert sides["a"] == sides["b"]


def test_fields_of_a_word_table_lie_behind_each_other_from_the_low_end() -> None:
    table = np.zeros(
        1, make_word_dtype((Column("x", "u2", "", ""), Column("y", "u2", "", ""), Column("z", "u4", "", "")))
    )
    table.view(np.uint64)[0] = 0x0000_0003_0002_0001
    assert table[0].item() == (1, 2, 3)


def test_a_word_table_is_as_wide_as_whole_words() -> None:
    assert make_word_dtype((Column("x", "u8", "", ""), Column("y", "u1", "", ""))).itemsize == 16


def test_a_packed_table_has_no_gaps() -> None:
    assert make_dtype((Column("x", "u1", "", ""), Column("y", "u8", "", ""))).itemsize == 9


def test_every_oddity_has_a_reason_in_words() -> None:
    assert len(REASONS) == len(Oddity) == len(set(REASONS))
