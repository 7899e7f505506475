from __future__ import annotations

import re

import pytest

from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.engine.tables.declare import NUMBERS, Kind, Table

UNIT_ENDS = {"s": "_s", "bytes": "_bytes"}


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_names_are_flat_and_unique_and_time_comes_first(table: Table) -> None:
    names = [column.name for column in table.columns]

    assert len(names) == len(set(names)) == len(table.by_name)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
    assert (table.columns[0].name, table.columns[0].kind) == ("ts", Kind.TIME)


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_a_unit_stands_in_the_name_of_a_number_and_a_truth_reads_like_one(table: Table) -> None:
    for column in table.columns:
        if column.kind in NUMBERS and column.unit in UNIT_ENDS:
            assert column.name.endswith(UNIT_ENDS[column.unit]), column.name
        if column.kind is Kind.TRUTH:
            assert column.name.startswith(("is_", "has_", "wants_")), column.name


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_no_column_bears_the_name_that_zeek_gives_to_another(table: Table) -> None:
    zeeks = [column.zeek or column.name for column in table.columns]
    assert len(zeeks) == len(set(zeeks))


def test_a_device_is_looked_for_at_both_ends() -> None:
    assert TABLES["dns"].naming("mac") == ["orig_mac", "resp_mac"]
    assert TABLES["dns"].naming("h") == ["orig_h", "resp_h"]
