from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.capture.interfaces import Interface, read_interfaces, read_state

DUMPCAP = (
    "1. eth0\t\t\t0\t192.0.2.2,fd00::2\tnetwork\t\n"
    "2. any\t\t\t0\t\tnetwork\t\n"
    "3. lo\t\tLoopback\t0\t127.0.0.1,::1\tloopback\t\n"
    "4. nflog\t\t\t0\t\tnetwork\t\n"
)
"""As ``dumpcap -D -M`` of Wireshark 4.0 prints it."""
TCPDUMP = (
    "1.eth0 [Up, Running, Connected]\n"
    "2.any (Pseudo-device that captures on all interfaces) [Up, Running]\n"
    "3.lo [Up, Running, Loopback]\n"
    "4.nflog (Linux netfilter log (NFLOG) interface) [none]\n"
)
"""As ``tcpdump -D`` of version 4.99 prints it."""


@pytest.fixture
def system(tmp_path: Path) -> Path:
    for name, state in (("eth0", "down"), ("lo", "unknown")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "operstate").write_text(state + "\n")
    return tmp_path


def test_dumpcap_tells_addresses(system: Path) -> None:
    assert read_interfaces(DUMPCAP, system) == [
        Interface("eth0", "down", ("192.0.2.2", "fd00::2")),
        Interface("any"),
        Interface("lo", "", ("127.0.0.1", "::1"), "Loopback"),
    ]


def test_tcpdump_tells_flags(system: Path) -> None:
    assert read_interfaces(TCPDUMP, system) == [
        Interface("eth0", "down", (), "[Up, Running, Connected]"),
        Interface("any", "", (), "(Pseudo-device that captures on all interfaces) [Up, Running]"),
        Interface("lo", "", (), "[Up, Running, Loopback]"),
    ]


def test_without_the_systems_folder_all_are_listed(tmp_path: Path) -> None:
    assert [one.name for one in read_interfaces(TCPDUMP, tmp_path / "none")] == ["eth0", "any", "lo", "nflog"]


@pytest.mark.parametrize("line", ["", "no number", "1.", "2. ../../etc/passwd"])
def test_what_is_no_interface_is_left_out(system: Path, line: str) -> None:
    assert read_interfaces(line, system) == []


def test_an_interface_that_is_not_there_has_no_state(system: Path) -> None:
    assert read_state("eth9", system) == ""
