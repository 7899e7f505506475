from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from pcapaudit.cli import products
from pcapaudit.cli.doctor import check_libraries, check_privilege, check_scan, check_tool
from pcapaudit.cli.main import run
from tests.support.products import some_products


def test_a_whole_installation_is_ready(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(products, "load_signatures", some_products)
    assert run(["doctor"]) == 0
    told = capsys.readouterr().out
    assert "2 products of 2 vendors" in told
    assert told.endswith("\nready to audit\n")


def test_no_signature_means_not_ready(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(products, "load_signatures", lambda _folder: [])
    assert run(["doctor"]) == 2
    assert "not ready: mend what is marked bad" in capsys.readouterr().out


def test_a_missing_library_gets_its_mark() -> None:
    check = check_libraries(("click", "no-such-library"), missing="bad")
    assert check.mark == "bad"
    assert check.detail.startswith("missing: no-such-library; click ")


def test_the_scan_is_compiled_or_interpreted() -> None:
    assert check_scan().detail.split(":")[0] in {"compiled", "interpreted"}


def test_a_missing_program_is_only_a_note() -> None:
    check = check_tool("no-such-program", use="live capture")
    assert (check.mark, check.detail) == ("note", "not installed; only needed for live capture")


def test_an_installed_program_tells_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: sys.executable)
    assert check_tool("python", use="this test").detail.startswith("Python 3.")


@pytest.mark.parametrize(
    ("mode", "user", "mark"),
    [(0o600, 1000, "note"), (0o755, 1000, "note"), (0o755, 0, "ok")],
    ids=["may not run", "no right", "root"],
)
def test_the_privilege_is_that_of_the_user_and_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int, user: int, mark: str
) -> None:
    program = tmp_path / "dumpcap"
    program.touch()
    program.chmod(mode)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert check_privilege(program).mark == mark


def test_file_capabilities_give_the_right_to_capture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "dumpcap"
    program.touch()
    program.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getxattr", lambda _path, _name: b"\x01", raising=False)
    assert check_privilege(program).mark == "ok"
