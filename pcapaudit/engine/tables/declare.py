"""What a table is: named columns with kind, unit and meaning. A row is a tuple of cells in their order."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from typing import TypeAlias

from pcapaudit.model.records import dataclass

Cell: TypeAlias = "str | int | float | bool | tuple[str | int, ...] | None"
Row: TypeAlias = tuple[Cell, ...]
Stored: TypeAlias = str | int | float | None
"""A cell in a file: times as text (RFC 3339), truths 0 and 1, lists as JSON."""


class Kind(StrEnum):
    """What a cell holds, if it is not None: unknown, or not there."""

    TIME = "time"
    """int, nanoseconds since 1970, UTC."""
    TEXT = "text"
    """str, as it was on the wire; strange octets are spelled out."""
    CATEGORY = "category"
    """str out of few."""
    INTEGER = "integer"
    NUMBER = "number"
    """float."""
    TRUTH = "truth"
    """bool."""
    FRAME = "frame"
    """int, the frame's number in the capture, from 1."""
    FRAMES = "frames"
    """tuple of frame numbers."""
    TEXTS = "texts"
    """tuple of str."""
    INTEGERS = "integers"
    """tuple of int."""


LISTS = frozenset({Kind.FRAMES, Kind.TEXTS, Kind.INTEGERS})
"""Kinds whose cells hold several values."""
NUMBERS = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.FRAME})
"""Kinds that are compared as numbers."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: Lower case, no dots; a unit other than one of counting stands at its end (``rtt_s``).
        kind: What its cells hold.
        meaning: One line for the data dictionary.
        unit: Unit of a number; empty for a pure one.
        zeek: Name of the column that means the same in Zeek's log, None where none does.
        words: All values of a category, in their order, where these are known beforehand.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    zeek: str | None = None
    words: tuple[str, ...] = ()


class Table:
    """One table.

    Args:
        name: As in ``cap.dns`` and on the command line.
        title: For people.
        row: What one row is, in a sentence.
        columns: In their order; the names do not repeat.
        log: Zeek's log of the same subject, None where there is none.
    """

    def __init__(self, name: str, title: str, row: str, columns: Sequence[Column], *, log: str | None = None) -> None:
        self.name = name
        self.title = title
        self.row = row
        self.columns = tuple(columns)
        self.log = log

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """The columns by their names."""
        return {column.name: column for column in self.columns}

    def naming(self, what: str) -> list[str]:
        """Names of the columns that hold an end's ``mac`` or ``h`` (host address), for rows of one device."""
        return [name for side in ("orig", "resp") if (name := f"{side}_{what}") in self.by_name]


TS = Column("ts", Kind.TIME, "time of the first frame", "UTC", "ts")
VLAN = Column("vlan", Kind.INTEGER, "innermost VLAN tag of the first frame", "", None)
COMMUNITY_ID = Column("community_id", Kind.TEXT, "Community ID, version 1: the same in other tools", "", "community_id")
FLOW = Column("uid", Kind.TEXT, "the connection: `uid` of the table flows", "", None)
MACS = (
    Column("orig_mac", Kind.TEXT, "source MAC address of the originator's first frame", "", "orig_l2_addr"),
    Column("resp_mac", Kind.TEXT, "MAC address of the responder, as seen on this link", "", "resp_l2_addr"),
)
ENDS = (
    Column("orig_h", Kind.TEXT, "address of the originator: who asked", "", "id.orig_h"),
    Column("orig_p", Kind.INTEGER, "its port", "", "id.orig_p"),
    Column("resp_h", Kind.TEXT, "address of the responder: who was asked", "", "id.resp_h"),
    Column("resp_p", Kind.INTEGER, "its port", "", "id.resp_p"),
)
MARKS = (*MACS, VLAN, COMMUNITY_ID)
"""What a row of an exchange ends with (``cells.Ends.marks``)."""
FLOW_MARKS = (*MARKS, FLOW)
"""What a row of a TCP connection's messages ends with (``cells.Connection.marks``)."""
