"""Which program of this machine captures, and what this user lacks to run it."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from pcapaudit.model.records import dataclass

PROGRAMS = ("dumpcap", "tcpdump")
"""Programs that capture, the better one first: dumpcap tells in the stream itself how many frames the kernel lost."""

HOW_TO_INSTALL = "install dumpcap (sudo apt install wireshark-common) or tcpdump"


@dataclass(frozen=True, slots=True)
class Capturer:
    """A program that captures."""

    name: str
    path: Path
    lack: str | None = None
    """What keeps this user from capturing with it, and the command that mends it; None if nothing is known to."""


def find_capturer() -> Capturer | None:
    """The program to capture with: the first that this user may use, else the first there is; None without any."""
    paths = ((name, shutil.which(name, mode=os.F_OK)) for name in PROGRAMS)
    found = [Capturer(name, Path(path), find_lack(Path(path))) for name, path in paths if path is not None]
    return next((program for program in found if program.lack is None), found[0] if found else None)


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
