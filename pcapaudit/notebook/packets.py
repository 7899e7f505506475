"""Packets as a pandas table, and the conditions that choose those of a device or a flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pcapaudit.engine.packets import COLUMNS, Keep, Packets, say_flags
from pcapaudit.engine.tables.declare import Kind
from pcapaudit.model.errors import UsageError
from pcapaudit.notebook.frames import DTYPES

MAX_PACKETS = 1_000_000
"""Rows that a table has unless more are asked for."""
_SOURCE = {"tcp_flags": "flags"}


def packet_frame(packets: Packets, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """A row for each packet.

    Args:
        packets: Which.
        columns: Names of ``COLUMNS``; None gives all.

    Raises:
        UsageError: There is no such column.
    """
    chosen = list(COLUMNS if columns is None else columns)
    unknown = next((name for name in chosen if name not in COLUMNS), None)
    if unknown is not None:
        raise UsageError(f"there is no column {unknown!r}; known are: {', '.join(COLUMNS)}")
    return pd.DataFrame({name: _series(name, getattr(packets, _SOURCE.get(name, name))) for name in chosen})


def all_of(*conditions: Keep) -> Keep | None:
    """What holds where all of them hold; None where there is none."""
    if not conditions:
        return None
    return lambda packets: np.logical_and.reduce([holds(packets) for holds in conditions])


def of_device(mac: str | None, addresses: Sequence[str]) -> Keep:
    """Packets from a device or to it."""
    known, macs = list(addresses), [mac] if mac else []
    return lambda p: np.isin(p.src, known) | np.isin(p.dst, known) | np.isin(p.smac, macs) | np.isin(p.dmac, macs)


def of_flow(row: pd.Series[Any]) -> Keep:
    """Packets of one flow.

    Args:
        row: Of the table ``flows``.
    """
    ends = ((row["orig_h"], row["orig_p"]), (row["resp_h"], row["resp_p"]))
    has_ports = row["proto"] in ("tcp", "udp")

    def holds(p: Packets) -> Any:
        inside = (p.frame >= row["first_frame"]) & (p.frame <= row["last_frame"]) & (p.proto == row["proto"])
        return inside & (_goes(p, *ends, has_ports=has_ports) | _goes(p, *reversed(ends), has_ports=has_ports))

    return holds


def _goes(p: Packets, begin: tuple[str, int], end: tuple[str, int], *, has_ports: bool) -> Any:
    """Which packets go from one end to the other."""
    between = (p.src == begin[0]) & (p.dst == end[0])
    return between & (p.sport == begin[1]) & (p.dport == end[1]) if has_ports else between


def _series(name: str, values: Any) -> pd.Series[Any]:
    kind = COLUMNS[name].kind
    if kind is Kind.TIME:
        return pd.Series(pd.DatetimeIndex(values.view("datetime64[ns]")).tz_localize("UTC"))
    if name == "tcp_flags":
        return pd.Series(pd.Categorical([say_flags(int(flags)) for flags in values]))
    if kind in (Kind.INTEGER, Kind.FRAME):
        return pd.Series(pd.arrays.IntegerArray(values.astype("int64"), values < 0))
    return pd.Series(values, dtype=DTYPES[kind])
