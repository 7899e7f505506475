"""``pcapaudit flows``: the flow table for other tools, with Zeek's column names."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import click

from pcapaudit.cli.output import write_result
from pcapaudit.cli.progress import ProgressLine
from pcapaudit.engine import run
from pcapaudit.report.escape import make_visible, quote_cell

Record = dict[str, object]

_EPILOG = """\b
Examples:
  pcapaudit flows capture.pcapng > flows.csv
  pcapaudit flows --format jsonl x.pcap | jq 'select(.conn_state == "S0")'
"""


@click.command("flows", epilog=_EPILOG)
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option(
    "--format", "form", type=click.Choice(("csv", "jsonl")), default="csv", show_default=True, help="Output form."
)
@click.option("-o", "--output", metavar="FILE", help="Write there instead of standard output.")
def command(sources: tuple[str, ...], form: str, output: str | None) -> None:
    """Print one line per flow: both directions of one conversation.

    Columns mean what Zeek's conn.log means by the same names; community_id joins the line with
    other tools. An empty cell (null in JSON) is unknown.
    """
    with ProgressLine() as progress:
        records = run.flow_records(sources, progress)
        write_result(_write_csv(records) if form == "csv" else _write_lines(records), output)


def _write_lines(records: Iterator[Record]) -> Iterator[str]:
    """One JSON object a line, ASCII only."""
    for record in records:
        yield json.dumps(record, ensure_ascii=True, allow_nan=False, separators=(",", ":")) + "\n"


def _write_csv(records: Iterator[Record]) -> Iterator[str]:
    """A header from the first record, then a line each."""
    header: list[str] = []
    for record in records:
        if not header:
            header = list(record)
            yield _write_row(header)
        yield _write_row([_cell(record.get(name)) for name in header])


def _write_row(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


def _cell(value: object) -> str:
    """Numbers as they are; text so that neither a terminal nor a spreadsheet obeys it."""
    if value is None:
        return ""
    return quote_cell(make_visible(value)) if isinstance(value, str) else str(value)
