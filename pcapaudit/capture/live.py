"""Programs of the machine that capture live: so far, what version they are."""

from __future__ import annotations

import subprocess

_PATIENCE_S = 10.0


def ask_version(program: str) -> str | None:
    """First line that ``PROGRAM --version`` prints; None when it cannot be run or says nothing."""
    try:
        told = subprocess.run([program, "--version"], capture_output=True, timeout=_PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = told.stdout.decode("utf-8", "replace").strip().splitlines()
    return lines[0].strip() if lines else None
