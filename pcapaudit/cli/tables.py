"""``pcapaudit tables``: a capture as raw tables, for a spreadsheet, a program, or SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from pcapaudit.cli import options as shared
from pcapaudit.cli.output import write_note, write_result
from pcapaudit.cli.progress import ProgressLine, ProgressLines
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.progress import Progress
from pcapaudit.engine.tables.catalogue import TABLES, choose
from pcapaudit.engine.tables.declare import Stored, Table
from pcapaudit.engine.tables.read import rows_of_all
from pcapaudit.engine.tables.store import stored_rows, write_tables
from pcapaudit.model.errors import UsageError
from pcapaudit.model.records import dataclass
from pcapaudit.report.tabular import Names, csv_lines, json_lines

FORMS = {"csv": csv_lines, "jsonl": json_lines}
SQLITE_ENDS = (".sqlite", ".sqlite3", ".db")
FILE_ENDS = (".csv", ".jsonl", ".json", ".tsv", ".txt", ".parquet", ".xlsx", ".gz")
"""Ends of names that mean a file to everybody: no folder of several tables is made under such a name."""


@dataclass(frozen=True, slots=True)
class Writing:
    """How tables become text."""

    form: str
    style: Names

    def lines(self, table: Table, rows: Iterable[Sequence[Stored]]) -> Iterator[str]:
        """The text of one table."""
        return FORMS[self.form](table.columns, rows, self.style)


_EPILOG = """\b
Examples:
  pcapaudit tables capture.pcapng -o capture.sqlite
  pcapaudit tables capture.pcapng -o folder/
  pcapaudit tables --table dns capture.pcapng > dns.csv
  pcapaudit tables --table dns --format jsonl x.pcap | jq .query
"""


@click.command("tables", epilog=_EPILOG)
@shared.sources
@click.option(
    "--table", "names", metavar="NAME", multiple=True, help=f"This table alone; again for more: {', '.join(TABLES)}."
)
@click.option(
    "--format", "form", type=click.Choice(tuple(FORMS)), default="csv", show_default=True, help="Form of text."
)
@click.option(
    "--names",
    "style",
    type=click.Choice([name.value for name in Names]),
    default=Names.OWN.value,
    show_default=True,
    help="Column names: our own, or Zeek's (and its times) where the meaning is equal.",
)
@shared.since
@shared.until
@shared.separate
@shared.max_flows
@shared.progress
@click.option("-o", "--output", metavar="FILE|FOLDER", help="A SQLite file by its end (.sqlite), else text.")
def command(
    sources: tuple[str, ...],
    names: tuple[str, ...],
    form: str,
    style: str,
    told: str,
    output: str | None,
    **given: Any,
) -> None:
    """Write a capture as raw tables: flows, DNS, DHCP, TLS, HTTP, ICMP, ARP, NTP and more.

    With -o FILE.sqlite all go into one SQLite file, with the meaning of each column in its table
    "columns"; with -o FOLDER each becomes a file. One table alone goes to standard output, too.
    """
    tables, options, write = choose(names), AuditOptions(**given), Writing(form, Names(style))
    with ProgressLines() if told == "json" else ProgressLine() as progress:
        if output is not None and output.endswith(SQLITE_ENDS):
            counts = write_tables(sources, options, Path(output), tables=tables, progress=progress)
            _note(Path(output), counts)
        elif len(names) == 1:
            write_result(text_of(sources, options, tables[0], write, progress), output)
        elif output is None:
            raise UsageError("several tables need a place: -o FILE.sqlite or -o FOLDER; or name one with --table")
        elif output.endswith(FILE_ENDS) and not Path(output).is_dir():
            raise UsageError(
                f"{output}: several tables are no one file: -o FILE.sqlite or -o FOLDER; or name one with --table"
            )
        else:
            _write_folder(sources, options, tables, Path(output), write, progress)


def text_of(
    sources: Sequence[str], options: AuditOptions, table: Table, write: Writing, progress: Progress
) -> Iterator[str]:
    """One table as text, capture after capture."""
    batches = rows_of_all(sources, options, [table], progress)
    rows = (row for _, batch in batches for row in stored_rows(table, batch))
    return write.lines(table, rows)


def _write_folder(
    sources: Sequence[str],
    options: AuditOptions,
    tables: Sequence[Table],
    folder: Path,
    write: Writing,
    progress: Progress,
) -> None:
    """A file for each table; all are made in one reading, by way of a SQLite file that is thrown away."""
    # Loaded with all it brings along for this one form.
    import tempfile  # noqa: PLC0415

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror or error}") from error
    with tempfile.TemporaryDirectory(dir=folder, prefix=".pcapaudit-") as place:
        base = Path(place) / "tables.sqlite"
        counts = write_tables(sources, options, base, tables=tables, progress=progress)
        with closing(sqlite3.connect(base)) as found:
            for table in tables:
                rows = found.execute(f'SELECT * FROM "{table.name}"')  # noqa: S608 - a name of ours
                write_result(write.lines(table, rows), str(folder / f"{table.name}.{write.form}"))
    _note(folder, counts)


def _note(target: Path, counts: Mapping[str, int]) -> None:
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    write_note(f"{target}: {said or 'no rows'}")
