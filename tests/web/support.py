"""What the tests of the server share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

TOKEN = "a-token-for-tests-alone"
SAMPLES = Path(__file__).resolve().parents[2] / "samples"
BLINKING = SAMPLES / "sensorist-blinking-red.pcapng"


def upload(client: TestClient, content: bytes, name: str = "x.pcapng", **wishes: str) -> Any:
    """Send a capture; the answer."""
    return client.put("/api/captures", params={"name": name, **wishes}, content=content)


def wait_for(client: TestClient, capture: str) -> list[dict[str, Any]]:
    """Every status that the server tells until the analysis has ended."""
    with client.stream("GET", f"/api/captures/{capture}/events") as answer:
        lines = [line for line in answer.iter_lines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def audited(client: TestClient, path: Path = BLINKING, **wishes: str) -> str:
    """The id of a sample whose analysis has ended."""
    capture = str(upload(client, path.read_bytes(), path.name, **wishes).json()["id"])
    assert wait_for(client, capture)[-1]["state"] == "done"
    return capture
