"""Options that several commands have: the same name, the same meaning, the same line of help."""

from __future__ import annotations

from pathlib import Path

import click

from pcapaudit.cli.status import FAIL_ON
from pcapaudit.cli.values import read_moment, read_numbers, read_pairs
from pcapaudit.model.words import Verdict


def complete_product(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """Ids of products for the tab key."""
    from pcapaudit.catalog import load_signatures  # noqa: PLC0415 - for the tab key alone

    return [signature.id for signature in load_signatures() if signature.id.startswith(begun)]


# Whether a source can be read shows when it is read: click's own look would end the command for the others' sake, too.
sources = click.argument(
    "sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path(allow_dash=True, readable=False)
)
signature = click.option(
    "--signature", metavar="V/P", shell_complete=complete_product, help="What the device is, as vendor/product."
)
separate = click.option("--separate", is_flag=True, help="Every file is a capture of its own, never part of a ring.")
output = click.option("-o", "--output", metavar="FILE", help="Write there instead of standard output.")
signatures_dir = click.option(
    "--signatures",
    "signatures_dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of signatures instead of the shipped one.",
)
params = click.option(
    "--param",
    "params",
    metavar="NAME=VALUE",
    multiple=True,
    callback=read_pairs,
    help="A value the signature asks for, such as app_port=57123.",
)
thresholds = click.option(
    "--set",
    "thresholds",
    metavar="NAME=NUMBER",
    multiple=True,
    callback=read_numbers,
    help="Another threshold for the rules, such as syn_wait=5.",
)
since = click.option(
    "--since",
    "since_ns",
    metavar="T",
    callback=read_moment,
    help="Leave out frames before this time: 2026-01-01T14:02:11+01:00, without offset in UTC.",
)
until = click.option("--until", "until_ns", metavar="T", callback=read_moment, help="Leave out frames after this time.")
max_flows = click.option(
    "--max-flows",
    metavar="N",
    type=click.IntRange(min=1),
    help="Keep at most N conversations; later ones are counted only.",
)
fail_on = click.option(
    "--fail-on",
    type=click.Choice(FAIL_ON),
    default=Verdict.FAILED.value,
    show_default=True,
    help="Mildest verdict that gives exit status 1.",
)
colour = click.option(
    "--color",
    "colour",
    type=click.Choice(("auto", "always", "never")),
    default="auto",
    show_default=True,
    help="Colours of the text form.",
)
progress = click.option(
    "--progress",
    "told",
    type=click.Choice(("auto", "json")),
    default="auto",
    show_default=True,
    help="A line for a terminal, or JSON lines for a program (phase, done, total, rate, left_s, device).",
)
