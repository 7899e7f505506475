"""pcapaudit says, with proof, why a device is offline and what to change."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pcapaudit.notebook.capture import Capture as Capture
    from pcapaudit.notebook.capture import Device as Device
    from pcapaudit.notebook.capture import read as read
    from pcapaudit.notebook.learn import Proposal as Proposal
    from pcapaudit.notebook.learn import learn as learn
    from pcapaudit.notebook.many import Captures as Captures
    from pcapaudit.notebook.many import read_many as read_many
    from pcapaudit.notebook.many import read_parquet as read_parquet

__version__ = "0.1.0"

_DOORS = {
    "read": "capture",
    "Capture": "capture",
    "Device": "capture",
    "read_many": "many",
    "read_parquet": "many",
    "Captures": "many",
    "learn": "learn",
    "Proposal": "learn",
}
"""Names for analysts -> module of ``pcapaudit.notebook``; pandas comes with the first one that is used."""


def __getattr__(name: str) -> Any:
    if name not in _DOORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"pcapaudit.notebook.{_DOORS[name]}"), name)


def __dir__() -> list[str]:
    """What an analyst may want; the rooms below, and what this module needs itself, would only fill the list."""
    return [*(name for name in globals() if name.startswith("__")), *_DOORS]
