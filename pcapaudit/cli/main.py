"""The door of the command line: names the commands, and turns every ending into an exit status."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click

from pcapaudit import __version__
from pcapaudit.cli import status
from pcapaudit.model.errors import PcapAuditError
from pcapaudit.report.escape import make_visible

_COMMANDS = {
    "audit": ("audit", "Say why a device is offline, and prove it."),
    "live": ("live", "Watch an interface or a pipe, and say when a device goes dark."),
    "interfaces": ("interfaces", "List the interfaces that can be watched."),
    "compare": ("compare", "Say what changed between two captures of a device."),
    "serve": ("serve", "Take captures in the browser and answer with a page."),
    "explain": ("explain", "Print what a rule sees, means, and asks for."),
    "signatures": ("signatures", "List, show or check the products that are known."),
    "evidence": ("evidence", "Write the frames that prove the findings as a capture."),
    "dissect": ("dissect", "Print single frames with all their fields."),
    "flows": ("flows", "Print the flow table, one line a conversation."),
    "tables": ("tables", "Write a capture as raw tables: SQLite, CSV, JSON lines."),
    "plot": ("plot", "Draw a timeline, a sequence, a matrix of needs, and more."),
    "how-to-capture": ("how_to_capture", "Say how to take a capture that can be judged."),
    "doctor": ("doctor", "Check this installation and the tools beside it."),
    "completion": ("completion", "Print the script that completes commands in a shell."),
}
"""Command -> its module in this package, and its line in the help."""

_EPILOG = """\b
Examples:
  pcapaudit audit capture.pcapng
  pcapaudit audit --signature sensorist/gateway --led "blinking red" x.pcap
  pcapaudit explain TCP-SYN-TIMEOUT
"""


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names in the order in which one needs them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """The command, imported now; None for a name that is none."""
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"pcapaudit.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it; a misspelt name is answered with the nearest ones, which click does not know unloaded."""
        if not ctx.resilient_parsing and args[0] not in _COMMANDS:
            from difflib import get_close_matches  # noqa: PLC0415 - for those alone who mistype

            near = get_close_matches(args[0], _COMMANDS)
            if near:
                ctx.fail(f"No such command {args[0]!r}. Did you mean {' or '.join(near)}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """Write the list of commands without importing one of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    epilog=_EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(__version__, "--version", "-V", prog_name="pcapaudit")
def program() -> None:
    """Read a packet capture and say, with proof, why a device is offline."""


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with the exit status of the report contract."""
    # What a command makes stays until it ends, and hardly any of it refers to itself in a circle: to search it for such
    # circles again and again, and once more at the end, takes a quarter of a small audit.
    gc.disable()
    # numpy's library for linear algebra, which nothing here uses, would keep a thread busy on every other processor.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _open_closed_streams()
    code = run(args)
    gc.freeze()
    sys.exit(code)


def _open_closed_streams() -> None:
    """Let standard streams that the caller closed hold nothing and take everything.

    Python has None in their place, and the system would give their numbers to the next files that are opened.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != number:
                os.dup2(nothing, number)
                os.close(nothing)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def run(args: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        args: Arguments without the program's name; None for those of the process.

    Returns:
        0 to 3 as the command says, 2 for an error, 130 when interrupted.
    """
    try:
        ended = program.main(args, prog_name="pcapaudit", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return status.UNUSABLE
    except (click.Abort, KeyboardInterrupt):
        return _complain("interrupted", status.INTERRUPTED)
    except PcapAuditError as error:
        return _complain(str(error), status.UNUSABLE)
    except SystemExit as end:
        return _read_end(end)
    except OSError as error:
        return _report_refusal(error)
    except Exception as error:  # noqa: BLE001 - the one place where a fault of ours becomes a sentence
        return _report_fault(error)
    return ended if isinstance(ended, int) else status.FINE


def _read_end(end: SystemExit) -> int:
    """Click answers a reader that closed the pipe by leaving with 1; for us that is no error."""
    if isinstance(end.__context__, BrokenPipeError):
        return status.FINE
    return end.code if isinstance(end.code, int) else status.FINE


def _complain(text: str, code: int) -> int:
    click.echo(f"pcapaudit: {make_visible(text)}", err=True)
    return code


def _report_refusal(error: OSError) -> int:
    """What the system refused and nobody below put into words: a full disk behind standard output, a lost right."""
    if error.strerror is None:
        return _report_fault(error)
    _show_trace(error)
    about = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return _complain(f"the system refuses to go on: {about}{error.strerror}", status.UNUSABLE)


def _report_fault(error: Exception) -> int:
    """One line on a fault of our own; the whole trace when PCAPAUDIT_DEBUG is set."""
    _show_trace(error)
    return _complain(
        f"unexpected {type(error).__name__}: {error}. This is a fault of pcapaudit {__version__}: please report it with"
        " the command you gave; PCAPAUDIT_DEBUG=1 shows where it happened.",
        status.UNUSABLE,
    )


def _show_trace(error: Exception) -> None:
    if os.environ.get("PCAPAUDIT_DEBUG"):
        traceback.print_exception(error)
