"""Look into a finished capture with tshark: is the intended symptom really there?"""

from __future__ import annotations

from pathlib import Path

from tests.lab.network import run_command
from tests.lab.scenario import Scenario


def matching_frames(capture: Path, display_filter: str) -> int:
    """Count the frames that a Wireshark display filter matches."""
    out = run_command("tshark", "-n", "-r", str(capture), "-Y", display_filter, "-T", "fields", "-e", "frame.number")
    return len(out.split())


def missing_symptoms(capture: Path, scenario: Scenario) -> list[str]:
    """Name every promise of the scenario that its capture does not keep; empty when all is there."""
    missing = []
    for check in scenario.checks:
        frames = matching_frames(capture, check.display_filter)
        if not check.accepts(frames):
            wanted = f"at least {check.at_least}" if frames < check.at_least else f"at most {check.at_most}"
            missing.append(f"{frames} frames instead of {wanted} match {check.display_filter}")
    return missing
