"""``pcapaudit audit``: the main command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pcapaudit.cli.output import choose_look, write_note, write_result
from pcapaudit.cli.progress import ProgressLine, ProgressLines
from pcapaudit.cli.status import FAIL_ON, choose_status
from pcapaudit.cli.values import read_moment, read_numbers, read_pairs
from pcapaudit.engine import run
from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.report import Report
from pcapaudit.model.words import Verdict
from pcapaudit.report.registry import formats, render

_EPILOG = """\b
Examples:
  pcapaudit audit capture.pcapng
  pcapaudit audit ring/ --format markdown -o ticket.md
  ssh probe 'tcpdump -w - -i eth1' | pcapaudit audit -
  pcapaudit audit --signature sensorist/gateway --led "blinking red" x.pcap
  pcapaudit audit --device 54:10:ec:2b:30:01 --set syn_wait=5 x.pcap
  pcapaudit audit --device 10.0.0.5 --why x.pcap
  pcapaudit audit --mirror-point "sw1 port 24" --format requests x.pcap
\b
Exit status:
  0  no device at or beyond --fail-on     1  at least one
  2  could not run, or a source was unreadable
  3  no device recognised                 130  interrupted
"""


@click.command("audit", epilog=_EPILOG)
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--format", "form", type=click.Choice(formats()), default="text", show_default=True, help="Output form.")
@click.option("--signature", metavar="V/P", help="What the device is, as vendor/product.")
@click.option("--device", metavar="MAC|IP", help="Judge this device alone.")
@click.option("--all-devices", is_flag=True, help="List devices without a signature as well.")
@click.option(
    "--param",
    "params",
    metavar="NAME=VALUE",
    multiple=True,
    callback=read_pairs,
    help="A value the signature asks for, such as app_port=57123.",
)
@click.option(
    "--set",
    "thresholds",
    metavar="NAME=NUMBER",
    multiple=True,
    callback=read_numbers,
    help="Another threshold for the rules, such as syn_wait=5.",
)
@click.option("--led", metavar="TEXT", help='What the LED shows, such as "blinking red".')
@click.option("--log", metavar="TEXT", help="A message of the device's own log.")
@click.option(
    "--mirror-point",
    metavar="TEXT",
    help='Where the capture was taken, such as "core-sw1 port 24, SPAN of VLAN 20".',
)
@click.option(
    "--signatures",
    "signatures_dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of signatures instead of the shipped one.",
)
@click.option("--why", is_flag=True, help="Add what came of every rule, and on which facts.")
@click.option("--since", "since_ns", metavar="T", callback=read_moment, help="Leave out frames before this time.")
@click.option("--until", "until_ns", metavar="T", callback=read_moment, help="Leave out frames after this time.")
@click.option("--separate", is_flag=True, help="Every file is a capture of its own, never part of a ring.")
@click.option(
    "--max-flows",
    metavar="N",
    type=click.IntRange(min=1),
    help="Keep at most N conversations; later ones are counted, not judged.",
)
@click.option(
    "--fail-on",
    type=click.Choice(FAIL_ON),
    default=Verdict.FAILED.value,
    show_default=True,
    help="Mildest verdict that gives exit status 1.",
)
@click.option(
    "--color",
    "colour",
    type=click.Choice(("auto", "always", "never")),
    default="auto",
    show_default=True,
    help="Colours of the text form.",
)
@click.option(
    "--progress",
    "told",
    type=click.Choice(("auto", "json")),
    default="auto",
    show_default=True,
    help="A line for a terminal, or JSON lines for a program (phase, done, total, rate, left_s, device).",
)
@click.option("-o", "--output", metavar="FILE", help="Write there instead of standard output.")
def command(
    sources: tuple[str, ...], form: str, fail_on: str, colour: str, told: str, output: str | None, **wishes: Any
) -> int:
    """Say of every device in a capture whether it is online, and if not, why.

    SOURCE is a capture file (pcap or pcapng, also compressed), a folder of them, or - for
    standard input. Files that follow each other in time are taken as one capture.
    Ctrl-C gives the report of what was read so far, a second one ends at once.
    """
    with ProgressLines() if told == "json" else ProgressLine() as progress:
        report = run.audit(sources, AuditOptions(**wishes), progress)
    _write_notes(report, is_told=form == "text" and output is None)
    write_result([render(report, form, choose_look(output, colour))], output)
    return choose_status(report, fail_on)


def _write_notes(report: Report, *, is_told: bool) -> None:
    """What standard error must say; ``is_told`` when the result on the screen names the unread sources."""
    if report.generator.scan == "interpreted":
        write_note("note: the compiled scan is missing, the slower one runs; see pcapaudit doctor")
    for unread in () if is_told else report.unread:
        place = "" if unread.offset is None else f" at byte {unread.offset}"
        write_note(f"not read: {unread.source}{place}: {unread.reason}")
