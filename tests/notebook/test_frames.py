from __future__ import annotations

import pandas as pd
import pytest

from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.engine.tables.declare import Column, Kind, Table
from pcapaudit.engine.tables.judged import REPORT_TABLES
from pcapaudit.model.words import Verdict
from pcapaudit.notebook.frames import DTYPES, frame_of

_TABLE = Table(
    "things",
    "Things",
    "One row for each thing.",
    (
        Column("ts", Kind.TIME, "when"),
        Column("name", Kind.TEXT, "its name"),
        Column("verdict", Kind.CATEGORY, "how it is", words=("healthy", "failed")),
        Column("count", Kind.INTEGER, "how many"),
        Column("is_good", Kind.TRUTH, "whether"),
        Column("frames", Kind.FRAMES, "where"),
    ),
)
_LATE_NS = 1_767_225_600_123_456_789
"""2026-01-01 00:00:00.123456789 UTC; beyond what a float can hold to the nanosecond."""


def test_no_digit_of_a_time_and_no_unknown_is_lost() -> None:
    frame = frame_of(_TABLE, [(_LATE_NS, "a", Verdict.FAILED, 1, True, (1, 2)), (None, None, None, None, None, ())])
    assert [moment.isoformat() for moment in frame["ts"][:1]] == ["2026-01-01T00:00:00.123456789+00:00"]
    assert frame.drop(columns="ts").iloc[0].tolist() == ["a", "failed", 1, True, (1, 2)]
    assert [pd.isna(frame[name].iloc[1]) for name in ("ts", "name", "verdict", "count", "is_good")] == [True] * 5


def test_known_words_stand_in_their_order() -> None:
    frame = frame_of(_TABLE, [(0, "a", "failed", 1, True, ()), (0, "b", "healthy", 1, True, ())])
    assert frame.sort_values("verdict")["name"].tolist() == ["b", "a"]
    assert str(frame["verdict"].cat.categories[-1]) == "failed"


@pytest.mark.parametrize("table", [*TABLES.values(), *REPORT_TABLES.values()], ids=lambda table: str(table.name))
def test_an_empty_table_has_every_column_with_its_dtype(table: Table) -> None:
    frame = frame_of(table, [])
    assert len(frame) == 0
    for column in table.columns:
        wanted = DTYPES[column.kind]
        assert pd.api.types.pandas_dtype(frame[column.name].dtype).name == wanted or frame[column.name].dtype == wanted
