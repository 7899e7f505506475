"""What the tests of this room share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def truth(shared_captures: Path) -> dict[str, dict[str, object]]:
    """What tshark counts in each shared capture."""
    loaded: dict[str, dict[str, object]] = json.loads((shared_captures / "truth.json").read_text(encoding="utf-8"))
    return loaded
