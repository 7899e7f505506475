"""What systemd is told of a watch that it runs: that it has begun, that it still goes on, and how it stands."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

_ADDRESS = "NOTIFY_SOCKET"


class Supervisor:
    """Speaks to the service manager that the environment names (sd_notify(3)); to nobody where it names none.

    A manager that does not listen is no fault of the watch: what it does not take is left.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get(_ADDRESS, "")
        self._has_begun = False

    def tell(self, status: Mapping[str, Any]) -> None:
        """Tell how the watch stands, by its newest status. The first one says that it has begun. Never waits."""
        words = ["WATCHDOG=1", f"STATUS={say_status(status)}"]
        self._send(words if self._has_begun else ["READY=1", *words])
        self._has_begun = True

    def _send(self, words: list[str]) -> None:
        # Another kind of address is that of a container's manager, which is none of ours.
        if self._address[:1] not in {"/", "@"}:
            return
        address = self._address.replace("@", "\0", 1) if self._address[0] == "@" else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made, suppress(OSError):
            made.setblocking(False)
            made.sendto("\n".join(words).encode(), address)


def say_status(status: Mapping[str, Any]) -> str:
    """One line for ``systemctl status``; numbers alone, nothing that came from the wire."""
    verdicts = [f"{number} {verdict}" for verdict, number in status["verdicts"].items() if number]
    parts = ["nothing can be seen"] if status["is_blind"] else []
    parts += [f"devices: {', '.join(verdicts) or 'none'}", f"{status['frames']:,} frames, {status['dropped']:,} lost"]
    return "; ".join(parts)
