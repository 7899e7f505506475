"""``pcapaudit completion``: commands, options, products and rules on the tab key."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from pcapaudit.cli.output import write_result

_EPILOG = """\b
Examples:
  pcapaudit completion bash >> ~/.bash_completion
  pcapaudit completion zsh > ~/.zfunc/_pcapaudit
  pcapaudit completion fish > ~/.config/fish/completions/pcapaudit.fish
"""


@click.command("completion", epilog=_EPILOG)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that teaches SHELL to complete this command."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    script = kind(ctx.find_root().command, {}, "pcapaudit", "_PCAPAUDIT_COMPLETE")
    write_result([script.source_template % script.source_vars()], None)
