"""Files that keep the newest of a live capture: each is a capture of its own, the oldest goes when a new one begins."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from pcapaudit.model.errors import UsageError
from pcapaudit.model.records import dataclass

_NAME = re.compile(r"ring-(\d{6,})-\d{8}T\d{6}Z\.pcap(ng)?")
_PAUSE_S = 60.0
_PCAPNG = b"\x0a\x0d\x0d\x0a"


@dataclass(frozen=True, slots=True)
class RingState:
    """What a ring holds."""

    files: int
    octets: int
    begun: datetime | None
    """When its oldest file was begun; None if there is none."""


class Ring:
    """Keeps the records of a capture as they came, in at most ``files`` files of about ``file_bytes`` each.

    Files of earlier runs in the same folder count among them; other files are left alone. A disk that takes no more
    holds the ring up, never the capture: it is tried again now and then.

    Args:
        folder: Made if it is not there.
        file_bytes: When a file has so many, the next begins.
        files: Most files that are kept.
        tell: Told why nothing is kept, and when it is kept again.
        now: The time for a file's name.
        clock: Seconds; for the pause before the disk is tried again.

    Raises:
        UsageError: The folder cannot be made or written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        file_bytes: int,
        files: int,
        tell: Callable[[str], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.fault: str | None = None
        """Why nothing is kept now."""
        self._clock = clock
        self._again_s = 0.0
        self._file_bytes = file_bytes
        self._files = files
        self._tell = tell
        self._now = now
        self._out: BinaryIO | None = None
        self._written = self._header_bytes = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{folder}: no folder can be made there ({error.strerror})") from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise UsageError(f"{folder}: this user may not write there")

    def keep(self, records: memoryview, header: bytes) -> None:
        """Take whole records; ``header`` is what a file must begin with so that they can be read.

        At first it is nothing: then a new capture begins, and a file with it.
        """
        if self.fault is not None and self._clock() < self._again_s:
            return
        try:
            self._put(records, header)
        except OSError as error:
            self._pause(str(error.strerror or error))
            return
        if self.fault is not None:
            self.fault = None
            self._tell(f"frames are kept in {self.folder} again")

    def _put(self, records: memoryview, header: bytes) -> None:
        if self._out is None or not header or self._written >= self._file_bytes:
            self.close()
            self._open(header[:4] or bytes(records[:4]))
            self._header_bytes = len(header)
            self._write(memoryview(header))
        self._write(records)

    def _pause(self, why: str) -> None:
        """Keep nothing for a while. What was written of the last records is taken back, so that the file is whole."""
        self._again_s = self._clock() + _PAUSE_S
        if self.fault is None:
            self._tell(f"nothing is kept in {self.folder}: {why}; tried again every {_PAUSE_S:.0f} s")
        self.fault = why
        if self._out is not None:
            with contextlib.suppress(OSError):
                self._out.truncate(self._written)
                if self._written <= self._header_bytes:
                    Path(self._out.name).unlink()
            self.close()

    def state(self) -> RingState:
        """What it holds now, those of earlier runs included; nothing where the folder cannot be read."""
        try:
            kept = list_ring(self.folder)
            octets = sum(path.stat().st_size for path in kept)
        except OSError:
            return RingState(0, 0, None)
        return RingState(len(kept), octets, _begin_of(kept[0]) if kept else None)

    def close(self) -> None:
        """Close the newest file."""
        if self._out is not None:
            self._out.close()
            self._out = None

    def _open(self, start: bytes) -> None:
        """Begin the next file, when the oldest has gone."""
        kept = list_ring(self.folder)
        while len(kept) >= self._files:
            kept.pop(0).unlink(missing_ok=True)
        number = _number_of(kept[-1]) + 1 if kept else 1
        suffix = "pcapng" if start == _PCAPNG else "pcap"
        path = self.folder / f"ring-{number:06d}-{self._now():%Y%m%dT%H%M%SZ}.{suffix}"
        # By hand, because a path cannot be opened with a mode of its own.
        self._out, self._written = open(path, "xb", buffering=0, opener=_open_for_owner), 0  # noqa: SIM115

    def _write(self, data: memoryview) -> None:
        out, done = cast("BinaryIO", self._out), 0
        while done < len(data):
            done += out.write(data[done:])
        self._written += done


def _open_for_owner(name: str, flags: int) -> int:
    """What people send over a network is nobody else's business."""
    return os.open(name, flags, 0o600)


def list_ring(folder: Path) -> list[Path]:
    """The files of the ring in a folder, oldest first. Raises OSError where the folder cannot be read."""
    return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), key=_number_of)


def _number_of(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else 0


def _begin_of(path: Path) -> datetime | None:
    """The time that a file's name tells; None where it is none."""
    with contextlib.suppress(ValueError):
        return datetime.strptime(path.name.split("-")[2][:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return None
