"""Rows become pandas tables: one dtype for each kind of column, the same for an empty table as for a full one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pcapaudit.engine.tables.declare import LISTS, Cell, Column, Kind, Row, Table

_NO_TIME = np.iinfo("int64").min
"""NaT as an integer."""

DTYPES: Mapping[Kind, str] = {
    Kind.TIME: "datetime64[ns, UTC]",
    Kind.TEXT: "string",
    Kind.CATEGORY: "category",
    Kind.INTEGER: "Int64",
    Kind.NUMBER: "float64",
    Kind.TRUTH: "boolean",
    Kind.FRAME: "Int64",
    Kind.FRAMES: "object",
    Kind.TEXTS: "object",
    Kind.INTEGERS: "object",
}
"""Kind of a column -> pandas dtype; an ``object`` cell is a tuple."""


CAPTURE = Column("capture", Kind.CATEGORY, "file of the capture, or the files of its ring")
"""First column of every table of several captures."""


def frame_of(table: Table, rows: Iterable[Row]) -> pd.DataFrame:
    """A table as pandas has it.

    Args:
        table: What the columns are.
        rows: Tuples of cells in their order.

    Returns:
        A frame of shape (rows, columns) with the dtypes of ``DTYPES``; unknown is NA.
    """
    cells = list(zip(*rows, strict=True)) or [()] * len(table.columns)
    return pd.DataFrame({c.name: _series(c, values) for c, values in zip(table.columns, cells, strict=True)})


def retype(columns: Sequence[Column], frame: pd.DataFrame) -> pd.DataFrame:
    """A frame that came from elsewhere, with the dtypes of ``DTYPES``.

    Args:
        columns: What its columns are, in their order.
        frame: Times are in UTC without saying so, lists are sequences of any kind.
    """
    return pd.DataFrame({column.name: _retyped(column, frame[column.name]) for column in columns})


def _retyped(column: Column, values: pd.Series[Any]) -> pd.Series[Any]:
    if column.kind is Kind.TIME:
        return values.astype("datetime64[ns]").dt.tz_localize("UTC")
    if column.kind is Kind.CATEGORY:
        return _category(column, values.astype("object").where(values.notna(), None))
    if column.kind in LISTS:
        return values.map(lambda cell: () if cell is None else tuple(cell)).astype("object")
    return pd.Series(values, dtype=DTYPES[column.kind])


def _series(column: Column, values: Sequence[Cell]) -> pd.Series[Any]:
    if column.kind is Kind.TIME:
        return _times(values)
    if column.kind is Kind.CATEGORY:
        return _category(column, values)
    return pd.Series(list(values), dtype=DTYPES[column.kind])


def _times(values: Sequence[Cell]) -> pd.Series[Any]:
    """Nanoseconds without a detour over floats, which cannot hold them."""
    whole = np.array([_NO_TIME if value is None else value for value in values], dtype="int64")
    return pd.Series(pd.DatetimeIndex(whole.view("datetime64[ns]")).tz_localize("UTC"))


def _category(column: Column, values: Iterable[Cell]) -> pd.Series[Any]:
    # A word of an enum is a str, too, but would show as the enum's member.
    words = [None if value is None else str(value) for value in values]
    known = list(column.words) or None
    return pd.Series(pd.Categorical(words, categories=known, ordered=known is not None))
