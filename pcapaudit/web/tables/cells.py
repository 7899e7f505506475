"""A table as its page shows it: headers that sort, fields that filter, cells as text and links."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from pcapaudit.engine.tables.declare import LISTS, Column, Kind, Stored
from pcapaudit.model.records import dataclass
from pcapaudit.report.escape import make_visible
from pcapaudit.report.tabular import list_of
from pcapaudit.web.tables.question import Question
from pcapaudit.web.tables.rows import Contents, Found, is_number, shown_columns

_LONGEST = 90
"""Characters of a cell; of longer ones the beginning is shown, all of it where the pointer rests."""
_MANY = 12
"""Frames of a cell that are shown."""
_MICROSECONDS = 26
_OF_FLOWS = {"uid": "uid", "community_id": "community_id", "quoted_community_id": "community_id"}
"""Columns that lead to the row of a flow -> the column of flows that has the same."""
_TRUTHS = (("yes", "yes"), ("no", "no"))


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, all of it where that is shortened, or links in its place."""

    text: str = ""
    whole: str | None = None
    links: tuple[tuple[str, str], ...] = ()
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """One column's header: where a click on it leads, how it is sorted now, its condition, the choices there are."""

    name: str
    meaning: str
    href: str
    sort: str | None
    is_number: bool
    said: str
    choices: tuple[tuple[str, str], ...]
    hint: str


class View:
    """One page of a table.

    Args:
        entry_id: The capture.
        question: What was asked.
        found: What was found.
        contents: What the columns hold.
        given: The query string.
    """

    def __init__(
        self,
        entry_id: str,
        question: Question,
        found: Found,
        contents: Contents,
        given: Sequence[tuple[str, str]],
    ) -> None:
        self.table = question.table
        self.found = found
        self.page = question.page
        self.is_filtered = bool(question.conditions)
        self.q, self.device, self.sort = (dict(given).get(name, "") for name in ("q", "device", "sort"))
        self._address = f"/captures/{entry_id}"
        self._question = question
        self._given = [(name, value) for name, value in given if name not in ("page", "format")]
        self._contents = contents
        self._columns = shown_columns(self.table, contents.empty)
        names = [column.name for column in self._columns]
        self.empty = [column.name for column in self.table.columns if column.name not in names]

    @property
    def heads(self) -> list[Head]:
        """The headers of the columns that are shown."""
        return [self._head(column) for column in self._columns]

    @property
    def rows(self) -> list[list[Cell]]:
        """The cells that are shown."""
        places = [self.table.columns.index(column) for column in self._columns]
        return [[self._cell(self.table.columns[at], row[at]) for at in places] for row in self.found.rows]

    @property
    def numbers(self) -> list[bool]:
        """Which columns stand to the right."""
        return [is_number(column) for column in self._columns]

    @property
    def asked(self) -> list[tuple[str, str]]:
        """What was asked, each in words, and the address without it."""
        return [
            (_say_asked(name, value), self._link([*self._given[:at], *self._given[at + 1 :]]))
            for at, (name, value) in enumerate(self._given)
        ]

    def turn(self, page: int) -> str:
        """The address of another page."""
        return self._link([*self._given, ("page", str(page))])

    def export(self, form: str) -> str:
        """The address of all rows that were found, in another form."""
        query = urlencode([*self._given, ("format", form)])
        return f"/api{self._address}/tables/{self.table.name}?{query}"

    def _link(self, query: Sequence[tuple[str, str]]) -> str:
        return f"{self._address}/tables/{self.table.name}" + (f"?{urlencode(query)}" if query else "")

    def _head(self, column: Column) -> Head:
        q = self._question
        is_sorted = q.order is not None and q.order.name == column.name
        sort = ("descending" if q.is_descending else "ascending") if is_sorted else None
        following = f"-{column.name}" if sort == "ascending" else column.name
        others = [(name, value) for name, value in self._given if name != "sort"]
        said = q.said.get(column.name, "")
        return Head(
            column.name,
            column.meaning,
            self._link([*others, ("sort", following)]),
            sort,
            is_number(column),
            said,
            self._choices(column, said),
            _hint(column),
        )

    def _choices(self, column: Column, said: str) -> tuple[tuple[str, str], ...]:
        """What may be chosen for a truth or a category, the present condition among it."""
        choices: tuple[tuple[str, str], ...]
        if column.kind is Kind.TRUTH:
            choices = _TRUTHS
        elif column.kind is Kind.CATEGORY:
            values = self._contents.values.get(column.name, ())
            choices = tuple((f"={value}", f"{make_visible(value)} ({count})") for value, count in values)
        else:
            return ()
        return choices if not said or said in dict(choices) else (*choices, (said, make_visible(said)))

    def _cell(self, column: Column, cell: Stored) -> Cell:
        if cell is None:
            return Cell()
        if column.kind is Kind.FRAME:
            return Cell(links=((str(cell), self._frame(cell)),))
        if column.kind is Kind.FRAMES:
            frames = list_of(cell)
            return Cell(links=tuple((str(n), self._frame(n)) for n in frames[:_MANY]), has_more=len(frames) > _MANY)
        if column.name in _OF_FLOWS and self.table.name != "flows":
            query = urlencode({_OF_FLOWS[column.name]: f"={cell}"})
            return Cell(links=((str(cell), f"{self._address}/tables/flows?{query}"),))
        return _text(_said(column, cell))

    def _frame(self, number: object) -> str:
        return f"{self._address}/frames/{number}"


def _say_asked(name: str, value: str) -> str:
    if name == "sort":
        return f"sorted by {value.removeprefix('-')}{', descending' if value.startswith('-') else ''}"
    return f"{'contains' if name == 'q' else name} {make_visible(value)}"


def _said(column: Column, cell: Stored) -> str:
    if column.kind is Kind.TIME:
        return str(cell)[:_MICROSECONDS].replace("T", " ")
    if column.kind is Kind.TRUTH:
        return "yes" if cell else "no"
    if column.kind is Kind.NUMBER:
        return f"{cell:.6g}"
    return ", ".join(map(str, list_of(cell))) if column.kind in LISTS else str(cell)


def _text(text: str) -> Cell:
    shown = make_visible(text)
    return Cell(shown) if len(shown) <= _LONGEST else Cell(shown[: _LONGEST - 1] + "…", shown)


def _hint(column: Column) -> str:
    """What a filter's field shows while it is empty."""
    if is_number(column):
        return ">0"
    return ">=2026-01-05T08:00" if column.kind is Kind.TIME else "contains"
