"""``pcapaudit how-to-capture``: what to do at the switch so that the capture can be judged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from pcapaudit.catalog.schema import Signature
from pcapaudit.cli import options as shared
from pcapaudit.cli.output import write_result
from pcapaudit.cli.products import find_product, name_product
from pcapaudit.model.addresses import mac_text, parse_mac
from pcapaudit.report.layout import hang, wrap

_WIDTH = 80
_MINUTES = 10
"""How long to capture: several retry cycles of every product (catalogue, section 13.3)."""
_RING = 20
_RING_MB = 100

_MIRROR = (
    "Mirror the switch port that the device is plugged into, both directions (received and sent), to the port of the"
    " capturing computer. Mirror the whole port, not one VLAN of it, and on the device's side of the firewall."
)
_START = (
    "Leave the device without power and start the capture: its first seconds show the address, the gateway and the"
    " names it asks for. Full frames, no port filter."
)
_WAIT = (
    f"Give the device power and wait {_MINUTES} minutes; longer if the fault comes and goes. Both commands keep the"
    f" last {_RING} files of {_RING_MB} MB, so they may run for days: stop them with Ctrl-C soon after the fault."
)

_EPILOG = """\b
Examples:
  pcapaudit how-to-capture sensorist/gateway --mac 54:10:ec:2b:30:01
  pcapaudit how-to-capture tek/pool-ems --interface eth1
"""


def read_mac(_ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """An option that is a MAC address, in lower case with colons; None when it was not given."""
    if value is None:
        return None
    try:
        return mac_text(parse_mac(value))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no MAC address; write 54:10:ec:2b:30:01", param=param) from error


@click.command("how-to-capture", epilog=_EPILOG)
@click.argument("product", metavar="V/P", shell_complete=shared.complete_product)
@click.option("--mac", callback=read_mac, metavar="MAC", help="MAC address of the device; it stands on its label.")
@click.option("--interface", metavar="NAME", default="eth0", show_default=True, help="Where the mirror port arrives.")
@shared.signatures_dir
def command(product: str, mac: str | None, interface: str, signatures_dir: Path | None) -> None:
    """Say how to capture a device of the product V/P (vendor/product), with ready command lines."""
    found = find_product(product, signatures_dir)
    name = re.sub(r"[^a-z0-9]+", "-", found.id.lower()).strip("-")
    lines = [*wrap(f"How to capture: {name_product(found)} ({found.id})", _WIDTH)]
    for number, (text, commands) in enumerate(_write_steps(found, name, mac, interface), start=1):
        lines += ["", *hang(f"{number}.", text, indent=4, width=_WIDTH), *(f"      {line}" for line in commands)]
    write_result((f"{line}\n" for line in lines), None)


def _write_steps(product: Signature, name: str, mac: str | None, interface: str) -> Iterator[tuple[str, list[str]]]:
    """Each step with the command lines that belong to it."""
    yield _MIRROR, []
    yield _START + _explain_filter(mac), _dumpcap_lines(name, mac, interface)
    yield "Where only tcpdump is at hand:", _tcpdump_lines(name, mac, interface)
    yield _WAIT, []
    led, log = _list_shown(product, "led"), _list_shown(product, "log")
    yield (
        (
            f"Note, with the time of day: what the LED shows and when it changes{led}, the messages of the device's"
            f" log{log}, its MAC and address, what was changed in the network, and since when it has been offline."
        ),
        [],
    )
    chosen = f" --device {mac}" if mac else ""
    audit = f"pcapaudit audit --signature {product.id}{chosen} {name}*.pcap*"
    yield "Audit what was captured; all files of a ring in one call:", [audit]


def _list_shown(product: Signature, kind: str) -> str:
    """What the vendor's paper says that the device may show, in brackets; empty when it says nothing."""
    shown = dict.fromkeys(line.shows for line in product.indicators if line.kind == kind)
    return f" ({', '.join(shown)})" if shown else ""


def _explain_filter(mac: str | None) -> str:
    if mac is None:
        return " Give --mac to keep other devices out where the port carries much traffic."
    return " The filter keeps the device, and broadcasts such as the DHCP server's answer to it."


def _filter(mac: str) -> str:
    """Frames of the device, and group addresses: a DHCP OFFER may come as broadcast (RFC 2131, 4.1)."""
    return f"ether host {mac} or ether multicast"


def _dumpcap_lines(name: str, mac: str | None, interface: str) -> list[str]:
    chosen = [f'-f "{_filter(mac)}" \\'] if mac else []
    ring = f"-b filesize:{_RING_MB * 1000} -b files:{_RING} -w {name}.pcapng"
    return [f"dumpcap -i {interface} -s 0 -B 64 \\", *(f"  {part}" for part in [*chosen, ring])]


def _tcpdump_lines(name: str, mac: str | None, interface: str) -> list[str]:
    ring = f"-C {_RING_MB} -W {_RING} -w {name}.pcap"
    chosen = [f"'{_filter(mac)}'"] if mac else []
    return [f"tcpdump -i {interface} -s 0 -n \\", f"  {ring}" + (" \\" if chosen else ""), *(f"  {p}" for p in chosen)]
