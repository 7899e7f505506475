from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

_FOLDER = Path(str(import_module("pcapaudit.cli").__file__)).parent
_FLAGS = ("--signature", "--signatures", "--param", "--set", "--color", "--progress")


@pytest.mark.parametrize("flag", _FLAGS)
def test_an_option_of_several_commands_is_defined_once(flag: str) -> None:
    defining = [path.name for path in _FOLDER.glob("*.py") if f'"{flag}"' in path.read_text(encoding="utf-8")]
    assert defining == ["options.py"]
