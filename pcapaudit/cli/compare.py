"""``pcapaudit compare``: what changed between two captures of the same device."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pcapaudit.cli import options as shared
from pcapaudit.cli import status
from pcapaudit.cli.output import choose_look, write_result
from pcapaudit.cli.progress import ProgressLine
from pcapaudit.engine import run
from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.errors import UsageError
from pcapaudit.model.report import Report
from pcapaudit.model.words import Verdict
from pcapaudit.report.compare import compare, forms, render
from pcapaudit.report.compare.change import Change
from pcapaudit.report.compare.document import Comparison, DeviceChange
from pcapaudit.report.document import from_json

_EPILOG = """\b
Examples:
  pcapaudit compare monday.pcapng after-the-change.pcapng
  pcapaudit compare --device 10.0.0.5 monday.json today.pcapng
  pcapaudit compare --device 10.0.0.5 --device 10.0.0.9 old.json new.json
  pcapaudit compare --format markdown -o ticket.md old.json new.json
\b
Exit status:
  0  whatever is compared works, or is better than before
  1  a device fails in the later capture, or a part of it is worse
  2  could not run, or a source was unreadable
  3  no device is in both, or the later capture cannot tell
  130  interrupted
"""


@click.command("compare", epilog=_EPILOG)
@click.argument("before", type=click.Path())
@click.argument("after", type=click.Path())
@click.option("--format", "form", type=click.Choice(forms()), default="text", show_default=True, help="Output form.")
@click.option(
    "--device",
    "devices",
    metavar="MAC|IP",
    multiple=True,
    help="Compare this device alone; twice when it is another MAC or address in AFTER.",
)
@shared.signature
@shared.params
@shared.thresholds
@shared.signatures_dir
@shared.separate
@shared.colour
@shared.output
def command(
    before: str, after: str, form: str, devices: tuple[str, ...], colour: str, output: str | None, **wishes: Any
) -> int:
    """Say what changed between two captures of a device.

    BEFORE and AFTER are each a capture (a file, or a folder of files) or a report that
    audit --format json wrote. A capture is audited with the options given here; a report
    is taken as it is. Devices are matched by MAC, else by address and product; the
    capture that was taken earlier counts as the one before. What AFTER does not show is
    never called repaired.
    """
    if len(devices) > 2:
        raise UsageError("--device can be given twice at most: its name in BEFORE, then in AFTER")
    old = _load(before, {**wishes, "device": devices[0] if devices else None})
    new = _load(after, {**wishes, "device": devices[-1] if devices else None})
    comparison = compare(old, new, devices)
    write_result([render(comparison, form, choose_look(output, colour))], output)
    return status.UNUSABLE if old.unread or new.unread else choose_status(comparison)


def choose_status(comparison: Comparison) -> int:
    """The exit status: 1 before 3, so that what is known to be broken is not hidden by what is not known."""
    if any(_is_broken(device) for device in comparison.devices):
        return status.FAULT_FOUND
    if not comparison.devices or any(device.change is Change.CANNOT_TELL for device in comparison.devices):
        return status.NOTHING_TO_JUDGE
    return status.FINE


def _is_broken(device: DeviceChange) -> bool:
    changes = {device.change, *(need.change for need in device.needs)}
    return device.after.verdict is Verdict.FAILED or Change.WORSE in changes


def _load(source: str, wishes: Mapping[str, Any]) -> Report:
    """The report in a file, or that of a capture which is audited now."""
    path = Path(source)
    if is_report(path):
        return from_json(path.read_bytes())
    with ProgressLine() as progress:
        report = run.audit([source], AuditOptions(**wishes), progress)
    if report.partial:
        # Half a capture proves nothing about what is not seen in it.
        raise KeyboardInterrupt
    return report


def is_report(path: Path) -> bool:
    """Whether a file holds JSON; no form of a capture begins with a brace."""
    try:
        with path.open("rb") as file:
            return path.is_file() and file.read(64).lstrip().startswith(b"{")
    except OSError:
        return False
