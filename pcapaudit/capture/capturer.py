"""Which program of this machine captures, what this user lacks to run it, and why it ended."""

from __future__ import annotations

import os
import re
import shutil
import stat
from pathlib import Path

from pcapaudit.model.records import dataclass

PROGRAMS = ("dumpcap", "tcpdump")
"""Programs that capture. dumpcap comes with its privilege on most systems, lists the interfaces with their addresses,
and writes files that say by which filter they were captured; tcpdump takes a third of the processor for each frame, and
tells while it runs how many frames the kernel lost."""

HOW_TO_INSTALL = "install dumpcap (sudo apt install wireshark-common) or tcpdump"


@dataclass(frozen=True, slots=True)
class Capturer:
    """A program that captures."""

    name: str
    path: Path
    lack: str | None = None
    """What keeps this user from capturing with it, and the command that mends it; None if nothing is known to."""


def find_capturer(first: str = "dumpcap") -> Capturer | None:
    """The program to capture with: ``first`` if this user may use it, else one that he may, else one that is there."""
    paths = ((name, shutil.which(name, mode=os.F_OK)) for name in PROGRAMS)
    found = [Capturer(name, Path(path), find_lack(Path(path))) for name, path in paths if path is not None]
    usable = [program for program in found if program.lack is None]
    return next(iter([*(program for program in usable if program.name == first), *usable, *found]), None)


def find_lack(path: Path) -> str | None:
    """What keeps this user from capturing with a program; None if he is root, or it is set-uid or has capabilities."""
    if not os.access(path, os.X_OK):
        return f"this user may not run {path}: sudo usermod -aG {_group_of(path)} $USER, then log in again"
    if os.geteuid() == 0:
        return None
    status = path.stat()
    if (status.st_mode & stat.S_ISUID and status.st_uid == 0) or _has_capabilities(path):
        return None
    return f"{path} has no right to capture: sudo setcap cap_net_raw,cap_net_admin+ep {path}"


def _group_of(path: Path) -> str:
    """The group that may run a program; that of Wireshark's packages where the system does not tell."""
    try:
        return path.group()
    except (KeyError, OSError, NotImplementedError):
        return "wireshark"


def _has_capabilities(path: Path) -> bool:
    """Whether the file carries Linux capabilities (capabilities(7), file capabilities)."""
    try:
        return bool(os.getxattr(path, "security.capability"))
    except (OSError, AttributeError):
        return False


def explain_end(said: str, program: Capturer, interface: str, status: int) -> str:
    """Why a program that captures ended, in one line with what mends it.

    Args:
        said: Its standard error.
        program: Which one it is.
        interface: What it was to capture.
        status: Its exit status, negative for a signal.
    """
    small = said.lower()
    if "permission" in small or "not permitted" in small:
        lack = program.lack or f"sudo setcap cap_net_raw,cap_net_admin+ep {program.path}"
        return f"this user may not capture there: {lack}"
    if "no such device" in small or "no device named" in small:
        return "there is no such interface; see: pcapaudit interfaces"
    if "filter" in small or "syntax error" in small:
        return f"the filter is not understood: {_last_words(said)}"
    if "not up" in small or "network is down" in small:
        return f"the interface is down: sudo ip link set {interface} up"
    if any(word in small for word in ("no longer", "went down", "disappeared", "down")):
        return f"the interface {interface} went down or away"
    ended = f"signal {-status}" if status < 0 else f"status {status}"
    return f"{program.name} ended by itself ({ended}): {_last_words(said) or 'it does not say why'}"


def _last_words(said: str) -> str:
    """What it complains of: from the first line that bears a program's name, at most three lines."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    first = next((at for at, line in enumerate(lines) if re.match(r"(dumpcap|tcpdump): ", line)), 0)
    return " ".join(lines[first : first + 3])[:500]
