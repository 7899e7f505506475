"""The one pass over every frame: link, IP, TCP and UDP headers in, flow rows and handed-over frames out.

The loop is written in plain Python and compiled by Cython where a compiler is at hand; both run the same lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pcapaudit.scan.loading import choose
from pcapaudit.scan.result import Bounds, ScanResult
from pcapaudit.scan.wanted import Wanted

if TYPE_CHECKING:
    from pcapaudit.scan.core import Scanner, is_compiled
else:
    _core = choose()
    Scanner = _core.Scanner
    is_compiled = _core.is_compiled

__all__ = ["Bounds", "ScanResult", "Scanner", "Wanted", "is_compiled"]
