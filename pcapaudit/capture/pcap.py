"""The pcap format, in both byte orders and in every variant that has a magic number of its own.

Source: draft-ietf-opsawg-pcap.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from pcapaudit.capture.columns import Columns, Octets
from pcapaudit.capture.step import Step, note_interface
from pcapaudit.capture.walk import ODD, RecordForm, walk_records
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.model.records import dataclass

LONGEST_FRAME = 1 << 18
"""Snap length that capture programs do not exceed; a longer record is damage."""

FILE_HEADER = 24
_SLACK = 1 << 16
"""How far above the stated snap length a frame may be: some writers state one and store whole packets."""

_DG_UX = 543
"""Major version that one system's tcpdump wrote for 2.2."""


@dataclass(frozen=True, slots=True)
class _Variant:
    """What a magic number tells."""

    unit_ns: int = 1000
    record_header: int = 16
    file_header: int = FILE_HEADER


_VARIANTS: Mapping[int, _Variant] = {
    0xA1B2C3D4: _Variant(),
    0xA1B23C4D: _Variant(unit_ns=1),
    0xA1B2CD34: _Variant(record_header=24),
    0x1C0001AB: _Variant(file_header=28),
    0x1C0001AC: _Variant(unit_ns=1, file_header=28),
}
"""Magic number -> variant: plain, nanoseconds, Kuznetzov's longer records, Ixia's software and hardware capture."""


def open_pcap(start: bytes, notes: CaptureNotes) -> PcapReader | None:
    """Give a reader for a file that starts so; None if the first four bytes are no magic number of pcap."""
    for order in "<>":
        variant = _VARIANTS.get(int.from_bytes(start[:4], "little" if order == "<" else "big"))
        if variant is not None:
            return PcapReader(order, variant, notes)
    return None


class PcapReader:
    """Reads one pcap file."""

    name = "pcap"

    def __init__(self, order: str, variant: _Variant, notes: CaptureNotes) -> None:
        """Take the byte order, as ``struct`` writes it, and what the magic number told."""
        self._order = order
        self._variant = variant
        self._notes = notes
        self._form: RecordForm | None = None
        self.header = b""

    def advance(self, data: Octets, at: int, end: int, columns: Columns) -> Step:
        """Take whole records of ``data`` from ``at`` to ``end``; the first call starts at the file's header."""
        if self._form is None:
            return self._open_file(data, at, end)
        at, stop = walk_records(data, at, end, self._form, columns)
        if stop == ODD:
            return Step(at, fault=f"a record claims more than {self._form.limit} bytes")
        return Step(at, need=stop)

    def _open_file(self, data: Octets, at: int, end: int) -> Step:
        order, variant = self._order, self._variant
        if end - at < variant.file_header:
            return Step(at, need=variant.file_header)
        major, minor, _zone, _digits, snaplen, network = struct.unpack_from(f"{order}HHiIII", data, at + 4)
        if major not in {2, _DG_UX}:
            return Step(at, fault=f"pcap version {major}.{minor}; only version 2 can be read")
        # The upper half of the field tells how long a frame check sequence is, if there is one.
        link = network & 0xFFFF
        self._form = RecordForm(
            is_big=order == ">",
            header=variant.record_header,
            unit_ns=variant.unit_ns,
            limit=min(LONGEST_FRAME, snaplen + _SLACK) if snaplen else LONGEST_FRAME,
            link=link,
            swap=_swap_of(major, minor),
        )
        note_interface(self._notes, link, snaplen)
        self.header = bytes(data[at : at + variant.file_header])
        return Step(at + variant.file_header, need=variant.record_header)


def _swap_of(major: int, minor: int) -> int:
    """Tell how the two lengths of a record stand: they changed places with version 2.3, in some files later."""
    if major == _DG_UX or minor < 3:
        return 1
    return 2 if minor == 3 else 0
