"""What a reader of one format answers when it is given bytes."""

from __future__ import annotations

from typing import Protocol

from pcapaudit.capture.columns import Columns, Octets
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.model.records import dataclass

MOST_LINK_TYPES = 64
"""Link types of one capture that are noted; a file may declare an interface of each of the 65,536 there can be."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a reader came, and what it waits for."""

    at: int
    """Where in the data the first record begins that was not taken; with a fault, the damaged one."""
    need: int = 0
    """Bytes from ``at`` that the next record needs and that are not all there; 0 if the columns are full."""
    fault: str | None = None
    """Why nothing behind ``at`` can be read."""


class FormatReader(Protocol):
    """A reader of one file format; it keeps what the file said so far."""

    name: str
    """Format as the report prints it."""

    @property
    def header(self) -> bytes | bytearray:
        """What a file begins with in which the records that come next can be read."""

    def advance(self, data: Octets, at: int, end: int, columns: Columns) -> Step:
        """Take whole records of ``data``, which holds bytes up to ``end``, from ``at`` on into ``columns``."""


def note_interface(notes: CaptureNotes, link: int, snaplen: int) -> None:
    """Add one interface to the notes; a snap length of 0 means that none is stated."""
    notes.interfaces += 1
    if len(notes.link_types) < MOST_LINK_TYPES and link not in notes.link_types:
        notes.link_types.append(link)
    if snaplen:
        notes.snaplen = min(snaplen, notes.snaplen or snaplen)
