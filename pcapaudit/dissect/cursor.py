"""A bounded reader over wire bytes: every take is checked, the end is one exception of ours."""

from __future__ import annotations


class CutError(Exception):
    """The bytes end before the field does. Stays inside the room: every dissector catches it."""


class Cursor:
    """Reads big-endian fields from front to back.

    ``declared`` fields may say more than is there; ``take`` then raises ``CutError``, ``take_rest_of``
    gives what is there.
    """

    __slots__ = ("data", "end", "pos")

    def __init__(self, data: bytes, pos: int = 0, end: int | None = None) -> None:
        self.data = data
        self.pos = pos
        self.end = len(data) if end is None else min(end, len(data))

    def left(self) -> int:
        """Bytes not yet read."""
        return self.end - self.pos

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes. Raises ``CutError`` when fewer are left."""
        if size > self.left():
            raise CutError
        start = self.pos
        self.pos += size
        return self.data[start : self.pos]

    def uint(self, size: int) -> int:
        """The next ``size`` bytes as an unsigned number. Raises ``CutError``."""
        return int.from_bytes(self.take(size), "big")

    def block(self, length_size: int) -> bytes:
        """A field that its length precedes. Raises ``CutError`` when it is not whole."""
        return self.take(self.uint(length_size))
