"""``pcapaudit signatures``: which products are known, what their files say, and whether they hold."""

from __future__ import annotations

from pathlib import Path

import click

from pcapaudit.catalog import lint, location
from pcapaudit.cli import options as shared
from pcapaudit.cli.output import write_note, write_result
from pcapaudit.cli.products import find_product, load_products, name_product
from pcapaudit.cli.status import FINE, UNUSABLE
from pcapaudit.diagnose.registry import all_rules
from pcapaudit.report.escape import make_visible
from pcapaudit.report.layout import hang
from pcapaudit.report.phrases import say_count

_EPILOG = """\b
Examples:
  pcapaudit signatures list
  pcapaudit signatures show sensorist/gateway
  pcapaudit signatures lint --signatures ./signatures
"""


@click.group("signatures", epilog=_EPILOG)
def command() -> None:
    """List, show or check the products that are known."""


@command.command("list")
@shared.signatures_dir
def list_products(signatures_dir: Path | None) -> None:
    """Print the id and the name of every product."""
    products = load_products(signatures_dir)
    indent = max((len(product.id) for product in products), default=0) + 2
    lines = [line for p in products for line in hang(p.id, make_visible(name_product(p)), indent=indent, width=80)]
    write_result((f"{line}\n" for line in lines), None)


@command.command("show", short_help="Print the signature of the product V/P.")
@click.argument("product", metavar="V/P", shell_complete=shared.complete_product)
@shared.signatures_dir
def show_product(product: str, signatures_dir: Path | None) -> None:
    """Print the signature of the product V/P: its needs with the fact ids they come from."""
    found = find_product(product, signatures_dir)
    path = (signatures_dir or location.signatures_dir()) / f"{found.id}.yaml"
    text = path.read_text(encoding="utf-8")
    write_note(f"{name_product(found)}: {path}")
    write_result((f"{make_visible(line)}\n" for line in text.splitlines()), None)


@command.command("lint", short_help="Check every signature file.")
@shared.signatures_dir
def check_products(signatures_dir: Path | None) -> int:
    """Check every signature file; each fault is told as file:line:column with what to write instead.

    Exit status 0 when there is none, else 2.
    """
    rules = [rule.id for rule in all_rules()]
    faults = [make_visible(str(fault)) for fault in lint(signatures_dir or location.signatures_dir(), rules=rules)]
    found = say_count(len(faults), "fault") if faults else "no fault"
    checked = f"{signatures_dir or location.signatures_dir()}: {found}"
    write_result((f"{line}\n" for line in [*faults, checked]), None)
    return UNUSABLE if faults else FINE
