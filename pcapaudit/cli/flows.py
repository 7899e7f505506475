"""``pcapaudit flows``: the table of flows for other tools, with Zeek's column names."""

from __future__ import annotations

import click

from pcapaudit.cli import options as shared
from pcapaudit.cli.output import write_result
from pcapaudit.cli.progress import ProgressLine
from pcapaudit.cli.tables import FORMS, Writing, text_of
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.report.tabular import Names

_EPILOG = """\b
Examples:
  pcapaudit flows capture.pcapng > flows.csv
  pcapaudit flows --format jsonl x.pcap | jq 'select(.conn_state == "S0")'
"""


@click.command("flows", epilog=_EPILOG)
@shared.sources
@click.option(
    "--format", "form", type=click.Choice(tuple(FORMS)), default="csv", show_default=True, help="Output form."
)
@click.option("-o", "--output", metavar="FILE", help="Write there instead of standard output.")
def command(sources: tuple[str, ...], form: str, output: str | None) -> None:
    """Print one line per flow: both directions of one conversation.

    Columns mean what Zeek's conn.log means by the same names; community_id joins the line with
    other tools. An empty cell (null in JSON) is unknown. The same as
    "pcapaudit tables --table flows --names zeek", which has more tables to give.
    """
    with ProgressLine() as progress:
        text = text_of(sources, AuditOptions(), TABLES["flows"], Writing(form, Names.ZEEK), progress)
        write_result(text, output)
