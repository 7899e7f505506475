"""The one door through which a foreign parser is called: whatever it raises becomes data.

dpkt lets IndexError, UnicodeDecodeError and its own errors escape on hostile bytes, and
cryptography adds ValueError, TypeError and its own; no list of them would stay complete.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pcapaudit.model.events import Malformed, Packet

_T = TypeVar("_T")


def parse(parser: Callable[[bytes], _T], data: bytes, *, at: Packet, protocol: str) -> _T | Malformed:
    """What ``parser`` makes of ``data``, or ``Malformed`` naming the error's class."""
    try:
        return parser(data)
    except Exception as error:  # noqa: BLE001 - see the module's first lines
        return Malformed(at, protocol, f"not readable: {type(error).__name__}")
