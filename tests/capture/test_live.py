from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pcapaudit.capture.live import ask_version


def test_a_program_tells_its_version() -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    assert ask_version(sys.executable) == f"Python {version}"


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 0\n", "no program at all"])
def test_a_program_that_says_nothing_has_no_version(tmp_path: Path, text: str) -> None:
    program = tmp_path / "tool"
    program.write_text(text)
    program.chmod(0o755)
    assert ask_version(str(program)) is None


def test_a_missing_program_has_no_version(tmp_path: Path) -> None:
    assert ask_version(str(tmp_path / "none")) is None
