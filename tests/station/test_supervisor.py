from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pcapaudit.station.supervisor import Supervisor, say_status
from tests.station.test_metrics import STATUS
from tests.support.receivers import PATIENCE_S


@contextmanager
def manager(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(address)
        made.settimeout(PATIENCE_S)
        yield made


def assignments(made: socket.socket) -> dict[str, str]:
    """What was told, as sd_notify(3) has it: assignments, each in a line."""
    return dict(line.split("=", 1) for line in made.recv(65536).decode().split("\n"))


def test_the_first_status_says_that_it_has_begun_and_each_that_it_goes_on(tmp_path: Path) -> None:
    with manager(str(tmp_path / "notify")) as systemd:
        supervisor = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        supervisor.tell(STATUS)
        supervisor.tell({**STATUS, "is_blind": True})
        words = "devices: 3 healthy, 1 degraded, 2 failed; 1,000 frames, 12 lost"
        assert assignments(systemd) == {"READY": "1", "WATCHDOG": "1", "STATUS": words}
        assert assignments(systemd) == {"WATCHDOG": "1", "STATUS": f"nothing can be seen; {words}"}


def test_an_abstract_address_begins_with_an_at_sign() -> None:
    name = f"pcapaudit-test-{os.getpid()}"
    with manager(f"\0{name}") as systemd:
        Supervisor({"NOTIFY_SOCKET": f"@{name}"}).tell(STATUS)
        assert assignments(systemd)["READY"] == "1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_without_a_manager_nobody_is_told(environment: dict[str, str]) -> None:
    Supervisor(environment).tell(STATUS)


def test_a_manager_that_is_gone_or_does_not_listen_holds_up_nothing(tmp_path: Path) -> None:
    gone = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    gone.tell(STATUS)
    with manager(str(tmp_path / "deaf")):
        deaf = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "deaf")})
        for _ in range(5000):
            deaf.tell(STATUS)


def test_before_a_device_was_recognised_there_is_none() -> None:
    assert say_status({**STATUS, "verdicts": {"failed": 0}}) == "devices: none; 1,000 frames, 12 lost"
