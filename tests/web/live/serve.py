"""A server whose watch tells what stands in a file: ``python -m tests.web.live.serve DATA FILE``.

What is appended to the file is told as it comes. ``--again LINE`` is told each second besides.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import click

from pcapaudit.web.server import Address, serve
from pcapaudit.web.settings import Settings
from tests.web.live.support import following


def main() -> None:
    """Serve until it is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("told", type=Path)
    parser.add_argument("--again")
    given = parser.parse_args()
    address = Address("127.0.0.1", 0)
    live = following(given.data / "live", given.told, given.again)
    settings = Settings(given.data, os.environ["PCAPAUDIT_TOKEN"], hosts=address.names, live=live)
    serve(settings, address, lambda login: click.echo(f"open {login}", err=True))


if __name__ == "__main__":
    main()
