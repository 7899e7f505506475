"""A capture again and again, as if it went on for days: later each time, over connections with ports of their own.

From the second turn on nobody asks for an address: devices that do so every two minutes would be in a reboot loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pcapaudit.capture import open_capture
from pcapaudit.model.frames import CaptureNotes, FrameBatch

NS = 10**9
FIRST_PORT, PORTS, STEP = 32_768, 24_000, 131
"""Ports from the first one on are the devices' own; each turn they lie a step further."""
SERVICES = range(57_000, 58_000)
"""Ports behind them at which a vendor's servers listen (X-07)."""
_ETHERNET, _TCP, _UDP = 14, 6, 17
_CHECKSUM_AT = {_TCP: 16, _UDP: 6}


@dataclass
class Endless:
    """Frames of a file, over and over.

    Args:
        path: The file; all its frames fit into one batch.
        pause_s: Silence between two turns.
    """

    path: Path
    pause_s: float

    def __post_init__(self) -> None:
        (batch,) = open_capture(self.path, notes=CaptureNotes())
        self._data = np.frombuffer(bytes(batch.data), np.uint8)
        self._offset = np.array(batch.offset, np.int64)
        self._captured = np.array(batch.captured, np.uint32)
        self._wire = np.array(batch.wire, np.uint32)
        self._time_ns = np.array(batch.time_ns, np.int64)
        self._link = np.array(batch.link, np.uint16)
        self._ports, self._sums = self._find_ports()
        self._later = np.array([not _is_dhcp(frame) for frame in self._frames()])
        self.turn_ns = int(self._time_ns[-1] - self._time_ns[0]) + round(self.pause_s * NS)
        """From the begin of one turn to that of the next."""

    def turn(self, number: int, first_frame: int, *, set_ns: int = 0) -> FrameBatch:
        """The frames of one turn, from 0; ``set_ns`` is by how much the clock of the capturing host was set."""
        data = self._data.copy()
        _add_to_ports(data, self._ports, self._sums, number * STEP)
        times = self._time_ns + number * self.turn_ns + set_ns
        columns = (self._offset, self._captured, self._wire, times, self._link)
        chosen = self._later if number else slice(None)
        return FrameBatch(data.data, first_frame, *(column[chosen].data for column in columns))

    def _frames(self) -> list[bytes]:
        places = zip(self._offset.tolist(), self._captured.tolist(), strict=True)
        return [bytes(self._data[offset : offset + size]) for offset, size in places]

    def _find_ports(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Where each port of a device stands, and the checksum that covers it."""
        places = list(self._look_for_ports())
        ports, sums = zip(*places, strict=True)
        return np.array(ports), np.array(sums)

    def _look_for_ports(self) -> Iterator[tuple[int, int]]:
        for offset, frame in zip(self._offset.tolist(), self._frames(), strict=True):
            if frame[12:14] != b"\x08\x00" or frame[23] not in _CHECKSUM_AT or frame[20] & 0x1F or frame[21]:
                continue
            start = _ETHERNET + 4 * (frame[14] & 0xF)
            checksum = start + _CHECKSUM_AT[frame[23]]
            # One of the two at most: a checksum is mended once.
            for at in (start, start + 2):
                port = int.from_bytes(frame[at : at + 2], "big")
                if port >= FIRST_PORT and port not in SERVICES and frame[checksum : checksum + 2] != b"\0\0":
                    yield offset + at, offset + checksum
                    break


def _is_dhcp(frame: bytes) -> bool:
    return frame[12:14] == b"\x08\x00" and frame[23] == _UDP and int.from_bytes(frame[36:38], "big") in {67, 68}


def _add_to_ports(
    data: npt.NDArray[np.uint8], ports: npt.NDArray[np.int64], sums: npt.NDArray[np.int64], step: int
) -> None:
    """Set other ports, and mend the checksums (RFC 1624, equation 3: HC' = ~(~HC + ~m + m'))."""
    old = data[ports] * np.int64(256) + data[ports + 1]
    new = FIRST_PORT + (old - FIRST_PORT + step) % PORTS
    total = (~(data[sums] * np.int64(256) + data[sums + 1]) & 0xFFFF) + (~old & 0xFFFF) + new
    total = (total & 0xFFFF) + (total >> 16)
    total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    data[ports], data[ports + 1] = new >> 8, new & 0xFF
    data[sums], data[sums + 1] = total >> 8, total & 0xFF
