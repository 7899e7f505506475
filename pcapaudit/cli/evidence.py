"""``pcapaudit evidence``: the proof of a report as a small capture to send on."""

from __future__ import annotations

from pathlib import Path

import click

from pcapaudit.cli import options as shared
from pcapaudit.cli.output import write_note
from pcapaudit.cli.progress import ProgressLine
from pcapaudit.engine.evidence import write_evidence
from pcapaudit.engine.options import AuditOptions
from pcapaudit.report.phrases import say_count

_EPILOG = """\b
Examples:
  pcapaudit evidence capture.pcapng -o evidence.pcapng
  pcapaudit evidence --device 10.0.0.5 capture.pcapng -o evidence.pcapng
"""


@click.command("evidence", epilog=_EPILOG)
@shared.sources
@click.option(
    "-o", "--output", metavar="FILE", required=True, type=click.Path(path_type=Path), help="Capture to write."
)
@click.option("--device", metavar="MAC|IP", help="The findings of this device alone.")
@shared.signature
@shared.separate
def command(sources: tuple[str, ...], output: Path, device: str | None, signature: str | None, separate: bool) -> None:  # noqa: FBT001 - click passes the flag by name
    """Write the frames that prove the findings, and the rest of their flows.

    Each cited frame carries a comment with the rules it proves: Wireshark shows it
    as packet comment. The capture is read more than once, so standard input will not do.
    """
    options = AuditOptions(device=device, signature=signature, separate=separate)
    with ProgressLine() as progress:
        extract = write_evidence(sources, options, output, progress)
    write_note(f"{output}: {say_count(extract.frames, 'frame')}, {extract.cited} of them cited and commented")
