"""What products need from a network: signature files are found, read, checked and matched against a device.

No vendor is named in this room; all vendor knowledge is data in the signatures folder. The three doors of the room
open on first use, so that a command that reads no signature loads neither PyYAML nor pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pcapaudit.catalog.load import load_signatures, sha256_of
    from pcapaudit.catalog.problems import lint

__all__ = ["lint", "load_signatures", "sha256_of"]

_DOORS = {"lint": "problems", "load_signatures": "load", "sha256_of": "load"}


def __getattr__(name: str) -> Any:
    """Give one of the room's doors, loading its module. Raises AttributeError for another name."""
    if name not in _DOORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_DOORS[name]}"), name)
