"""Stand-ins for signatures where only their names matter."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

LED_LINES = tuple(SimpleNamespace(kind="led", shows=shows) for shows in ("solid red", "blinking red", "green"))


def some_products(_folder: object = None) -> list[Any]:
    """Two signatures, out of order."""
    return [
        SimpleNamespace(id="tek/pool-ems", vendor_title="Maktinta", title="TEK Pool EMS controller", indicators=()),
        SimpleNamespace(
            id="sensorist/gateway", vendor_title="Sensorist", title="Oscar TempLog gateway", indicators=LED_LINES
        ),
    ]
