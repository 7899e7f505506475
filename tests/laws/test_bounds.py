"""Where tables are full, a device is judged as if they were not, or not at all."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from pcapaudit.engine import run
from pcapaudit.engine.options import AuditOptions
from pcapaudit.report.document import to_json
from pcapaudit.scan import Bounds
from tests.fuzz.seeds import capture_files

TIGHT = {
    "flows": Bounds(max_flows=10),
    "rows": Bounds(max_rows=40, max_tails=4),
    "more rows": Bounds(max_rows=150),
    "what is handed over": Bounds(max_handed_bytes=3000),
    "ARP": Bounds(max_arps=3),
}
EVERY = 6
"""Of so many captures one is audited."""
CAPTURES = [path for path in capture_files() if "lab" in path.parts][::EVERY]


@cache
def whole_of(path: Path) -> dict[str, Any]:
    """The devices of a capture, audited with the usual bounds."""
    return devices_of(path)


def devices_of(path: Path) -> dict[str, Any]:
    """The devices of a capture by their addresses."""
    document = json.loads(to_json(run.audit([str(path)], AuditOptions())))
    assert document["captures"][0]["counters"]["frames"]
    return {f"{device['mac']} {device['addresses']}": device for device in document["devices"]}


def judged(device: dict[str, Any]) -> tuple[str, str | None]:
    """What is said of a device: its verdict and the rule behind it."""
    return device["verdict"], (device["root_cause"] or {}).get("rule")


@pytest.mark.parametrize("bounds", TIGHT.values(), ids=TIGHT)
def test_a_full_table_accuses_and_acquits_nobody(bounds: Bounds) -> None:
    refused = 0
    for path in CAPTURES:
        with patch.object(run, "Bounds", lambda bounds=bounds: bounds):
            found = devices_of(path)
        for key, device in found.items():
            if device["verdict"] == "undecided":
                refused += device["summary"].startswith("No diagnosis: the capture is too large")
            else:
                assert judged(device) == judged(whole_of(path)[key]), path.name
    assert refused > 0
