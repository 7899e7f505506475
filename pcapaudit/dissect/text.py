"""Text from the wire: printable, bounded, and without what nobody may keep."""

from __future__ import annotations

import re

MAX_TEXT = 300
"""Characters kept of any text; longer text is cut."""

_USER_INFO = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]{0,30}:)?//[^/?#]*@")
_PARAMETERS = re.compile(rb"[;?#]")


def printable(data: bytes, limit: int = MAX_TEXT) -> str:
    """The bytes as ASCII, each octet outside 0x20 to 0x7e as an ``x`` escape, at most ``limit`` characters."""
    return "".join(chr(b) if 0x20 <= b < 0x7F else f"\\x{b:02x}" for b in data[:limit])[:limit]


def padded_text(data: bytes) -> str:
    """As ``printable``, without the NUL bytes that some senders append."""
    return printable(data.rstrip(b"\0"))


def first_line(data: bytes, limit: int) -> str:
    """The printable characters of the first line, others left out, at most ``limit``."""
    line = data[: 4 * limit].split(b"\n", 1)[0]
    return "".join(chr(b) for b in line if 0x20 <= b < 0x7F)[:limit]


def redact_url(url: bytes) -> str:
    """The URL as text without user information, parameters, query and fragment, where secrets travel.

    Source: RFC 3986, sections 3.2.1, 3.3, 3.4.
    """
    bare = _PARAMETERS.split(_USER_INFO.sub(rb"\1//", url, count=1), maxsplit=1)[0]
    return printable(bare)
