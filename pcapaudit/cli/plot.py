"""``pcapaudit plot``: pictures of a capture."""

from __future__ import annotations

from pathlib import Path

import click

from pcapaudit.cli import options as shared
from pcapaudit.cli.output import write_note
from pcapaudit.cli.progress import ProgressLine
from pcapaudit.engine.opened import open_captures
from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.errors import UsageError

KINDS = ("timeline", "needs", "verdicts", "dns", "traffic", "sequence", "retries", "hops")
"""The kinds of ``notebook.plots``; listed again so that ``--help`` need not load matplotlib (a test compares)."""
_FORMS = (".svg", ".png", ".pdf")
_EPILOG = """\b
Kinds:
  timeline   whom a device asked when, and what came back; its ladder above
  needs      devices and their needs: who reaches what
  verdicts   verdicts, a bar for each capture
  dns        how long DNS answers take, and which codes they bring
  traffic    payload over time, by need
  sequence   who sent what when in one flow, with the silence
  retries    when a device repeats its SYN, beside known network stacks
  hops       answers by delay and TTL: shows a reset made on the way

\b
Examples:
  pcapaudit plot capture.pcapng -o timeline.svg
  pcapaudit plot --kind verdicts --separate captures/ -o week.png
  pcapaudit plot --kind sequence --device 10.0.0.5 x.pcap -o silence.svg
"""


@click.command("plot", epilog=_EPILOG)
@shared.sources
@click.option("--kind", type=click.Choice(KINDS), default="timeline", show_default=True, help="What to draw.")
@click.option(
    "-o", "--output", metavar="FILE", required=True, type=click.Path(path_type=Path), help="Picture: svg, png or pdf."
)
@click.option("--device", metavar="MAC|IP", help="The device to draw; the worst one if not given.")
@shared.signature
@click.option("--flow", metavar="UID", help="The flow to draw, by its uid of `pcapaudit flows`.")
@shared.separate
def command(
    *,
    sources: tuple[str, ...],
    kind: str,
    output: Path,
    device: str | None,
    signature: str | None,
    flow: str | None,
    separate: bool,
) -> None:
    """Draw a picture of a capture.

    The same capture gives the same file, byte by byte. Colours can be told apart
    by the colour-blind and on paper; every mark has a shape of its own.
    """
    if output.suffix.lower() not in _FORMS:
        raise UsageError(f"{output}: the name must end in {', '.join(_FORMS[:-1])} or {_FORMS[-1]}")
    from pcapaudit.notebook.capture import Capture  # noqa: PLC0415 - no other command needs pandas and matplotlib
    from pcapaudit.notebook.plots.style import save  # noqa: PLC0415 - as above

    options = AuditOptions(signature=signature, device=device, separate=separate)
    with ProgressLine() as progress:
        capture = Capture(open_captures(sources, options, progress))
        ax = capture.plot(kind, device=device, flow=flow)
    try:
        save(ax, output)
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror or error}") from error
    write_note(f"{output}: {kind}")
