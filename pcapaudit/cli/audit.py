"""``pcapaudit audit``: the main command."""

from __future__ import annotations

from typing import Any

import click

from pcapaudit.cli import options as shared
from pcapaudit.cli.output import choose_look, write_note, write_result
from pcapaudit.cli.progress import ProgressLine, ProgressLines
from pcapaudit.cli.status import choose_status
from pcapaudit.engine import run
from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.report import Report
from pcapaudit.report.registry import formats, render_pieces

_EPILOG = """\b
Examples:
  pcapaudit audit capture.pcapng
  pcapaudit audit ring/ --format markdown -o ticket.md
  ssh probe 'tcpdump -w - -i eth1' | pcapaudit audit -
  pcapaudit audit --signature sensorist/gateway --led "blinking red" x.pcap
  pcapaudit audit --device 54:10:ec:2b:30:01 --set syn_wait=5 x.pcap
  pcapaudit audit --device 10.0.0.5 --why x.pcap
  pcapaudit audit --mirror-point "sw1 port 24" --format requests x.pcap
  pcapaudit audit --cluster tcp://scheduler:8786 --format fleet s3://captures/
\b
Exit status:
  0  no device at or beyond --fail-on     1  at least one
  2  could not run, or a source was unreadable
  3  no device recognised                 130  interrupted
"""


@click.command("audit", epilog=_EPILOG)
@shared.sources
@click.option("--format", "form", type=click.Choice(formats()), default="text", show_default=True, help="Output form.")
@shared.signature
@click.option("--device", metavar="MAC|IP", help="Judge this device alone.")
@click.option("--all-devices", is_flag=True, help="List devices without a signature as well.")
@shared.params
@shared.thresholds
@click.option("--led", metavar="TEXT", help='What the LED shows, such as "blinking red".')
@click.option("--log", metavar="TEXT", help="A message of the device's own log.")
@click.option(
    "--mirror-point",
    metavar="TEXT",
    help='Where the capture was taken, such as "core-sw1 port 24, SPAN of VLAN 20".',
)
@shared.signatures_dir
@click.option("--why", is_flag=True, help="Add what came of every rule, and on which facts.")
@shared.since
@shared.until
@shared.separate
@shared.max_flows
@shared.fail_on
@shared.colour
@shared.progress
@click.option(
    "--cluster",
    "address",
    metavar="ADDRESS",
    help="Let the workers of a Dask scheduler audit each capture, such as tcp://scheduler:8786; see docs/fleet.md.",
)
@click.option(
    "--beside/--no-beside",
    default=True,
    show_default=True,
    help="With --cluster, keep results beside each capture: the next run does only what is new.",
)
@shared.output
def command(
    sources: tuple[str, ...],
    form: str,
    fail_on: str,
    colour: str,
    told: str,
    address: str | None,
    beside: bool,  # noqa: FBT001 - click gives options by name
    output: str | None,
    **wishes: Any,
) -> int:
    """Say of every device in a capture whether it is online, and if not, why.

    SOURCE is a capture file (pcap or pcapng, also compressed), a folder of them, or - for
    standard input. Files that follow each other in time are taken as one capture.
    Ctrl-C gives the report of what was read so far, a second one ends at once.
    """
    with ProgressLines() if told == "json" else ProgressLine() as progress:
        if address is None:
            report = run.audit(sources, AuditOptions(**wishes), progress)
        else:
            # Loaded with what it brings along by those who have a cluster.
            from pcapaudit.cli.cluster import audit_there  # noqa: PLC0415

            report = audit_there(address, sources, AuditOptions(**wishes), progress, beside=beside)
    _write_notes(report, is_told=form in ("text", "fleet") and output is None)
    write_result(render_pieces(report, form, choose_look(output, colour)), output)
    return choose_status(report, fail_on)


def _write_notes(report: Report, *, is_told: bool) -> None:
    """What standard error must say; ``is_told`` when the result on the screen names the unread sources."""
    if report.generator.scan == "interpreted":
        write_note("note: the compiled scan is missing, the slower one runs; see pcapaudit doctor")
    for unread in () if is_told else report.unread:
        place = "" if unread.offset is None else f" at byte {unread.offset}"
        write_note(f"not read: {unread.source}{place}: {unread.reason}")
