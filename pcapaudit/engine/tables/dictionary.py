"""The data dictionary: what every table and column means, in Markdown, from the declarations alone."""

from __future__ import annotations

from collections.abc import Iterator

from pcapaudit.engine.packets import COLUMNS
from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.engine.tables.declare import Column, Kind, Table
from pcapaudit.engine.tables.judged import REPORT_TABLES

_INTRODUCTION = """\
# Tables

What `pcapaudit tables` writes and the server shows under "Tables", column by column. The rows come from the same
reading of the capture as the report. This page is made from the code, by `python -m pcapaudit.engine.tables`.

- Names are the same in every form. A unit stands at the end of the name: `rtt_s` is in seconds.
- A cell without a value is unknown, or there is nothing to say: empty in CSV, `null` in JSON, `NULL` in SQLite.
- Times are UTC, RFC 3339 with nine decimals. Frames are numbers in the capture, from 1, as Wireshark's.
- A list is an array in JSON and JSON text in SQLite; in CSV its values are separated by blanks. It shows 256 at most.
- Where a column means the same as one of Zeek's, that name is given; `--names zeek` writes it, and Zeek's times.
- `community_id` joins every table with flows and with other tools, `uid` joins connections with flows exactly.
- In SQLite the table `columns` holds this page, `tables` counts rows, `categories` counts the frequent values.

As SQL over one file:

    pcapaudit tables capture.pcapng -o capture.sqlite
    sqlite3 -box capture.sqlite "select query, count(*), sum(is_answered = 0) lost from dns group by 1 order by 3 desc"
"""


_OF_REPORT = """\
# What the audit found, as tables

In a notebook only (`pcapaudit.read`, see [Jupyter](notebook.md)): the report document as tables, and the packets.
`device` joins them with each other; it is a device's MAC address, or its first address where it has none.
"""
_PACKETS = Table(
    "packets", "Packets", "One row for each IP packet, as `cap.packets()` gives them.", tuple(COLUMNS.values())
)


def write_dictionary() -> str:
    """The page as Markdown."""
    wire = (line for table in TABLES.values() for line in _lines(table))
    found = (line for table in (*REPORT_TABLES.values(), _PACKETS) for line in _lines(table))
    return "\n".join([_INTRODUCTION, *wire, _OF_REPORT, *found])


def _lines(table: Table) -> Iterator[str]:
    yield f"## {table.name}\n"
    yield table.row + (f" Zeek's log of the same subject: `{table.log}`." if table.log else "") + "\n"
    yield "| Column | Kind | Meaning | Zeek |"
    yield "|---|---|---|---|"
    yield from map(_line, table.columns)
    yield ""


def _line(column: Column) -> str:
    unit = f", {column.unit}" if column.unit and column.kind is not Kind.TIME else ""
    zeek = f"`{column.zeek}`" if column.zeek else ""
    words = f": {', '.join(column.words)}" if column.words else ""
    meaning = (column.meaning + words).replace("|", "\\|")
    return f"| `{column.name}` | {column.kind.value}{unit} | {meaning} | {zeek} |"
