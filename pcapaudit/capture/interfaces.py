"""The interfaces that a program that captures lists."""

from __future__ import annotations

import re
from pathlib import Path

from pcapaudit.model.records import dataclass

_SYSTEM = Path("/sys/class/net")
_NUMBERED = re.compile(r"\d+\.\s*(\S+)(.*)")


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface. What nobody tells is empty."""

    name: str
    state: str = ""
    """``up``, ``down``, or what else the system calls it."""
    addresses: tuple[str, ...] = ()
    text: str = ""
    """What the program says of it."""


def read_interfaces(listed: str, system: Path = _SYSTEM) -> list[Interface]:
    """The interfaces of a list, in its order: those of the system alone, not the sources of messages that are no wire.

    Args:
        listed: What ``dumpcap -D -M`` (fields between tabs) or ``tcpdump -D`` prints.
        system: Where the system keeps a folder for each interface.
    """
    found = (_read_line(line, system) for line in listed.splitlines())
    interfaces = [one for one in found if one is not None]
    if not system.is_dir():
        return interfaces
    return [one for one in interfaces if one.name == "any" or (system / one.name).is_dir()]


def _read_line(line: str, system: Path) -> Interface | None:
    numbered = _NUMBERED.fullmatch(line.strip("\r\n"))
    if numbered is None or "/" in numbered[1]:
        return None
    name, rest = numbered[1], numbered[2]
    state = read_state(name, system)
    if "\t" not in rest:
        return Interface(name, state, (), rest.strip())
    # Vendor's and user's description, type, addresses, whether it is a loopback.
    fields = [*rest.split("\t"), "", "", "", "", ""]
    addresses = tuple(address for address in fields[4].split(",") if address)
    return Interface(name, state, addresses, " ".join(text for text in fields[1:3] if text))


def read_state(name: str, system: Path = _SYSTEM) -> str:
    """RFC 2863's operational state of an interface: ``up``, ``down``, ...; empty where the system does not tell.

    A loopback's is unknown, as is that of most tunnels.
    """
    try:
        state = (system / name / "operstate").read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
    return "" if state == "unknown" else state
