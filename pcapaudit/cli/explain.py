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


@click.command("explain", epilog=_EPILOG)
@click.argument("rule", required=False)
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
    for heading, text in _split_paragraphs(entry.body):
        yield ""
        yield from [heading] if heading else []
        yield from (f"  {line}" for line in wrap(text, _WIDTH - 2))


def _split_paragraphs(body: str) -> Iterator[tuple[str, str]]:
    """Heading and text of each paragraph; one begins with ``**Heading**:`` or after a blank line."""
    heading, words = "", list[str]()
    for line in [*map(str.strip, body.splitlines()), ""]:
        if words and (line.startswith("**") or not line):
            yield heading, " ".join(words)
            heading, words = "", []
        found, text = _split_heading(line)
        heading = found or heading
        words += [text] if text else []


def _split_heading(line: str) -> tuple[str, str]:
    """``**Seen**: a SYN`` as ``("Seen", "a SYN")``; a line without a heading as ``("", line)``."""
    if not line.startswith("**"):
        return "", line
    heading, _, text = line.removeprefix("**").partition("**")
    return heading, text.removeprefix(":").strip()
