"""``pcapaudit serve``: the admin's page."""

from __future__ import annotations

import gc
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pcapaudit.cli import values
from pcapaudit.cli.output import write_note
from pcapaudit.model.errors import UsageError

if TYPE_CHECKING:
    from pcapaudit.web.settings import Live

_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SPANS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FOREVER = "forever"
_SMALLEST_RING = 20 << 20
"""The ring has twenty files of 1M at least."""
_OPEN_WIRE = (
    "warning: the traffic is not encrypted, captures and the token travel as they are: on an open network put a proxy "
    "with TLS before it, and give --url"
)
_EPILOG = """\b
Examples:
  pcapaudit serve
  pcapaudit serve --host 10.0.0.2 --data-dir /srv/pcapaudit --keep 7d
  pcapaudit serve --url https://audit.example.com    # behind a TLS proxy
  pcapaudit serve --live eth1 --live-ring-size 50G    # and watches a port
  curl -T x.pcapng -H "Authorization: Bearer $PCAPAUDIT_TOKEN" \\
       'http://127.0.0.1:8000/api/captures?name=x.pcapng'
"""


@click.command("serve", epilog=_EPILOG)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 takes a free one."
)
@click.option("--data-dir", metavar="DIR", type=click.Path(path_type=Path), help="Where captures and reports are kept.")
@click.option("--max-upload", default="10G", show_default=True, metavar="SIZE", help="Largest capture taken.")
@click.option(
    "--keep", default="30d", show_default=True, metavar="SPAN", help="Delete captures after this; or forever."
)
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Analyses at the same time.")
@click.option("--url", metavar="URL", help="Address by which browsers reach it, behind a proxy or by another name.")
@click.option("--live", metavar="NAME", help="Watch this interface and show what happens on it.")
@click.option("--live-filter", metavar="BPF", default="", help="What to capture there, see pcap-filter(7).")
@click.option(
    "--live-ring-size",
    metavar="SIZE",
    default="10G",
    show_default=True,
    callback=values.read_size,
    help="Frames of the watch that are kept.",
)
def command(
    host: str, port: int, data_dir: Path | None, max_upload: str, keep: str, jobs: int, url: str | None, **live: Any
) -> None:
    """Take captures in the browser and answer with a page to send on.

    Prints an address that logs a browser in, once. Scripts show the token of
    PCAPAUDIT_TOKEN, or else the one in the file named token in the data folder.
    """
    # The command line runs without Python's collector, which a program that runs for weeks cannot do without.
    gc.enable()

    from pcapaudit.web.server import Address, serve  # noqa: PLC0415 - no other command needs a server
    from pcapaudit.web.settings import Settings, load_token, prepare_folder  # noqa: PLC0415 - as above

    most_bytes, keep_s = read_size(max_upload), None if keep == _FOREVER else read_span(keep)
    shown_url = None if url is None else read_url(url)
    folder = (data_dir or default_data_dir()).resolve()
    prepare_folder(folder)
    address = Address(host, port)
    settings = Settings(
        data_dir=folder,
        token=load_token(folder),
        max_upload=most_bytes,
        keep_s=keep_s,
        jobs=jobs,
        hosts=address.names,
        url=shown_url,
        live=_plan_watch(folder / "live", **live),
    )
    if not address.is_loopback and shown_url is None:
        write_note(_OPEN_WIRE)
    limits = settings.limits
    write_note(f"captures and reports are kept in {folder}" + (f" for {keep}" if keep != _FOREVER else ""))
    write_note(
        f"a capture may have {max_upload}; analyses at a time: {jobs}, each with at most "
        f"{limits.memory_bytes / (1 << 30):g} GiB of memory and {limits.seconds / 60:g} min"
    )
    if settings.live is not None:
        write_note(f"{settings.live.interface} is watched; its newest frames are kept in {settings.live.ring}")
    write_note(f"scripts show the token {_say_token(folder)}")
    serve(settings, address, _announce)
    write_note("stopped; what was being analysed begins again with the next start")


def _plan_watch(folder: Path, live: str | None, live_filter: str, live_ring_size: int) -> Live | None:
    """The watch that is wished for; None for none. Raises UsageError when it cannot be meant so."""
    from pcapaudit.station.child import live_words  # noqa: PLC0415 - as in command
    from pcapaudit.web.settings import Live  # noqa: PLC0415 - as in command

    if live is None:
        if live_filter:
            raise UsageError("--live-filter belongs to --live NAME")
        return None
    if live_ring_size < _SMALLEST_RING:
        raise UsageError("--live-ring-size must be at least 20M")
    return Live(live, folder, tuple(live_words(live, live_filter, live_ring_size, folder)))


def _announce(login: str) -> None:
    """The line that whoever started the server waits for."""
    write_note(f"open {login}")
    write_note("this address lets one browser in, once; Ctrl-C ends the server")


def _say_token(folder: Path) -> str:
    return "of PCAPAUDIT_TOKEN" if "PCAPAUDIT_TOKEN" in os.environ else f"in {folder / 'token'}"


def default_data_dir() -> Path:
    """The folder for data of this user (XDG base directory specification)."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "pcapaudit"


def read_size(text: str) -> int:
    """``10G`` in bytes (units of 1024). Raises UsageError for anything else."""
    found = re.fullmatch(r"(\d{1,12})([KMGT]?)", text.strip(), re.IGNORECASE)
    if found is None or int(found[1]) == 0:
        raise UsageError(f"--max-upload {text}: expected a size such as 500M or 10G")
    return int(found[1]) * _SIZES[found[2].upper()]


def read_url(text: str) -> str:
    """``https://audit.example.com/`` as a browser names an origin. Raises UsageError for anything else."""
    found = re.fullmatch(r"(https?://(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?)/?", text.strip().lower())
    if found is None:
        raise UsageError(f"--url {text}: expected an address such as https://audit.example.com, without a path")
    # A browser leaves the usual port out (RFC 6454, section 6.1).
    return found[1].removesuffix(":443" if found[1].startswith("https") else ":80")


def read_span(text: str) -> float:
    """``30d`` in seconds. Raises UsageError for anything else."""
    found = re.fullmatch(r"(\d{1,9})([smhd])", text.strip())
    if found is None or int(found[1]) == 0:
        raise UsageError(f"--keep {text}: expected a span such as 12h or 30d, or forever")
    return int(found[1]) * _SPANS[found[2]]
