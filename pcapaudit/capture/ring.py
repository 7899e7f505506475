"""Files that keep the newest of a live capture: each is a capture of its own, the oldest goes when a new one begins."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from pcapaudit.model.errors import UsageError

_NAME = re.compile(r"ring-(\d{6,})-\d{8}T\d{6}Z\.pcap(ng)?")
_PCAPNG = b"\x0a\x0d\x0d\x0a"


class Ring:
    """Keeps the records of a capture as they came, in at most ``files`` files of about ``file_bytes`` each.

    Files of earlier runs in the same folder count among them; other files are left alone. A disk that takes no more
    ends the ring, never the capture.

    Args:
        folder: Made if it is not there.
        file_bytes: When a file has so many, the next begins.
        files: Most files that are kept.
        tell: Told once why nothing is kept any more.
        now: The time for a file's name.

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
    ) -> None:
        self.folder = folder
        self._is_broken = False
        self._file_bytes = file_bytes
        self._files = files
        self._tell = tell
        self._now = now
        self._out: BinaryIO | None = None
        self._written = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{folder}: no folder can be made there ({error.strerror})") from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise UsageError(f"{folder}: this user may not write there")

    def keep(self, records: memoryview, header: bytes) -> None:
        """Take whole records; ``header`` is what a file must begin with so that they can be read, at first nothing."""
        if self._is_broken:
            return
        try:
            out = self._out
            if out is None or self._written >= self._file_bytes:
                self.close()
                out = self._open(header[:4] or bytes(records[:4]))
                self._write(out, memoryview(header))
            self._write(out, records)
        except OSError as error:
            self._is_broken = True
            self.close()
            self._tell(f"nothing is kept in {self.folder} any more: {error.strerror or error}")

    def close(self) -> None:
        """Close the newest file."""
        if self._out is not None:
            self._out.close()

    def _open(self, start: bytes) -> BinaryIO:
        """Begin the next file, when the oldest has gone."""
        kept = self._list()
        while len(kept) >= self._files:
            kept.pop(0).unlink(missing_ok=True)
        number = _number_of(kept[-1]) + 1 if kept else 1
        suffix = "pcapng" if start == _PCAPNG else "pcap"
        path = self.folder / f"ring-{number:06d}-{self._now():%Y%m%dT%H%M%SZ}.{suffix}"
        # What people send over a network is nobody else's business.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._out, self._written = open(descriptor, "wb", buffering=0), 0  # noqa: PTH123, SIM115 - made by number
        return self._out

    def _write(self, out: BinaryIO, data: memoryview) -> None:
        done = 0
        while done < len(data):
            done += out.write(data[done:])
        self._written += done

    def _list(self) -> list[Path]:
        """The files of the ring, oldest first."""
        return sorted((path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)), key=_number_of)


def _number_of(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else 0
