"""Scanners whose log keeps more of a flow than it does in earnest, or less.

They run interpreted, for the constants are built into the compiled one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from pcapaudit.engine import auditor
from pcapaudit.scan import layout
from pcapaudit.scan.loading import load_interpreted
from tests.support import scene

ENDLESS = 1 << 30
WHOLE = (("FLOW_FIRST_ROWS", ENDLESS), ("FLOW_MAX_ROWS", ENDLESS))
"""Each packet is logged."""
SCANT = (("FLOW_FIRST_ROWS", 3), ("HANDED_PLENTY", -1))
"""What a thinned log keeps at least: of each flow the handshake, what says something, what is handed over, the tail."""


def scanner_with(constants: tuple[tuple[str, int], ...]) -> Any:
    """A class of scanner for which some constants of ``scan.layout`` have other values."""
    changed: dict[str, Any] = dict(constants)
    with patch.multiple(layout, **changed):
        return load_interpreted().Scanner


@contextmanager
def audits_with(scanner: Any) -> Iterator[None]:
    """Audits and scenes scan with this class meanwhile."""
    with patch.object(auditor, "Scanner", scanner), patch.object(scene, "Scanner", scanner):
        yield
