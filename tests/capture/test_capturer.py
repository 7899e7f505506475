from __future__ import annotations

import os
from pathlib import Path

import pytest

from pcapaudit.capture.capturer import find_capturer, find_lack


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


def test_dumpcap_comes_before_tcpdump(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, "tcpdump")
    dumpcap = put(folder, "dumpcap")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    found = find_capturer()
    assert found is not None
    assert (found.name, found.path, found.lack) == ("dumpcap", dumpcap, None)


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
