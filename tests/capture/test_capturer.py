from __future__ import annotations

import os
from pathlib import Path

import pytest

from pcapaudit.capture.capturer import Capturer, explain_end, find_capturer, find_lack

DUMPCAP = Capturer("dumpcap", Path("/usr/bin/dumpcap"))


def put(folder: Path, name: str, mode: int = 0o755) -> Path:
    program = folder / name
    program.touch()
    program.chmod(mode)
    return program


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only place where programs are looked for, by a user who is not root."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return tmp_path


@pytest.mark.parametrize("name", ["dumpcap", "tcpdump"])
def test_the_program_that_is_wanted_comes_first_where_it_may_be_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    paths = {name: put(folder, name) for name in ("tcpdump", "dumpcap")}
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    found = find_capturer(name)
    assert found is not None
    assert (found.name, found.path, found.lack) == (name, paths[name], None)


def test_where_no_program_may_be_used_the_privilege_is_that_of_dumpcap(folder: Path) -> None:
    for name in ("tcpdump", "dumpcap"):
        put(folder, name)
    found = find_capturer("tcpdump")
    assert found is not None
    assert found.name == "dumpcap"


def test_a_program_that_this_user_may_use_comes_before_a_better_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "dumpcap")
    tcpdump = put(folder, "tcpdump")
    monkeypatch.setattr(os, "getxattr", lambda path, _name: b"\x01" if Path(path) == tcpdump else b"", raising=False)
    found = find_capturer()
    assert found is not None
    assert found.name == "tcpdump"


def test_without_a_program_there_is_none(folder: Path) -> None:
    assert folder.is_dir()
    assert find_capturer() is None


def test_what_lacks_capabilities_is_mended_by_giving_them(folder: Path) -> None:
    program = put(folder, "dumpcap")
    assert f"sudo setcap cap_net_raw,cap_net_admin+ep {program}" in (find_lack(program) or "")


def test_what_may_not_be_run_is_mended_by_joining_its_group(folder: Path) -> None:
    program = put(folder, "dumpcap", mode=0o600)
    assert f"sudo usermod -aG {program.group()} $USER" in (find_lack(program) or "")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        # As dumpcap 4.0 and tcpdump 4.99 complain.
        (
            'dumpcap: You do not have permission to capture on device "lo".\n(socket: Operation not permitted)',
            "this user may not capture there: sudo setcap cap_net_raw,cap_net_admin+ep /usr/bin/dumpcap",
        ),
        ('dumpcap: There is no device named "nix0".\n(No such device exists)', "there is no such interface"),
        ("tcpdump: nix0: No such device exists", "there is no such interface"),
        ("dumpcap: Invalid capture filter \"foo bar\" for interface 'lo'.", "the filter is not understood"),
        ("tcpdump: can't parse filter expression: syntax error", "the filter is not understood"),
        ("dumpcap: The network adapter on which the capture was being done is no longer running", "went down or away"),
        ("tcpdump: pcap_loop: The interface disappeared", "went down or away"),
        ("tcpdump: eth1: That device is not up", "the interface is down: sudo ip link set eth1 up"),
        ("", "dumpcap ended by itself (status 7): it does not say why"),
    ],
)
def test_why_a_program_ended_is_told_in_a_line_that_mends_it(said: str, told: str) -> None:
    explained = explain_end(said, DUMPCAP, "eth1", 7)
    assert told in explained
    assert "\n" not in explained
