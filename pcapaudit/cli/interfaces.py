"""``pcapaudit interfaces``: where a live capture could listen."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import click

from pcapaudit.capture.capturer import HOW_TO_INSTALL, Capturer, find_capturer
from pcapaudit.capture.interfaces import Interface, read_interfaces
from pcapaudit.capture.live import ask_interfaces
from pcapaudit.cli.output import choose_look, write_note, write_result
from pcapaudit.cli.status import FINE, UNUSABLE
from pcapaudit.report.escape import make_ascii, make_visible

_EPILOG = """\b
Examples:
  pcapaudit interfaces
  pcapaudit live -i eth1
\b
Exit status:
  0  this user can capture     2  something is missing; standard error says what
"""


@click.command("interfaces", epilog=_EPILOG)
def command() -> int:
    """List the interfaces that `pcapaudit live` could listen on, and say whether this user may."""
    program = find_capturer()
    if program is None:
        write_note(f"nothing here can capture: {HOW_TO_INSTALL}")
        return UNUSABLE
    spell = make_visible if choose_look(None, "never").is_unicode else make_ascii
    found = read_interfaces(ask_interfaces(program)) if os.access(program.path, os.X_OK) else []
    write_result((spell(line) + "\n" for line in _write_table(found)), None)
    write_note(_say_right(program))
    return UNUSABLE if program.lack else FINE


def _write_table(interfaces: Sequence[Interface]) -> Iterator[str]:
    wide = max((len(one.name) for one in interfaces), default=0)
    for one in interfaces:
        yield f"{one.name:<{wide}}  {one.state or '-':<7}  {', '.join(one.addresses) or one.text or '-'}"


def _say_right(program: Capturer) -> str:
    if program.lack:
        return f"this user may not capture yet: {program.lack}"
    return f"this user may capture, with {program.path}: pcapaudit live -i NAME"
