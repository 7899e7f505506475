"""``pcapaudit explain``: a rule in its own words."""

from __future__ import annotations

from collections.abc import Iterator

import click

from pcapaudit.cli.output import write_result
from pcapaudit.diagnose.explain import Entry, all_entries, find_entry
from pcapaudit.report.layout import hang, wrap

_WIDTH = 80
_EPILOG = """\b
Examples:
  pcapaudit explain TCP-SYN-TIMEOUT
  pcapaudit explain            (lists all rules)
"""


def _complete_rule(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """Ids of rules for the tab key."""
    return [entry.id for entry in all_entries() if entry.id.startswith(begun.upper())]


@click.command("explain", epilog=_EPILOG)
@click.argument("rule", required=False, shell_complete=_complete_rule)
def command(rule: str | None) -> None:
    """Print what a RULE sees, what it means, and what to ask the network team for."""
    lines = _list_rules() if rule is None else _describe(find_entry(rule))
    write_result((f"{line}\n" for line in lines), None)


def _list_rules() -> Iterator[str]:
    for entry in all_entries():
        yield from hang(entry.id, entry.title, indent=28, width=_WIDTH)


def _describe(entry: Entry) -> Iterator[str]:
    """Title, place in the ladder, then the paragraphs of the rule's text with a blank line between."""
    yield from wrap(f"{entry.id}: {entry.title}", _WIDTH)
    yield from wrap(entry.place, _WIDTH)
    for heading, text in entry.paragraphs():
        yield ""
        yield from [heading] if heading else []
        yield from (f"  {line}" for line in wrap(text, _WIDTH - 2))
